// JSON pointers, RFC 6901, as RFC 6902 uses them: resolved up to the last token, whose member or item need not be there.
import { Span } from '../../../sdk/span'
import { allocateNode } from '../json/arena'
import { JsonNode } from '../json/node'
import { spend } from './budget'

const SLASH: u8 = 0x2f
const TILDE: u8 = 0x7e

/** What the last `resolve` found. */
export let parent: JsonNode | null = null
export let token: Span = new Span(0, 0)

/** @returns false for what is no pointer, or leads nowhere. An empty pointer leaves `parent` null: it is the whole. */
export function resolve(root: JsonNode, pointer: Span): bool {
  parent = null
  if (pointer.length == 0) return true
  if (load<u8>(pointer.at) != SLASH) return false
  let node = root
  let rest = pointer.cut(1, pointer.length)
  while (true) {
    const slash = rest.find(SLASH)
    const part = unescape(slash < 0 ? rest : rest.cut(0, slash))
    if (!part) return false
    if (!node.isObject && !node.isArray) return false
    if (slash < 0) {
      parent = node
      token = part
      return true
    }
    const next = child(node, part)
    if (!next) return false
    node = next
    rest = rest.cut(slash + 1, rest.length)
  }
}

/** The member or item of this token, or null. */
export function child(node: JsonNode, token: Span): JsonNode | null {
  if (!spend(node.count + 1)) return null
  if (node.isObject) return node.find(token.at, token.length)
  const index = arrayIndex(token)
  return index < 0 ? null : node.item(index)
}

/** Digits without leading zeros. @returns -1 for anything else */
export function arrayIndex(token: Span): i32 {
  if (token.length == 0 || token.length > 8 || (token.length > 1 && load<u8>(token.at) == 0x30)) return -1
  let index = 0
  for (let i: usize = 0; i < token.length; i++) {
    const digit = <i32>load<u8>(token.at + i) - 0x30 // SAFETY: i < length
    if (digit < 0 || digit > 9) return -1
    index = index * 10 + digit
  }
  return index
}

function unescape(text: Span): Span | null {
  if (text.find(TILDE) < 0) return text
  const out = allocateNode(text.length)
  let length: usize = 0
  for (let i: usize = 0; i < text.length; i++) {
    let c = load<u8>(text.at + i) // SAFETY: i < length; no more is written than read
    if (c == TILDE) {
      if (++i == text.length) return null
      const next = load<u8>(text.at + i)
      if (next != 0x30 && next != 0x31) return null
      c = next == 0x30 ? TILDE : SLASH
    }
    store<u8>(out + length++, c)
  }
  return new Span(out, length)
}
