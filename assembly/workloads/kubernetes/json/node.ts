// A JSON value as a node of a tree: 36 bytes in the arena (arena.ts), strings and numbers as slices of what was parsed. A string's slice
// is its content without escapes; FLAG_ESCAPE says that writing it needs some. A number's slice is its text, as it was written.
import { allocateNode, keep } from './arena'

export const TYPE_NULL: u8 = 0
export const TYPE_FALSE: u8 = 1
export const TYPE_TRUE: u8 = 2
export const TYPE_NUMBER: u8 = 3
export const TYPE_STRING: u8 = 4
export const TYPE_ARRAY: u8 = 5
export const TYPE_OBJECT: u8 = 6

export const FLAG_ESCAPE: u8 = 1
export const FLAG_KEY_ESCAPE: u8 = 2
/** A later member of the same object has the same key. */
export const FLAG_DUPLICATE: u8 = 4

@unmanaged
export class JsonNode {
  type: u8
  flags: u8
  /** Name in an object. */
  key: usize
  keyLength: usize
  /** String or number: its slice. Array or object: unused. */
  at: usize
  length: usize
  /** Members or items, in order. */
  first: JsonNode | null
  last: JsonNode | null
  next: JsonNode | null
  count: i32

  get isObject(): bool {
    return this.type == TYPE_OBJECT
  }

  get isArray(): bool {
    return this.type == TYPE_ARRAY
  }

  get isString(): bool {
    return this.type == TYPE_STRING
  }

  get isNull(): bool {
    return this.type == TYPE_NULL
  }

  /** Whether it is this ASCII string. */
  is(text: string): bool {
    return this.type == TYPE_STRING && sameAscii(this.at, this.length, text)
  }

  keyIs(text: string): bool {
    return sameAscii(this.key, this.keyLength, text)
  }

  keyEquals(at: usize, length: usize): bool {
    return this.keyLength == length && memory.compare(this.key, at, length) == 0
  }

  text(): string {
    return String.UTF8.decodeUnsafe(this.at, this.length)
  }

  keyText(): string {
    return String.UTF8.decodeUnsafe(this.key, this.keyLength)
  }

  /** The member of this ASCII name, or null; also where this is no object. */
  get(name: string): JsonNode | null {
    let child = this.first
    while (child) {
      if (child.keyIs(name)) return child
      child = child.next
    }
    return null
  }

  find(key: usize, keyLength: usize): JsonNode | null {
    let child = this.first
    while (child) {
      if (child.keyEquals(key, keyLength)) return child
      child = child.next
    }
    return null
  }

  /** The item at this index, or null. */
  item(index: i32): JsonNode | null {
    let child = this.first
    while (child && index-- > 0) child = child.next
    return child
  }

  append(child: JsonNode): void {
    child.next = null
    const last = this.last
    if (last) last.next = child
    else this.first = child
    this.last = child
    this.count++
  }

  /** Puts `child` behind `before`, or first where that is null. */
  insertAfter(before: JsonNode | null, child: JsonNode): void {
    if (before) {
      child.next = before.next
      before.next = child
    } else {
      child.next = this.first
      this.first = child
    }
    if (!child.next) this.last = child
    this.count++
  }

  /** Takes a child out. @returns false where it is none */
  detach(child: JsonNode): bool {
    let before: JsonNode | null = null
    let each = this.first
    while (each && each != child) {
      before = each
      each = each.next
    }
    if (!each) return false
    if (before) before.next = child.next
    else this.first = child.next
    if (this.last == child) this.last = before
    child.next = null
    this.count--
    return true
  }

  remove(name: string): void {
    const child = this.get(name)
    if (child) this.detach(child)
  }

  /** Puts `value` under the key of `old`, in its place. */
  replace(old: JsonNode, value: JsonNode): void {
    value.key = old.key
    value.keyLength = old.keyLength
    value.flags = (value.flags & ~FLAG_KEY_ESCAPE) | (old.flags & FLAG_KEY_ESCAPE)
    let before: JsonNode | null = null
    let each = this.first
    while (each && each != old) {
      before = each
      each = each.next
    }
    value.next = old.next
    if (before) before.next = value
    else this.first = value
    if (this.last == old) this.last = value
  }

  /** `set`, for building: this. */
  with(name: string, value: JsonNode): this {
    this.set(name, value)
    return this
  }

  /** Sets the member of this name, in its place where there is one. */
  set(name: string, value: JsonNode): JsonNode {
    const old = this.get(name)
    if (old) {
      this.replace(old, value)
      return value
    }
    value.key = keep(name)
    value.keyLength = name.length
    value.flags &= ~FLAG_KEY_ESCAPE
    this.append(value)
    return value
  }
}

export function newNode(type: u8): JsonNode {
  const node = changetype<JsonNode>(allocateNode(offsetof<JsonNode>()))
  node.type = type
  return node
}

/** A string of memory that lives as long as the arena does. */
export function newString(at: usize, length: usize): JsonNode {
  const node = newNode(TYPE_STRING)
  node.at = at
  node.length = length
  if (needsEscape(at, length)) node.flags = FLAG_ESCAPE
  return node
}

export function newText(text: string): JsonNode {
  const bytes = String.UTF8.byteLength(text)
  const at = allocateNode(bytes)
  String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, at) // SAFETY: `bytes` is what this writes
  return newString(at, bytes)
}

export function newNumber(text: string): JsonNode {
  const node = newNode(TYPE_NUMBER)
  node.at = keep(text)
  node.length = text.length
  return node
}

/** Quotation marks, backslashes and control characters, RFC 8259 section 7. */
export function needsEscape(at: usize, length: usize): bool {
  for (let i: usize = 0; i < length; i++) {
    const c = load<u8>(at + i) // SAFETY: i < length
    if (c < 0x20 || c == 0x22 || c == 0x5c) return true
  }
  return false
}

export function sameAscii(at: usize, length: usize, text: string): bool {
  if (length != <usize>text.length) return false
  for (let i = 0; i < text.length; i++) if (load<u8>(at + i) != <u8>load<u16>(changetype<usize>(text) + (<usize>i << 1))) return false // SAFETY: i < length
  return true
}
