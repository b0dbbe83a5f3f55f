// The versions of one name, oldest first, the last one current: one record of the sealed store, so that a rotation is there whole or not at
// all. A call loads a ring, uses it and erases it; nothing of a key outlasts the call in this memory. A key_id is SHA-256 over name,
// version, 16 random bytes and the measurement of the code that made the key: it never comes again, not even where a store was put back.
import { copy, equal, zeroise } from '../../mem/bytes'
import { put, random, sha256, time } from '../../sdk/calls'
import { Span } from '../../sdk/span'
import { read } from '../../sdk/store'
import { MAX_NAME_BYTES, MAX_VERSIONS } from '../../abi/kms-provider'
import { isOurs, MEASUREMENT_BYTES, measurement } from './measurement'

// An entry: u32 version ‖ u32 state ‖ u64 ms since 1970 ‖ random 16 ‖ hash of the key_id 32 ‖ PCR0 48 ‖ KEK 32
const ENTRY_BYTES: usize = 144
const STATE: usize = 4
const CREATED: usize = 8
const RANDOM: usize = 16
const RANDOM_BYTES: usize = 16
const HASH: usize = 32
export const HASH_BYTES: usize = 32
const MEASUREMENT: usize = 64
const KEK: usize = 112
const KEK_BYTES: usize = 32

const USABLE: u32 = 1
/** The KEK is erased. The entry stays, to say so. */
const RETIRED: u32 = 2

const PREFIX = 'ring/'
/** What `rotate` answers where MAX_VERSIONS are there and none of them is retired. */
export const ROTATE_FULL: i64 = -100

const LABEL = 'wasmclave/kms-provider/key-id\0'

const entries = memory.data(36864, 16) // MAX_VERSIONS * ENTRY_BYTES
const storeKey = memory.data(80)
const hashed = memory.data(256)
const nameBuffer = memory.data(64)
const prefix = memory.data<u8>([0x72, 0x69, 0x6e, 0x67, 0x2f]) // PREFIX
let count: usize = 0

/** Entry `index` of the ring that is loaded. */
export class Entry {
  private at: usize

  constructor(index: usize) {
    this.at = entries + index * ENTRY_BYTES // SAFETY: callers hold index < count
  }

  get version(): u32 {
    return load<u32>(this.at)
  }

  get isUsable(): bool {
    return load<u32>(this.at, STATE) == USABLE
  }

  get createdMs(): u64 {
    return load<u64>(this.at, CREATED)
  }

  /** HASH_BYTES that make its key_id. */
  get hash(): usize {
    return this.at + HASH
  }

  /** MEASUREMENT_BYTES. */
  get measurement(): usize {
    return this.at + MEASUREMENT
  }

  /** KEK_BYTES; zeros once it is retired. */
  get kek(): usize {
    return this.at + KEK
  }
}

/** Loads a ring. @returns its versions; 0 where nobody has made one */
export function openRing(name: Span): usize {
  const stored = read(keyOf(name))
  if (stored === null) return 0
  const at = stored.value.at
  const length = stored.value.length
  count = length / ENTRY_BYTES
  copy(entries, at, length) // SAFETY: saveRing alone writes these records, of MAX_VERSIONS entries at most
  zeroise(at, length)
  return count
}

/** To be called before the call that opened it ends. */
export function closeRing(): void {
  zeroise(entries, count * ENTRY_BYTES)
  count = 0
}

export function currentEntry(): Entry {
  return new Entry(count - 1)
}

/** The entry of a key_id's hash, or null. Hashes are public. */
export function findEntry(hash: usize): Entry | null {
  for (let i: usize = 0; i < count; i++) if (equal(new Entry(i).hash, hash, HASH_BYTES)) return new Entry(i)
  return null
}

