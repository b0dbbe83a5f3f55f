// Protobuf's wire format: one field after another, sizes first. Groups (wire types 3 and 4) and what is reserved are refused; nothing is
// read behind `end`, and a flaw leaves `broken` set and every later answer empty, so that callers ask once, at the end.

export const VARINT: u32 = 0
export const LENGTH_DELIMITED: u32 = 2
const FIXED64: u32 = 1
const FIXED32: u32 = 5
/** Field numbers have 29 bits. */
const MAX_FIELD: u64 = 536870911

/** The flaw, if there was one since `begin`. */
export let broken: bool = false
/** The field that `next` has read: its number, its wire type, the place and length of what is in it, or its varint. */
export let number: u32 = 0
export let wireType: u32 = 0
export let valueAt: usize = 0
export let valueLength: usize = 0
export let varintValue: u64 = 0
let cursor: usize = 0

export function begin(): void {
  broken = false
}

export function fail(): void {
  broken = true
}

/** Reads the field at `at`. @returns where the one behind it begins; `end`, with `broken` set, where there is a flaw */
export function next(at: usize, end: usize): usize {
  cursor = at
  const tag = varint(end)
  const field = tag >> 3
  wireType = <u32>tag & 7
  number = <u32>field
  valueLength = 0
  if (field == 0 || field > MAX_FIELD) broken = true
  else if (wireType == VARINT) varintValue = varint(end)
  else if (wireType == LENGTH_DELIMITED) take(varint(end), end)
  else if (wireType == FIXED64) take(8, end)
  else if (wireType == FIXED32) take(4, end)
  else broken = true
  return broken ? end : cursor
}

function take(length: u64, end: usize): void {
  if (length > <u64>(end - cursor)) {
    broken = true
    return
  }
  valueAt = cursor
  valueLength = <usize>length
  cursor += valueLength
}

// Seven bits a byte, the least first; the tenth byte has room for one.
function varint(end: usize): u64 {
  let value: u64 = 0
  for (let shift: u64 = 0; shift <= 63 && cursor < end; shift += 7) {
    const byte = load<u8>(cursor++) // SAFETY: cursor < end
    if (shift == 63 && byte > 1) break
    value |= <u64>(byte & 0x7f) << shift
    if (byte < 0x80) return value
  }
  broken = true
  return 0
}
