// Versions as clients prefer them: v2, v1, v1beta2, v1beta1, v1alpha1, then others by their letters. k8s.io/apimachinery/pkg/version.

class Parsed {
  /** 3 stable, 2 beta, 1 alpha, 0 none of them. */
  stability: i32 = 0
  major: i32 = 0
  minor: i32 = 0
}

function parse(version: string): Parsed {
  const parsed = new Parsed()
  let at = 1
  const major = digits(version, at)
  if (version.charCodeAt(0) != 0x76 || major == 0) return parsed
  at += major
  if (at == version.length) parsed.stability = 3
  else {
    const isBeta = version.substr(at, 4) == 'beta'
    const from = at + (isBeta ? 4 : 5)
    const minor = digits(version, from)
    if ((!isBeta && version.substr(at, 5) != 'alpha') || minor == 0 || from + minor != version.length) return parsed
    parsed.stability = isBeta ? 2 : 1
    parsed.minor = I32.parseInt(version.substr(from, minor))
  }
  parsed.major = I32.parseInt(version.substr(1, major))
  return parsed
}

function digits(text: string, from: i32): i32 {
  let at = from
  while (at < text.length && at - from < 9 && text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++
  return at - from
}

/** Below 0 where `a` comes first. */
export function compareVersions(a: string, b: string): i32 {
  const one = parse(a)
  const other = parse(b)
  if (one.stability != other.stability) return other.stability - one.stability
  if (one.major != other.major) return other.major - one.major
  if (one.minor != other.minor) return other.minor - one.minor
  return a < b ? -1 : a > b ? 1 : 0
}
