// A strict reader of JSON (RFC 8259) over UTF-8 bytes in place: what is refused is refused by a code and a place, never by a trap. Refused
// are bad UTF-8, lone surrogates, control characters in strings, numbers as `01`, anything behind the value, and too deep a nesting.
// Duplicate names are kept and marked (duplicates.ts decides).
import { MAX_DEPTH } from '../limits'
import { allocateNode, arenaIsFull } from './arena'
import { FLAG_DUPLICATE, FLAG_ESCAPE, FLAG_KEY_ESCAPE, JsonNode, needsEscape, newNode, TYPE_ARRAY, TYPE_FALSE, TYPE_NULL, TYPE_NUMBER, TYPE_OBJECT, TYPE_STRING, TYPE_TRUE } from './node'
import { decodeEscapes, scanString } from './text'

export const PARSE_OK = 0
export const PARSE_SYNTAX = 1
/** The text ends before the value does. */
export const PARSE_END = 2
export const PARSE_TEXT = 3
export const PARSE_DEPTH = 4
export const PARSE_SIZE = 5

/** Why the last `parse` refused, and where: an offset into its text. */
export let parseError = PARSE_OK
export let parseErrorAt: usize = 0
/** Whether any object of the last text has a name twice. */
export let hasDuplicates = false

let start: usize = 0
let at: usize = 0
let end: usize = 0

/** @returns null where it is refused, `parseError` then saying why */
export function parse(from: usize, length: usize): JsonNode | null {
  start = from
  at = from
  end = from + length
  parseError = PARSE_OK
  hasDuplicates = false
  const root = value(0)
  if (!root) return null
  skipSpace()
  return at == end ? root : fail(PARSE_SYNTAX)
}

function fail(code: i32): JsonNode | null {
  if (parseError == PARSE_OK) {
    parseError = code
    parseErrorAt = at - start
  }
  return null
}

function skipSpace(): void {
  while (at < end) {
    const c = load<u8>(at) // SAFETY: at < end
    if (c != 0x20 && c != 0x0a && c != 0x0d && c != 0x09) return
    at++
  }
}

function value(depth: i32): JsonNode | null {
  skipSpace()
  if (at >= end) return fail(PARSE_END)
  const c = load<u8>(at) // SAFETY: at < end, as in all below
  if (c == 0x22) return stringValue()
  if (c == 0x7b || c == 0x5b) {
    if (depth >= MAX_DEPTH) return fail(PARSE_DEPTH)
    if (arenaIsFull()) return fail(PARSE_SIZE)
    return c == 0x7b ? object(depth + 1) : array(depth + 1)
  }
  if (c == 0x74) return literal('true', TYPE_TRUE)
  if (c == 0x66) return literal('false', TYPE_FALSE)
  if (c == 0x6e) return literal('null', TYPE_NULL)
  return numberValue()
}

function literal(text: string, type: u8): JsonNode | null {
  for (let i = 0; i < text.length; i++, at++) {
    if (at >= end) return fail(PARSE_END)
    if (load<u8>(at) != <u8>text.charCodeAt(i)) return fail(PARSE_SYNTAX)
  }
  return newNode(type)
}

// -? (0 | [1-9] [0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
function numberValue(): JsonNode | null {
  const from = at
  if (at < end && load<u8>(at) == 0x2d) at++
  if (at >= end) return fail(PARSE_END)
  if (load<u8>(at) == 0x30) at++
  else if (!digits()) return null
  if (at < end && load<u8>(at) == 0x2e) {
    at++
    if (!digits()) return null
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++
    if (!digits()) return null
  }
  const node = newNode(TYPE_NUMBER)
  node.at = from
  node.length = at - from
  return node
}

function digits(): bool {
  const from = at
  while (at < end && load<u8>(at) - 0x30 < 10) at++
  if (at > from) return true
  fail(at >= end ? PARSE_END : PARSE_SYNTAX)
  return false
}

let textAt: usize = 0
let textLength: usize = 0
let textEscape = false

