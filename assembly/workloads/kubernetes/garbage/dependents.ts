// Who depends on whom, by a hash of the owner's uid: a table outside of the collected heap, with an entry for each reference. A hint of where to
// look: what is done about an object is decided by what is stored. Made from the store at opening (collect.ts), kept up by what is written.
import { Span } from '../../../sdk/span'
import { keepBytes } from '../json/arena'
import { hashSeed } from '../json/parser'
import { MAX_DEPENDENTS } from '../limits'

const FIRST_SLOTS: u32 = 1024 // a power of two
const GONE: u32 = 1

@unmanaged
export class Dependent {
  /** Of the owner. */
  owner: u64
  /** The transaction that said so. */
  version: u64
  hash: u32
  keyLength: u32
  /** Whether it is to be looked at. */
  due: bool
  /** Whether a foreground deletion of the owner waits for it. */
  blocks: bool

  /** Where the entry lies; whoever writes what it names keeps a copy (`keptKey`), for the entry may go with it. */
  get key(): Span {
    return new Span(changetype<usize>(this) + offsetof<Dependent>(), this.keyLength)
  }
}

/** Its key in the arena: what is told of a write names it after the entry has gone. */
export function keptKey(entry: Dependent): Span {
  return new Span(keepBytes(entry.key.at, entry.keyLength), entry.keyLength)
}

let slots: u32 = 0
let table: usize = 0
/** Entries, and slots that are taken by them or were. */
export let dependentCount: u32 = 0
let used: u32 = 0
/** Entries that are to be looked at. */
export let dueCount: u32 = 0

/** Of each owner: what depends on it, and what of that its deletion in the foreground waits for. */
const counts: Map<u64, i32> = new Map()
const blockers: Map<u64, i32> = new Map()

export function hasDependents(owner: u64): bool {
  return counts.has(owner)
}

export function isBlocked(owner: u64): bool {
  return blockers.has(owner)
}

function count(in_: Map<u64, i32>, owner: u64, change: i32): void {
  const now = (in_.has(owner) ? in_.get(owner) : 0) + change
  if (now == 0) in_.delete(owner)
  else in_.set(owner, now)
}

/** FNV-1a of 64 bits, from a secret start: whoever knew it could make two uids one. */
export function hashOf(bytes: Span): u64 {
  let hash: u64 = 0xcbf29ce484222325 ^ (<u64>hashSeed << 16) // FNV offset basis
  for (let i: usize = 0; i < bytes.length; i++) hash = (hash ^ <u64>load<u8>(bytes.at + i)) * 0x100000001b3 // SAFETY: i < length; FNV prime
  return hash ^ (hash >> 29)
}

/** An entry for this reference, to be looked at. Where there is no room for it, none: such a dependent stays when its owner goes. */
export function addDependent(owner: u64, key: Span, version: u64, blocks: bool): void {
  const hash = hashEntry(owner, key)
  let entry = find(owner, key, hash)
  if (!entry) {
    if (dependentCount >= <u32>MAX_DEPENDENTS) return
    if (used * 2 >= slots) grow()
    entry = changetype<Dependent>(heap.alloc(offsetof<Dependent>() + key.length))
    entry.owner = owner
    entry.hash = hash
    entry.keyLength = <u32>key.length
    entry.due = false
    entry.blocks = false
    memory.copy(changetype<usize>(entry) + offsetof<Dependent>(), key.at, key.length) // SAFETY: as long as was allocated
    place(entry)
    dependentCount++
    count(counts, owner, 1)
  }
  entry.version = version
  if (entry.blocks != blocks) count(blockers, owner, blocks ? 1 : -1)
  entry.blocks = blocks
  setDue(entry, true)
}

export function dropDependent(owner: u64, key: Span): void {
  const entry = find(owner, key, hashEntry(owner, key))
  if (entry) forget(entry)
}

export function setDue(entry: Dependent, due: bool): void {
  if (entry.due == due) return
  entry.due = due
  if (due) dueCount++
  else dueCount--
}

/** Walks: the entry in this slot, or null; slots are below `slotCount`. */
export function dependentIn(slot: u32): Dependent | null {
  const at = load<u32>(table + (<usize>slot << 2)) // SAFETY: below slots
  return at > GONE ? changetype<Dependent>(<usize>at) : null
}

export function slotCount(): u32 {
  return slots
}

export function clearDependents(): void {
  for (let i: u32 = 0; i < slots; i++) {
    const entry = dependentIn(i)
    if (entry) heap.free(changetype<usize>(entry))
  }
  if (table != 0) heap.free(table)
  table = 0
  slots = 0
  used = 0
  dependentCount = 0
  dueCount = 0
  counts.clear()
  blockers.clear()
}

function hashEntry(owner: u64, key: Span): u32 {
  const hash = hashOf(key) * 0x9e3779b97f4a7c15 + owner // 2^64 / golden ratio
  return <u32>(hash ^ (hash >> 32))
}

function find(owner: u64, key: Span, hash: u32): Dependent | null {
  if (slots == 0) return null
  let slot = hash & (slots - 1)
  while (true) {
    const at = load<u32>(table + (<usize>slot << 2)) // SAFETY: below slots; half of them are free
    if (at == 0) return null
    slot = (slot + 1) & (slots - 1)
    if (at == GONE) continue
    const entry = changetype<Dependent>(<usize>at)
    if (entry.hash == hash && entry.owner == owner && entry.keyLength == <u32>key.length && memory.compare(entry.key.at, key.at, key.length) == 0)
      return entry
  }
}

function forget(entry: Dependent): void {
  setDue(entry, false)
  count(counts, entry.owner, -1)
  if (entry.blocks) count(blockers, entry.owner, -1)
  let slot = entry.hash & (slots - 1)
  while (load<u32>(table + (<usize>slot << 2)) != <u32>changetype<usize>(entry)) slot = (slot + 1) & (slots - 1) // SAFETY: it is there
  store<u32>(table + (<usize>slot << 2), GONE)
  heap.free(changetype<usize>(entry))
  dependentCount--
}

function place(entry: Dependent): void {
  let slot = entry.hash & (slots - 1)
  while (load<u32>(table + (<usize>slot << 2)) != 0) slot = (slot + 1) & (slots - 1) // SAFETY: half of the slots are free
  store<u32>(table + (<usize>slot << 2), <u32>changetype<usize>(entry))
  used++
}

// Twice the entries that are, at least: what was taken and is free again is found so.
function grow(): void {
  const old = table
  const oldSlots = slots
  slots = FIRST_SLOTS
  while (slots < dependentCount * 4) slots <<= 1
  table = heap.alloc(<usize>slots << 2)
  memory.fill(table, 0, <usize>slots << 2)
  used = 0
  for (let i: u32 = 0; i < oldSlots; i++) {
    const at = load<u32>(old + (<usize>i << 2)) // SAFETY: below oldSlots
    if (at > GONE) place(changetype<Dependent>(<usize>at))
  }
  if (old != 0) heap.free(old)
}
