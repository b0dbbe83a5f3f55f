// Hypercalls: what the workload may ask. Arguments are in this memory, copied in by the shell, which has checked that they were the
// workload's; results wait at `result`. A status lets the workload go on; a fault ends the enclave.
import { BLAME_WORKLOAD, FAULT_BAD_CALL, FAULT_BAD_HANDLE } from '../abi/fault'
import {
  MAX_HEAD_BYTES, MAX_PUBLIC_KEY_BYTES, MAX_RANDOM_BYTES, MAX_SCAN_ITEMS, MAX_STREAM_BUFFER, MAX_USER_DATA_BYTES,
  MAX_WORKLOAD_DOCUMENTS
} from '../abi/limits'
import {
  STATUS_AGAIN, STATUS_BUFFER, STATUS_CLOSED, STATUS_FORBIDDEN, STATUS_INVALID, STATUS_NOT_FOUND, STATUS_OK, STATUS_TOO_LARGE
} from '../abi/status'
import { Writer } from '../codec/writer'
import { HASH_SHA256, hmac } from '../crypto/hmac'
import { sha256 } from '../crypto/sha256'
import { requests, wasGiven } from './dispatch'
import { fault } from './faults'
import { tokenAt, writeResponseHead } from './heads'
import { Held, HELD_ANYWAY, HELD_END, HELD_HEAD } from './held'
import { LABEL_WORKLOAD } from './labels'
import { attestCallerKey, hasStore } from './launch'
import { requestAttestation, WAITS_WORKLOAD } from './nsm'
import { allowed, ROUTE_CALL } from './phases'
import { random } from './random'
import { recordValue, recordValueLength } from './space/record'
import { Space } from './space/space'
import { newest } from './store/commit'
import { endStream, Stream } from './stream'

export const space = new Space()
export const result = new Writer(65536)
const head = new Writer(4096)
const userData = new Writer(2048)
let nextTicket: u32 = 1
/** The call under way has sent something before it wrote: it cannot be taken back. */
let sent = false
/** Asked for by the workload, and not answered by the NSM. */
let documents = 0

/** A call of the workload begins. */
export function beginCall(): void {
  sent = false
}

function denied(): bool {
  return !allowed(ROUTE_CALL, BLAME_WORKLOAD)
}

function blame(kind: i32): i32 {
  return fault(kind, BLAME_WORKLOAD)
}

/** Leaves u64 version ‖ value. */
export function get(key: usize, keyLength: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  const record = space.get(key, keyLength)
  if (record == 0) return STATUS_NOT_FOUND
  result.clear()
  store<u64>(result.grow(8), space.versionOf(record))
  result.raw(recordValue(record), recordValueLength(record))
  return <i32>result.length
}

/** Leaves entries of at most `room` bytes. */
export function scan(prefix: usize, prefixLength: usize, after: usize, afterLength: usize, limit: i32, room: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (limit < 0) return STATUS_INVALID
  result.clear()
  const count = space.scan(prefix, prefixLength, after, afterLength, min(limit, <i32>MAX_SCAN_ITEMS), room, result)
  return count < 0 ? STATUS_BUFFER : <i32>result.length
}

export function put(key: usize, keyLength: usize, value: usize, valueLength: usize): i64 {
  if (denied()) return blame(FAULT_BAD_CALL)
  // What was sent may say that nothing is written, or what was read: a write must come before
  if (sent) return STATUS_INVALID
  return space.put(0, key, keyLength, value, valueLength)
}

export function remove(key: usize, keyLength: usize): i64 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (sent) return STATUS_INVALID
  return space.remove(0, key, keyLength)
}

