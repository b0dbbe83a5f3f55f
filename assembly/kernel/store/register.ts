// The store register at the KMS (PROTOCOLS 5, abi/STORE.md): the only memory of which head is the newest. Messages carry a counter and a MAC under
// a key that K2 brought; whoever takes the store next gets another key, and we are fenced.
import {
  HEAD_HASH_BYTES, HOLDER_BYTES, REFUSED_REPLAY, REFUSED_UNAVAILABLE, REGISTER_ADVANCE, REGISTER_DONE, REGISTER_KEY_BYTES, REGISTER_MAC_BYTES,
  REGISTER_READ, REGISTER_REWRAP, REGISTER_REWRAP_DUE, STORE_ID_BYTES, STORE_REFUSED, STORE_REGISTER, STORE_REGISTERED, WRAPPED_DEK_MAX
} from '../../abi/store'
import { Writer } from '../../codec/writer'
import { HASH_SHA256, HMAC_CONTEXT, hmacBegin, hmacEnd, hmacKey, hmacUpdate } from '../../crypto/hmac'
import { copy, equal, load16, load64, zeroise } from '../../mem/bytes'
import { LABEL_REGISTER_ANSWER, LABEL_REGISTER_REQUEST } from '../labels'
import { storeId } from './keys'
import { setWrapping } from './meta'
import { sendToKms } from './relay'

// R2: u8 type ‖ store id ‖ holder ‖ u64 counter ‖ u8 status ‖ u64 generation ‖ head hash ‖ u8 flags ‖ wrapping ‖ MAC
const COUNTER_AT: usize = 49
const STATUS_AT: usize = 57
const GENERATION_AT: usize = 58
const HASH_AT: usize = 66
const FLAGS_AT: usize = 98
const WRAPPED_AT: usize = 99

/** What an answer means. */
export const ANSWER_NONE: i32 = 0
/** The register did what was asked; `register` says what it is now. */
export const ANSWER_DONE: i32 = 1
/** It did not, as it is not what we expected: `register` says what it is. */
export const ANSWER_CONFLICT: i32 = 2
/** Ask again. */
export const ANSWER_AGAIN: i32 = 3
/** Another has the store, or the KMS wants nothing of us. */
export const ANSWER_FENCED: i32 = 4

class Register {
  generation: u64 = 0
  hash: usize = heap.alloc(HEAD_HASH_BYTES)

  set(generation: u64, hash: usize): void {
    this.generation = generation
    copy(this.hash, hash, HEAD_HASH_BYTES)
  }

  is(generation: u64, hash: usize): bool {
    return this.generation == generation && memory.compare(this.hash, hash, HEAD_HASH_BYTES) == 0 // public
  }
}

/** The register as the KMS last told it. */
export const register = new Register()
/** The KMS wants the key wrapped anew. */
export let rewrapIsDue: bool = false

const mac = memory.data(<i32>HMAC_CONTEXT, 16)
const holder = memory.data(16)
const label = new Writer(64)
const message = new Writer(256)
const computed = memory.data(32)
let counter: u64 = 0
let operation: u32 = 0
/** Of the question that waits; 0 when none does. */
let ticket: u32 = 0

/** A fresh key: counting begins anew. */
export function beginRegister(key: usize, r: usize, flags: u64): void {
  hmacKey(mac, HASH_SHA256, key, REGISTER_KEY_BYTES)
  copy(holder, r, HOLDER_BYTES)
  counter = 0
  ticket = 0
  rewrapIsDue = (flags & REGISTER_REWRAP_DUE) != 0
}

export function askRead(): void {
  begin(REGISTER_READ)
  send()
}

/** From what the register is, as we know it, to this head. */
export function askAdvance(generation: u64, hash: usize): void {
  begin(REGISTER_ADVANCE)
  message.u64(register.generation)
  message.raw(register.hash, HEAD_HASH_BYTES)
  message.u64(generation)
  message.raw(hash, HEAD_HASH_BYTES)
  send()
}

export function askRewrap(): void {
  begin(REGISTER_REWRAP)
  send()
}

/** Nobody waits for an answer any more. */
export function forgetQuestion(): void {
  ticket = 0
}

/** An answer of the KMS, as the parent brings it. */
export function receiveRegister(id: u32, at: usize, length: usize): i32 {
  if (ticket == 0 || id != ticket || length < 1) return ANSWER_NONE
  const type = load<u8>(at)
  if (type == STORE_REFUSED && length >= 3) {
    ticket = 0
    const code = load16(at + 1)
    // A refusal is nobody's signed word: the parent can stop us by one, as it can anyway
    return code == REFUSED_UNAVAILABLE || code == REFUSED_REPLAY ? ANSWER_AGAIN : ANSWER_FENCED
  }
  if (type != STORE_REGISTERED || length < WRAPPED_AT + REGISTER_MAC_BYTES) return ANSWER_NONE
  const wrappedLength = length - WRAPPED_AT - REGISTER_MAC_BYTES
  if (!isOurs(at, length)) return ANSWER_NONE
  ticket = 0
  register.set(load64(at + GENERATION_AT), at + HASH_AT)
  rewrapIsDue = (<u32>load<u8>(at + FLAGS_AT) & REGISTER_REWRAP_DUE) != 0
  if (operation == REGISTER_REWRAP && wrappedLength > 0 && wrappedLength <= <usize>WRAPPED_DEK_MAX) setWrapping(at + WRAPPED_AT, wrappedLength)
  return load<u8>(at + STATUS_AT) == REGISTER_DONE ? ANSWER_DONE : ANSWER_CONFLICT
}

// It repeats store, holder and counter of the question, under the MAC of our key.
function isOurs(at: usize, length: usize): bool {
  const signed = length - REGISTER_MAC_BYTES
  sign(LABEL_REGISTER_ANSWER, at, signed)
  const same = equal(computed, at + signed, REGISTER_MAC_BYTES) // CT: whole MAC
  zeroise(computed, REGISTER_MAC_BYTES)
  if (!same || load64(at + COUNTER_AT) != counter) return false
  return memory.compare(at + 1, storeId, STORE_ID_BYTES) == 0 && memory.compare(at + 1 + STORE_ID_BYTES, holder, HOLDER_BYTES) == 0
}

function begin(what: u32): void {
  operation = what
  counter++
  message.clear()
  message.byte(STORE_REGISTER)
  message.raw(storeId, STORE_ID_BYTES)
  message.raw(holder, HOLDER_BYTES)
  message.u64(counter)
  message.byte(what)
}

function send(): void {
  sign(LABEL_REGISTER_REQUEST, message.at, message.length)
  message.raw(computed, REGISTER_MAC_BYTES)
  ticket = sendToKms(message)
}

function sign(name: string, at: usize, length: usize): void {
  label.clear()
  label.ascii(name)
  hmacBegin(mac)
  hmacUpdate(mac, label.at, label.length)
  hmacUpdate(mac, at, length)
  hmacEnd(mac, computed)
}
