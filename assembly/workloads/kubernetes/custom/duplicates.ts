// Items that a list has twice though its x-kubernetes-list-type says that each is there once: of a set by what they are, of a map by its keys.
import { TextWriter } from '../../../sdk/text-writer'
import { JsonNode } from '../json/node'
import { hashSeed } from '../json/parser'
import { writeJson } from '../json/writer'
import { spend } from '../patch/budget'
import { LIST_SET, Schema } from './structural'

const names = new TextWriter()

/** @returns index of the first item that is there before too, or -1. Bounded by a table of twice their number, and by the budget. */
export function duplicateIn(list: JsonNode, schema: Schema): i32 {
  const count = <usize>list.count
  if (count < 2) return -1
  // Each item's identity as text, one behind the other
  const slots = <usize>1 << (33 - <usize>clz<u32>(<u32>count))
  const table = heap.alloc(slots << 2)
  const places = heap.alloc(count << 3)
  memory.fill(table, 0, slots << 2)
  names.clear()
  let found = -1
  let index: usize = 0
  let each = list.first
  while (each && found < 0) {
    const start = names.length
    writeIdentity(each, schema)
    const length = names.length - start
    store<u32>(places + (index << 3), <u32>start) // SAFETY: index < count
    store<u32>(places + (index << 3), <u32>length, 4)
    let slot = <usize>hash(names.at + start, length) & (slots - 1)
    if (!spend(<i64>length + 1)) break
    while (true) {
      const known = load<u32>(table + (slot << 2)) // SAFETY: slot < slots
      if (known == 0) break
      const other = places + (<usize>(known - 1) << 3)
      if (<usize>load<u32>(other, 4) == length && memory.compare(names.at + <usize>load<u32>(other), names.at + start, length) == 0) {
        found = <i32>index
        break
      }
      slot = (slot + 1) & (slots - 1)
    }
    index++
    store<u32>(table + (slot << 2), <u32>index)
    each = each.next
  }
  heap.free(places)
  heap.free(table)
  names.shrink()
  return found
}

function writeIdentity(item: JsonNode, schema: Schema): void {
  const keys = schema.mapKeys
  if (schema.has(LIST_SET) || !keys || !item.isObject) return writeJson(names, item)
  let key = keys.first
  while (key) {
    const value = item.find(key.at, key.length)
    if (value) writeJson(names, value)
    names.byte(0)
    key = key.next
  }
}

function hash(from: usize, length: usize): u32 {
  let h = hashSeed
  for (let i: usize = 0; i < length; i++) h = (h ^ load<u8>(from + i)) * 0x01000193 // SAFETY: i < length; FNV-1a
  h = (h ^ (h >> 16)) * 0x85ebca6b // MurmurHash3's last mix
  return h ^ (h >> 13)
}
