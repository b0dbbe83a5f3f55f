// The audit's head: how many events there were, the hash of the newest batch, and of what is no longer held the number and the hash. One
// record under the key 0 ‖ "ah", as fresh as the store is: u64 events ‖ hash[32] ‖ u64 dropped ‖ their hash[32] ‖ u64 first segment ‖ u64
// segment behind the last ‖ u64 length of the last ‖ u64 bytes of all ‖ u64 number of the newest entry in a batch.
import { STATUS_NOT_FOUND } from '../../../abi/status'
import { get, put, random } from '../../../sdk/calls'
import { countWrite } from './entries'

export const HASH_BYTES: usize = 32
const BYTES: usize = 120
const KEY = memory.data<u8>([0, 0x61, 0x68]) // "ah"
const KEY_LENGTH: usize = 3

/** With a version before it, as the kernel gives it. */
const record = memory.data(128, 8)
const at = record + 8

export class Head {
  get events(): u64 { return load<u64>(at) }
  set events(value: u64) { store<u64>(at, value) }
  /** Of the newest batch; before the first, 32 bytes drawn at random, so that no two stores tell one story. */
  get hash(): usize { return at + 8 }
  /** The oldest events that are no longer held. */
  get dropped(): u64 { return load<u64>(at, 40) }
  set dropped(value: u64) { store<u64>(at, value, 40) }
  /** Of the batch before the oldest that is held. */
  get droppedHash(): usize { return at + 48 }
  get first(): u64 { return load<u64>(at, 80) }
  set first(value: u64) { store<u64>(at, value, 80) }
  get next(): u64 { return load<u64>(at, 88) }
  set next(value: u64) { store<u64>(at, value, 88) }
  get lastLength(): usize { return <usize>load<u64>(at, 96) }
  set lastLength(value: usize) { store<u64>(at, <u64>value, 96) }
  get bytes(): u64 { return load<u64>(at, 104) }
  set bytes(value: u64) { store<u64>(at, value, 104) }
  /** All entries up to this number are in batches. */
  get highest(): u64 { return load<u64>(at, 112) }
  set highest(value: u64) { store<u64>(at, value, 112) }
}

/** As it was read or put last. */
export const head = new Head()

/** Reads what is durable, or has been put by this call. @returns false where there is none */
export function readHead(): bool {
  return get(KEY, KEY_LENGTH, record, BYTES + 8) != STATUS_NOT_FOUND // SAFETY: it has room for version and head
}

/** @returns its version, or a status */
export function putHead(): i64 {
  const version = put(KEY, KEY_LENGTH, at, BYTES)
  if (version >= 0) countWrite()
  return version
}

/** The head of a store without events. */
export function makeHead(): i64 {
  memory.fill(at, 0, BYTES)
  random(head.hash, HASH_BYTES)
  memory.copy(head.droppedHash, head.hash, HASH_BYTES)
  return putHead()
}
