// The kernel's half of the NSM: requests in CBOR as nsm-api writes them, and who waits for which answer.
import { NSM_REQUEST_MAX } from '../abi/limits'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { store32 } from '../mem/bytes'

/** Requests for nitro, each u32 length ‖ CBOR. */
export const outgoing = new Writer(4096)

export const WAITS_BOOT: i32 = 1
export const WAITS_SESSION: i32 = 2
export const WAITS_EVIDENCE: i32 = 3
export const WAITS_WORKLOAD: i32 = 4
/** The KMS, for the store's key. */
export const WAITS_STORE: i32 = 5

/** Who an answer is for. */
export class Waiter {
  constructor(public kind: i32, public id: u32) {}
}

const unanswered: Array<Waiter> = []
const ticketed: Map<u32, Waiter> = new Map()

export function requestRandom(step: u32): void {
  const start = begin()
  outgoing.cborAscii('GetRandom')
  end(start, WAITS_BOOT, step)
}

export function requestExtend(index: u32, data: usize, length: usize, step: u32): void {
  const start = begin()
  outgoing.cborMap(1)
  outgoing.cborAscii('ExtendPCR')
  outgoing.cborMap(2)
  outgoing.cborAscii('index')
  outgoing.cborUint(index)
  outgoing.cborAscii('data')
  outgoing.cborBytes(data, length)
  end(start, WAITS_BOOT, step)
}

export function requestIndexed(call: string, index: u32, step: u32): void {
  const start = begin()
  outgoing.cborMap(1)
  outgoing.cborAscii(call)
  outgoing.cborMap(1)
  outgoing.cborAscii('index')
  outgoing.cborUint(index)
  end(start, WAITS_BOOT, step)
}

/** An attestation document; a length of 0 at address 0 stands for null. @returns false where it would not fit a request */
export function requestAttestation(
  userData: usize, userDataLength: usize, nonce: usize, nonceLength: usize, publicKey: usize, publicKeyLength: usize, kind: i32, id: u32
): bool {
  if (userDataLength + nonceLength + publicKeyLength + 128 > <usize>NSM_REQUEST_MAX) return false
  const start = begin()
  outgoing.cborMap(1)
  outgoing.cborAscii('Attestation')
  outgoing.cborMap(3)
  outgoing.cborAscii('user_data')
  bytesOrNull(userData, userDataLength)
  outgoing.cborAscii('nonce')
  bytesOrNull(nonce, nonceLength)
  outgoing.cborAscii('public_key')
  bytesOrNull(publicKey, publicKeyLength)
  end(start, kind, id)
  return true
}

/** The oldest unanswered request became this ticket. @returns false when there is none */
export function ticket(number: u32): bool {
  if (unanswered.length == 0) return false
  ticketed.set(number, unanswered.shift())
  return true
}

/** Who waits for an answer: the oldest request for ticket 0, else the ticket's. */
export function waiter(number: u32): Waiter | null {
  if (number == 0) return unanswered.length == 0 ? null : unanswered.shift()
  if (!ticketed.has(number)) return null
  const found = ticketed.get(number)
  ticketed.delete(number)
  return found
}

/** The byte string in {call: {field: bytes}}; the reader's `at` and `length` have it. */
export function readBytes(reader: CborReader, call: string, field: string): bool {
  reader.map(1)
  reader.text()
  if (!reader.is(call)) return false
  reader.map(1)
  reader.text()
  if (!reader.is(field)) return false
  reader.bytes()
  return reader.done()
}

function bytesOrNull(at: usize, length: usize): void {
  if (at == 0) outgoing.cborNull()
  else outgoing.cborBytes(at, length)
}

function begin(): usize {
  const start = outgoing.length
  outgoing.grow(4)
  return start
}

function end(start: usize, kind: i32, id: u32): void {
  store32(outgoing.at + start, <u32>(outgoing.length - start - 4)) // SAFETY: begin() made room
  unanswered.push(new Waiter(kind, id))
}
