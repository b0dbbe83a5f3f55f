// What somebody wants to do, as rules see it: a verb on a resource, or on a path that is no resource's. Bytes, compared as bytes.
import { Span } from '../../../sdk/span'
import { spanOf } from '../http/response'
import { keepBytes } from '../json/arena'

export class Attributes {
  verb: Span
  group: Span = new Span(0, 0)
  /** With its subresource behind a slash, where there is one. */
  resource: Span = new Span(0, 0)
  subresource: Span = new Span(0, 0)
  /** Empty at the cluster scope. */
  namespace: Span = new Span(0, 0)
  name: Span = new Span(0, 0)
  path: Span = new Span(0, 0)

  constructor(verb: string) {
    this.verb = arenaSpan(verb)
  }

  get isPath(): bool {
    return this.path.length > 0
  }

  onPath(path: Span): this {
    this.path = path
    return this
  }

  on(group: string, resource: string, subresource: string, namespace: Span, name: Span): this {
    this.group = arenaSpan(group)
    this.resource = arenaSpan(subresource.length > 0 ? resource + '/' + subresource : resource)
    this.subresource = arenaSpan(subresource)
    this.namespace = namespace
    this.name = name
    return this
  }
}

/** Bytes of a text that live as long as the arena's trees, and not only until the next collection. */
export function arenaSpan(text: string): Span {
  const bytes = spanOf(text)
  return new Span(keepBytes(bytes.at, bytes.length), bytes.length)
}

export function sameBytes(at: usize, length: usize, other: Span): bool {
  return length == other.length && memory.compare(at, other.at, length) == 0
}
