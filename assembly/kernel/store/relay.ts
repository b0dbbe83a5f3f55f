// What the kernel asks of the parent for the store, as frames on fd 3 (abi/STORE-RECORDS.md). The parent is not trusted with any of it: what
// it says is compared with a sealed head, and the head with the KMS's register.
import { MAX_RELAY_PAYLOAD } from '../../abi/limits'
import { STORE_ID_BYTES } from '../../abi/store'
import { RELAY_KMS, RELAY_STORE_COMMIT, RELAY_STORE_HEAD, RELAY_STORE_LOAD, RELAY_STORE_PART } from '../../abi/wire'
import { Writer } from '../../codec/writer'
import { prefixed } from '../labels'
import { beginOf, endMessage, outbox } from '../outbox'
import { HASH_BYTES } from './head'
import { storeId } from './keys'

let lastTicket: u32 = 0

/** Each question has a ticket of its own: an answer to an earlier one finds nobody. */
export function nextTicket(): u32 {
  return ++lastTicket
}

export function askHead(): u32 {
  return ask(RELAY_STORE_HEAD)
}

export function askRecords(): u32 {
  return ask(RELAY_STORE_LOAD)
}

/** Hands a batch over: durable together with its head, if the head that is there is the expected one. */
export function sendBatch(batch: Writer, expectedHash: usize, meta: Writer, head: Writer): u32 {
  const ticket = nextTicket()
  for (let at: usize = 0; at < batch.length; at += MAX_RELAY_PAYLOAD) {
    const start = beginOf(RELAY_STORE_PART, ticket)
    outbox.raw(batch.at + at, min(batch.length - at, <usize>MAX_RELAY_PAYLOAD))
    endMessage(start)
  }
  const start = beginOf(RELAY_STORE_COMMIT, ticket)
  outbox.raw(storeId, STORE_ID_BYTES)
  outbox.raw(expectedHash, HASH_BYTES)
  prefixed(outbox, meta.at, meta.length)
  prefixed(outbox, head.at, head.length)
  endMessage(start)
  return ticket
}

export function sendToKms(message: Writer): u32 {
  const ticket = nextTicket()
  const start = beginOf(RELAY_KMS, ticket)
  outbox.raw(message.at, message.length)
  endMessage(start)
  return ticket
}

function ask(type: u32): u32 {
  const ticket = nextTicket()
  const start = beginOf(type, ticket)
  outbox.raw(storeId, STORE_ID_BYTES)
  endMessage(start)
  return ticket
}