/** Makes a new version, which is current from then on. @returns what `put` answers, or ROTATE_FULL */
export function rotate(name: Span): i64 {
  const version: u32 = count > 0 ? currentEntry().version + 1 : 1
  if (count == <usize>MAX_VERSIONS && !dropOldestRetired()) return ROTATE_FULL
  const at = entries + count * ENTRY_BYTES // SAFETY: count < MAX_VERSIONS
  store<u32>(at, version)
  store<u32>(at, USABLE, STATE)
  store<u64>(at, <u64>time(), CREATED)
  random(at + RANDOM, RANDOM_BYTES)
  copy(at + MEASUREMENT, measurement(), MEASUREMENT_BYTES)
  random(at + KEK, KEK_BYTES)
  count++
  hashOf(at, name)
  return saveRing(name)
}

/** Erases the key of an entry, for good. @returns what `put` answers */
export function retire(name: Span, entry: Entry): i64 {
  store<u32>(entry.hash - HASH, RETIRED, STATE)
  zeroise(entry.kek, KEK_BYTES)
  return saveRing(name)
}

function saveRing(name: Span): i64 {
  const key = keyOf(name)
  return put(key.at, key.length, entries, count * ENTRY_BYTES)
}

/** Whether a stored ring is to get a new version: other code made its current one, which is in use, and there is room. */
export function isDue(record: Span): bool {
  const versions = versionsIn(record)
  const last = record.at + (versions - 1) * ENTRY_BYTES // SAFETY: a stored ring has an entry at least
  if (load<u32>(last, STATE) != USABLE || isOurs(last + MEASUREMENT)) return false
  if (versions < <usize>MAX_VERSIONS) return true
  for (let at = record.at; at < last; at += ENTRY_BYTES) if (load<u32>(at, STATE) == RETIRED) return true
  return false
}

export function versionsIn(record: Span): usize {
  return record.length / ENTRY_BYTES
}

export function ringPrefix(): Span {
  return new Span(prefix, PREFIX.length)
}

/** The name in a key of the store; valid until it is called again. */
export function nameOf(key: Span): Span {
  const length = key.length - PREFIX.length
  copy(nameBuffer, key.at + PREFIX.length, length) // SAFETY: names have MAX_NAME_BYTES at most
  return new Span(nameBuffer, length)
}

// The current one stays, whatever it is: the next version counts on from it.
function dropOldestRetired(): bool {
  for (let i: usize = 0; i + 1 < count; i++) {
    if (new Entry(i).isUsable) continue
    const at = entries + i * ENTRY_BYTES
    memory.copy(at, at + ENTRY_BYTES, (count - i - 1) * ENTRY_BYTES) // SAFETY: entries behind i, one place down
    zeroise(entries + (count - 1) * ENTRY_BYTES, ENTRY_BYTES)
    count--
    return true
  }
  return false
}

// SHA-256(label ‖ u8 length of the name ‖ name ‖ u32 version ‖ random ‖ measurement)
function hashOf(at: usize, name: Span): void {
  let to = hashed // SAFETY: 30 + 1 + MAX_NAME_BYTES + 4 + 16 + 48 bytes at most
  for (let i = 0; i < LABEL.length; i++) store<u8>(to++, <u8>LABEL.charCodeAt(i))
  store<u8>(to++, <u8>name.length)
  copy(to, name.at, name.length)
  to += name.length
  store<u32>(to, load<u32>(at))
  copy(to + 4, at + RANDOM, RANDOM_BYTES)
  copy(to + 4 + RANDOM_BYTES, at + MEASUREMENT, MEASUREMENT_BYTES)
  sha256(hashed, to + 4 + RANDOM_BYTES + MEASUREMENT_BYTES - hashed, at + HASH)
}

function keyOf(name: Span): Span {
  for (let i = 0; i < PREFIX.length; i++) store<u8>(storeKey + i, <u8>PREFIX.charCodeAt(i)) // SAFETY: 5 of 80 bytes
  const length = min(name.length, <usize>MAX_NAME_BYTES)
  copy(storeKey + PREFIX.length, name.at, length)
  return new Span(storeKey, <usize>PREFIX.length + length)
}
