// Rules of roles, compiled into the pool: what each allows, and whether one covers another. pkg/apis/rbac/v1/evaluation_helpers.go.
import { Span } from '../../../sdk/span'
import { allocateNode } from '../json/arena'
import { JsonNode } from '../json/node'
import { Attributes, sameBytes } from './attributes'
import { take, takeCopy } from './pool'

const STAR: u8 = 0x2a

/** Texts, one behind the other: u32 place and u32 length of each. */
@unmanaged
export class Words {
  count: i32

  at(index: i32): usize {
    return <usize>load<u32>(this.slot(index))
  }

  length(index: i32): usize {
    return <usize>load<u32>(this.slot(index), 4)
  }

  span(index: i32): Span {
    return new Span(this.at(index), this.length(index))
  }

  private slot(index: i32): usize {
    return changetype<usize>(this) + 8 + (<usize>index << 3) // SAFETY: callers keep index < count
  }
}

@unmanaged
export class Rule {
  next: Rule | null
  verbs: Words
  groups: Words
  resources: Words
  names: Words
  urls: Words
}

/** A chain of rules, of a role's `rules`, in order; null for none. @param isKept in the pool, else for as long as the tree lasts */
export function compileRules(rules: JsonNode | null, isKept: bool): Rule | null {
  let first: Rule | null = null
  let last: Rule | null = null
  let each = rules ? rules.first : null
  while (each) {
    const rule = changetype<Rule>(isKept ? take(offsetof<Rule>()) : allocateNode(offsetof<Rule>()))
    rule.verbs = words(each, 'verbs', isKept)
    rule.groups = words(each, 'apiGroups', isKept)
    rule.resources = words(each, 'resources', isKept)
    rule.names = words(each, 'resourceNames', isKept)
    rule.urls = words(each, 'nonResourceURLs', isKept)
    if (last) last.next = rule
    else first = rule
    last = rule
    each = each.next
  }
  return first
}

function words(rule: JsonNode, name: string, isKept: bool): Words {
  const list = rule.get(name)
  const count = list ? list.count : 0
  const made = changetype<Words>(isKept ? take(8 + (<usize>count << 3)) : allocateNode(8 + (<usize>count << 3)))
  made.count = count
  let slot = changetype<usize>(made) + 8
  let each = list ? list.first : null
  while (each) {
    store<u32>(slot, <u32>(isKept ? takeCopy(each.at, each.length) : each.at)) // SAFETY: `count` slots were taken
    store<u32>(slot, <u32>each.length, 4)
    slot += 8
    each = each.next
  }
  return made
}

export function allows(rule: Rule, wanted: Attributes): bool {
  if (!holds(rule.verbs, wanted.verb)) return false
  if (wanted.isPath) return urlsHold(rule.urls, wanted.path)
  return holds(rule.groups, wanted.group) && resourcesHold(rule.resources, wanted.resource, wanted.subresource) && namesHold(rule.names, wanted.name)
}

/** Whether `*` or the text itself is among the words. */
export function holds(list: Words, text: Span): bool {
  for (let i = 0; i < list.count; i++) if (isStar(list, i) || sameBytes(list.at(i), list.length(i), text)) return true
  return false
}

/** @param resource with its subresource; rules may say all of it, `*`, or `*` in the resource's place */
export function resourcesHold(list: Words, resource: Span, subresource: Span): bool {
  for (let i = 0; i < list.count; i++) {
    const at = list.at(i)
    const length = list.length(i)
    if (isStar(list, i) || sameBytes(at, length, resource)) return true
    if (subresource.length > 0 && length == subresource.length + 2 && load<u8>(at) == STAR && load<u8>(at, 1) == 0x2f && memory.compare(at + 2, subresource.at, subresource.length) == 0) return true // SAFETY: two bytes and `subresource.length` more
  }
  return false
}

/** No names are all names. */
export function namesHold(list: Words, name: Span): bool {
  if (list.count == 0) return true
  for (let i = 0; i < list.count; i++) if (sameBytes(list.at(i), list.length(i), name)) return true
  return false
}

/** Exact, `*`, or a beginning with `*` behind it. */
export function urlsHold(list: Words, path: Span): bool {
  for (let i = 0; i < list.count; i++) {
    const at = list.at(i)
    let length = list.length(i)
    if (sameBytes(at, length, path)) return true
    if (length == 0 || load<u8>(at + length - 1) != STAR) continue
    while (length > 0 && load<u8>(at + length - 1) == STAR) length-- // SAFETY: length > 0
    if (path.length >= length && memory.compare(at, path.at, length) == 0) return true
  }
  return false
}

function isStar(list: Words, index: i32): bool {
  return list.length(index) == 1 && load<u8>(list.at(index)) == STAR
}