/** Headers: "name: value\n" each, names lower-case. */
export function respond(request: u32, status: i32, headers: usize, headersLength: usize, body: usize, length: usize, end: bool): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (!wasGiven(request)) return blame(FAULT_BAD_HANDLE)
  if (!requests.has(request)) return STATUS_CLOSED
  const stream = requests.get(request)
  if (stream.forKernel) return STATUS_CLOSED
  if (stream.headClaimed) return blame(FAULT_BAD_CALL)
  if (status < 200 || status > 599) return STATUS_INVALID
  if (headersLength > <usize>MAX_HEAD_BYTES) return STATUS_TOO_LARGE
  if (!stream.hasRoom(length)) return STATUS_TOO_LARGE
  const writes = space.hasWrites
  if (!writeResponseHead(head, status, headers, headersLength, writes && hasStore)) return STATUS_INVALID
  stream.headClaimed = true
  stream.endClaimed = end
  if (writes) return hold(stream, HELD_HEAD, head.at, head.length, body, length, end)
  sent = true
  stream.sendHead(head.at, head.length, body, length, end)
  if (stream.ended) endStream(stream)
  return STATUS_OK
}

export function stream(request: u32, data: usize, length: usize, end: bool): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (!wasGiven(request)) return blame(FAULT_BAD_HANDLE)
  if (!requests.has(request)) return STATUS_CLOSED
  const open = requests.get(request)
  if (open.forKernel || open.endClaimed) return STATUS_CLOSED
  if (!open.headClaimed) return blame(FAULT_BAD_CALL)
  if (length > <usize>MAX_STREAM_BUFFER) return STATUS_TOO_LARGE
  if (!open.hasRoom(length)) {
    open.wantsRoom = true
    return STATUS_AGAIN
  }
  open.endClaimed = end
  if (space.hasWrites || open.holds > 0) return hold(open, 0, 0, 0, data, length, end)
  sent = true
  open.sendBody(data, length, end)
  if (open.ended) endStream(open)
  return STATUS_OK
}

// Until what this call has written is durable; where it has written nothing, behind what the stream already waits for.
function hold(stream: Stream, flags: u32, head: usize, headLength: usize, body: usize, length: usize, end: bool): i32 {
  let transaction = space.transaction
  if (!space.hasWrites) {
    sent = true
    flags |= HELD_ANYWAY
    const waitedFor = newest()
    if (waitedFor) transaction = waitedFor
  }
  let held = transaction.held
  if (!held) {
    held = new Held()
    transaction.held = held
  }
  held.add(stream.request, flags | (end ? HELD_END : 0), headLength > 0 ? tokenAt : 0, head, headLength, body, length)
  stream.hold(length)
  return STATUS_OK
}

/** Leaves the newest version whose fate is known, and the newest that was not written. */
export function settled(): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  result.clear()
  store<u64>(result.grow(16), space.settled)
  store<u64>(result.at, space.lost, 8)
  return <i32>result.length
}

export function randomBytes(length: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (length > <usize>MAX_RANDOM_BYTES) return STATUS_TOO_LARGE
  result.clear()
  random(result.grow(length), length)
  return STATUS_OK
}

export function digest(from: usize, length: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  result.clear()
  sha256(result.grow(32), from, length)
  return STATUS_OK
}

export function authenticate(key: usize, keyLength: usize, from: usize, length: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  result.clear()
  hmac(result.grow(32), HASH_SHA256, key, keyLength, from, length)
  return STATUS_OK
}

/** A document behind the workload's label. An address of 0 means absent. @returns a ticket, or a status */
export function attest(nonce: usize, nonceLength: usize, data: usize, dataLength: usize, publicKey: usize, publicKeyLength: usize): i32 {
  if (denied()) return blame(FAULT_BAD_CALL)
  if (publicKey != 0 && !attestCallerKey) return STATUS_FORBIDDEN
  if (nonceLength > <usize>MAX_USER_DATA_BYTES || dataLength > <usize>MAX_USER_DATA_BYTES || publicKeyLength > <usize>MAX_PUBLIC_KEY_BYTES) return STATUS_TOO_LARGE
  userData.clear()
  userData.ascii(LABEL_WORKLOAD)
  userData.raw(data, dataLength)
  if (documents >= MAX_WORKLOAD_DOCUMENTS) return STATUS_AGAIN
  const ticket = nextTicket
  if (!requestAttestation(userData.at, userData.length, nonce, nonceLength, publicKey, publicKeyLength, WAITS_WORKLOAD, ticket)) return STATUS_TOO_LARGE
  nextTicket++
  documents++
  return <i32>ticket
}

/** The NSM has answered one of the workload's requests. */
export function documentCame(): void {
  documents--
}
