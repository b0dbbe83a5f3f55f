// Entity tags of If-Match and If-None-Match, RFC 9110 section 8.8.3: ours are a version in quotes, and never weak.
import { Span } from '../../sdk/span'

const COMMA: u8 = 0x2c

/** Whether `*` or a list of tags names this version; `weak` lets W/"…" count, section 8.8.3.2. */
export function tagsInclude(list: Span, version: u64, weak: bool): bool {
  if (list.trim().is('*')) return true
  const tag = '"' + version.toString() + '"'
  let rest = list
  // Another's tag may hold a comma, but no quote: no piece of it reads as ours.
  while (true) {
    const comma = rest.find(COMMA)
    const each = (comma < 0 ? rest : rest.cut(0, comma)).trim()
    if (each.is(tag) || (weak && each.is('W/' + tag))) return true
    if (comma < 0) return false
    rest = rest.cut(comma + 1, rest.length)
  }
}