// The string at `at`, whose quotation mark is there: content in textAt and textLength.
function text(): bool {
  const from = ++at
  const scanned = scanString(from, end)
  if (scanned < 0) {
    at = end
    fail(scanned == -1 ? PARSE_END : PARSE_TEXT)
    return false
  }
  const length = <usize>scanned >> 1
  at = from + length + 1
  textEscape = false
  if ((scanned & 1) == 0) {
    textAt = from
    textLength = length
    return true
  }
  const out = allocateNode(length)
  const decoded = decodeEscapes(from, length, out)
  if (decoded < 0) {
    fail(PARSE_TEXT)
    return false
  }
  textAt = out
  textLength = <usize>decoded
  textEscape = needsEscape(out, textLength)
  return true
}

function stringValue(): JsonNode | null {
  if (!text()) return null
  const node = newNode(TYPE_STRING)
  node.at = textAt
  node.length = textLength
  if (textEscape) node.flags = FLAG_ESCAPE
  return node
}

function array(depth: i32): JsonNode | null {
  const node = newNode(TYPE_ARRAY)
  at++
  skipSpace()
  if (at < end && load<u8>(at) == 0x5d) {
    at++
    return node
  }
  while (true) {
    const item = value(depth)
    if (!item) return null
    node.append(item)
    skipSpace()
    if (at >= end) return fail(PARSE_END)
    const c = load<u8>(at)
    if (c != 0x2c && c != 0x5d) return fail(PARSE_SYNTAX)
    at++
    if (c == 0x5d) return node
  }
}

function object(depth: i32): JsonNode | null {
  const node = newNode(TYPE_OBJECT)
  at++
  skipSpace()
  if (at < end && load<u8>(at) == 0x7d) {
    at++
    return node
  }
  while (true) {
    skipSpace()
    if (at >= end) return fail(PARSE_END)
    if (load<u8>(at) != 0x22) return fail(PARSE_SYNTAX)
    if (!text()) return null
    const key = textAt
    const keyLength = textLength
    const escape = textEscape
    skipSpace()
    if (at >= end) return fail(PARSE_END)
    if (load<u8>(at) != 0x3a) return fail(PARSE_SYNTAX)
    at++
    const member = value(depth)
    if (!member) return null
    member.key = key
    member.keyLength = keyLength
    if (escape) member.flags |= FLAG_KEY_ESCAPE
    node.append(member)
    skipSpace()
    if (at >= end) return fail(PARSE_END)
    const c = load<u8>(at)
    if (c != 0x2c && c != 0x7d) return fail(PARSE_SYNTAX)
    at++
    if (c == 0x7d) break
  }
  markDuplicates(node)
  return node
}

/** Below it, names are compared one by one. */
const FEW = 8

// Marks all but the last of each name. Bounded: names of one hash chain are compared, and the table is twice as large as their number.
function markDuplicates(node: JsonNode): void {
  if (node.count < 2) return
  if (node.count <= FEW) {
    let each = node.first
    while (each) {
      let other = each.next
      while (other) {
        if (each.keyEquals(other.key, other.keyLength)) {
          each.flags |= FLAG_DUPLICATE
          hasDuplicates = true
          break
        }
        other = other.next
      }
      each = each.next
    }
    return
  }
  const slots = <usize>1 << (33 - <usize>clz<u32>(node.count))
  const table = heap.alloc(slots << 2)
  memory.fill(table, 0, slots << 2)
  let each = node.first
  while (each) {
    let slot = <usize>hash(each.key, each.keyLength) & (slots - 1)
    while (true) {
      const place = table + (slot << 2) // SAFETY: slot < slots
      const known = load<u32>(place)
      if (known != 0 && !changetype<JsonNode>(known).keyEquals(each.key, each.keyLength)) {
        slot = (slot + 1) & (slots - 1)
        continue
      }
      if (known != 0) {
        changetype<JsonNode>(known).flags |= FLAG_DUPLICATE
        hasDuplicates = true
      }
      store<u32>(place, <u32>changetype<usize>(each))
      break
    }
    each = each.next
  }
  heap.free(table)
}

/** Drawn once: whoever knows it could make names of one slot. */
export let hashSeed: u32 = 0x811c9dc5 // FNV offset basis
export function seedHash(seed: u32): void {
  hashSeed = seed
}

// FNV-1a, from a secret start, with a last mix (MurmurHash3's)
function hash(from: usize, length: usize): u32 {
  let h = hashSeed
  for (let i: usize = 0; i < length; i++) h = (h ^ load<u8>(from + i)) * 0x01000193 // SAFETY: i < length
  h = (h ^ (h >> 16)) * 0x85ebca6b
  return h ^ (h >> 13)
}
