// What a path names: /api/v1/… and /apis/GROUP/VERSION/…, then namespaces/NAMESPACE/RESOURCE/NAME/SUBRESOURCE as far as it goes. Segments
// are percent-decoded one by one, and none may bring a slash of its own.
import { percentDecode, Span } from '../../../sdk/span'
import { hasGroup, namespaces, Resource, resources } from '../resources/table'

const SLASH: u8 = 0x2f
const PERCENT: u8 = 0x25

/** Not a path of a resource: discovery's, or nobody's. */
export const PATH_OTHER = 0
export const PATH_RESOURCE = 1
/** A known group and version without such a resource. */
export const PATH_UNKNOWN = 2

export class Target {
  resource: Resource = namespaces
  /** Empty for a collection of all namespaces, and for what is in none. */
  namespace: Span = new Span(0, 0)
  name: Span = new Span(0, 0)
  subresource: Span = new Span(0, 0)

  get hasName(): bool {
    return this.name.length > 0
  }

  get hasSubresource(): bool {
    return this.subresource.length > 0
  }
}

const segments: Span[] = []

/** Reads a path into `target`. @returns one of PATH_… */
export function readPath(path: Span, target: Target): i32 {
  if (!split(path)) return PATH_OTHER
  const count = segments.length
  if (count < 2) return PATH_OTHER
  let group: Span
  let version: Span
  let at: i32
  if (segments[0].is('api')) {
    group = new Span(0, 0)
    version = segments[1]
    at = 2
  } else if (segments[0].is('apis') && count >= 3) {
    group = segments[1]
    version = segments[2]
    at = 3
    if (group.length == 0) return PATH_OTHER
  } else return PATH_OTHER
  if (at == count) return PATH_OTHER
  let left = count - at
  // /namespaces, /namespaces/NAME and its subresources are of the resource namespaces; else it is where another one is
  const inNamespace = left >= 3 && segments[at].is('namespaces') && !isNamespaceSubresource(segments[at + 2], left, group)
  if (inNamespace) {
    target.namespace = segments[at + 1]
    at += 2
    left -= 2
  }
  const resource = find(group, version, segments[at])
  if (!resource) return hasGroup(group.text(), version.text()) ? PATH_UNKNOWN : PATH_OTHER
  if (inNamespace != resource.namespaced && (inNamespace || left > 1)) return PATH_UNKNOWN
  if (left > 3) return PATH_UNKNOWN
  target.resource = resource
  if (left > 1) target.name = segments[at + 1]
  if (left > 2) {
    target.subresource = segments[at + 2]
    if (!resource.subresource(target.subresource.text())) return PATH_UNKNOWN
  }
  return PATH_RESOURCE
}

function isNamespaceSubresource(segment: Span, left: i32, group: Span): bool {
  return group.length == 0 && left == 3 && (segment.is('status') || segment.is('finalize'))
}

function find(group: Span, version: Span, name: Span): Resource | null {
  for (let i = 0; i < resources.length; i++) {
    const each = resources[i]
    if (name.is(each.resource) && version.is(each.version) && group.is(each.group)) return each
  }
  return null
}

// @returns false for what is no path of segments: an empty one, or bad percent-encoding
function split(path: Span): bool {
  segments.length = 0
  if (path.length < 2 || load<u8>(path.at) != SLASH) return false
  let rest = path.cut(1, path.length)
  if (load<u8>(rest.at + rest.length - 1) == SLASH) rest = rest.cut(0, rest.length - 1) // SAFETY: at least one byte
  while (true) {
    const slash = rest.find(SLASH)
    const raw = slash < 0 ? rest : rest.cut(0, slash)
    const segment = raw.find(PERCENT) < 0 ? raw : percentDecode(raw)
    if (!segment || segment.length == 0 || segment.find(SLASH) >= 0) return false
    segments.push(segment)
    if (slash < 0) return true
    if (segments.length > 8) return false
    rest = rest.cut(slash + 1, rest.length)
  }
}
