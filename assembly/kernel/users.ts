// Users that an owner has enrolled in the channel (PROTOCOLS 2): Ed25519 keys that may open sessions beside the owners'.
import { MAX_ENROLLED_USERS } from '../abi/limits'

const KEY_BYTES: usize = 32

// LIMIT(C05): in this memory alone until the store is durable; a restart forgets them.
const users: Array<usize> = []

export function isEnrolled(key: usize): bool {
  return place(key) >= 0
}

/** @returns false when there is no room */
export function enrol(key: usize): bool {
  if (isEnrolled(key)) return true
  if (users.length >= MAX_ENROLLED_USERS) return false
  const kept = heap.alloc(KEY_BYTES)
  memory.copy(kept, key, KEY_BYTES)
  users.push(kept)
  return true
}

/** @returns false when it was not enrolled */
export function dismiss(key: usize): bool {
  const at = place(key)
  if (at < 0) return false
  heap.free(users[at])
  users.splice(at, 1)
  return true
}

export function userCount(): i32 {
  return users.length
}

export function userAt(index: i32): usize {
  return users[index]
}

function place(key: usize): i32 {
  for (let i = 0; i < users.length; i++) if (memory.compare(users[i], key, KEY_BYTES) == 0) return i // public keys
  return -1
}
