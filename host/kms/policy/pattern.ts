/** IAM's wildcards: `*` for any run of characters, the empty one too, `?` for exactly one. There is no escape. */

/**
 * Whether the whole text fits. It goes back to the last `*` alone, as an earlier one could not do better: at worst the product of both
 * lengths, which are bounded (a policy has 32 KiB), and never exponential.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let retry = 0
  while (t < text.length) {
    // The star first: a text may itself hold one.
    if (pattern[p] === '*') {
      star = p++
      retry = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++retry
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

const ARN_PARTS = 6

/** ArnLike: each of the six parts by itself, so that a `*` does not reach over a colon; the last part holds what colons are left. */
export function matchesArn(pattern: string, text: string): boolean | undefined {
  const wanted = arnParts(pattern)
  const found = arnParts(text)
  if (wanted === undefined || found === undefined) return undefined
  return wanted.every((part, index) => matchesPattern(part, found[index] as string))
}

/** arn, partition, service, region, account, resource; undefined where it is no ARN. */
export function arnParts(text: string): string[] | undefined {
  const parts = text.split(':')
  if (parts[0] !== 'arn' || parts.length < ARN_PARTS) return undefined
  return [...parts.slice(0, ARN_PARTS - 1), parts.slice(ARN_PARTS - 1).join(':')]
}
