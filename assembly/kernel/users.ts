// Users that an owner has enrolled in the channel (PROTOCOLS 2): Ed25519 keys that may open sessions beside the owners'. They are records of
// the kernel's own in the store, `user/` ‖ key, and count once they are durable.
import { MAX_ENROLLED_USERS } from '../abi/limits'
import { STATUS_TOO_LARGE } from '../abi/status'
import { Writer } from '../codec/writer'
import { space } from './calls'
import { RECORD_KERNEL, recordKey, recordKeyLength } from './space/record'
import { Table } from './space/table'

const PREFIX = 'user/'
const PREFIX_BYTES: usize = 5
const KEY_BYTES: usize = 32

const name = memory.data(5 + 32)

export function isEnrolled(key: usize): bool {
  return space.kernelRecord(nameOf(key), PREFIX_BYTES + KEY_BYTES) != 0
}

/** Writes, in the open transaction. @returns a version, or a status */
export function enrol(key: usize): i64 {
  if (!isEnrolled(key) && count(space.kernel.durable) + count(space.kernel.pending) >= MAX_ENROLLED_USERS) return STATUS_TOO_LARGE
  return space.put(RECORD_KERNEL, nameOf(key), PREFIX_BYTES + KEY_BYTES, 0, 0)
}

/** Writes, in the open transaction. @returns a version, or a status */
export function dismiss(key: usize): i64 {
  return space.remove(RECORD_KERNEL, nameOf(key), PREFIX_BYTES + KEY_BYTES)
}

/** Writes the keys of all users, one behind the other. */
export function listUsers(out: Writer): void {
  const cursor = space.kernel.durable.seek(nameOf(0), PREFIX_BYTES)
  for (let record = space.kernel.durable.at(cursor); isUser(record); record = space.kernel.durable.at(cursor)) {
    out.raw(userKey(record), KEY_BYTES)
    cursor.index++
  }
}

export function userKey(record: usize): usize {
  return recordKey(record) + PREFIX_BYTES
}

/** Whether a record of the kernel's own is a user. */
export function isUser(record: usize): bool {
  if (record == 0 || recordKeyLength(record) != PREFIX_BYTES + KEY_BYTES) return false
  return memory.compare(recordKey(record), nameOf(0), PREFIX_BYTES) == 0
}

function count(table: Table): i32 {
  const cursor = table.seek(nameOf(0), PREFIX_BYTES)
  let users = 0
  for (; isUser(table.at(cursor)); cursor.index++) users++
  return users
}

function nameOf(key: usize): usize {
  for (let i = 0; i < PREFIX.length; i++) store<u8>(name + i, <u8>PREFIX.charCodeAt(i)) // SAFETY: PREFIX_BYTES
  if (key != 0) memory.copy(name + PREFIX_BYTES, key, KEY_BYTES)
  return name
}
