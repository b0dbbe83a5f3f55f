// Opening a store (PROTOCOLS 5 and 6): what the parent has, the key for it, all of its records, decrypted and counted against the head, and
// the head against the register. What does not fit ends the enclave; what fits and may not be the newest makes it stale.
import { BLAME_PARENT, FAULT_FENCED, FAULT_STORE } from '../../abi/fault'
import { MAX_TRANSACTION_BYTES } from '../../abi/limits'
import { PHASE_MEASURED, PHASE_OPENING } from '../../abi/phase'
import {
  REFUSED_DESTROYED, REFUSED_EXISTS, REFUSED_REPLAY, REFUSED_UNAVAILABLE, STORE_CREATE, STORE_REFUSED, STORE_TAKE
} from '../../abi/store'
import { Writer } from '../../codec/writer'
import { copy, load16, load32, zeroise } from '../../mem/bytes'
import { space } from '../calls'
import { now } from '../clock'
import { fault } from '../faults'
import { enclaveId, enclaveIdLength, grantVersion, securityVersion } from '../launch'
import { enter } from '../phases'
import { recordElement } from '../space/record'
import { isFresh } from './commit'
import { head } from './current'
import { HASH_BYTES } from './head'
import { beginEpoch } from './keys'
import { commits, wrappingLength } from './meta'
import { ANSWER_AGAIN, ANSWER_FENCED, ANSWER_NONE, askAdvance, receiveRegister, register } from './register'
import { receiveRelease, askRelease, sendRelease } from './release'
import { askHead, askRecords } from './relay'
import { openRecord, PLACE_BYTES } from './seal'
import { setAdd, SET_HASH } from './set-hash'
import { openedStale } from './stale'

/** A question without an answer is asked again after this time; so is one that was answered by *not now*. */
const AGAIN_MS: i64 = 2000
/** Place ‖ u32 length, before a sealed record. */
const ENTRY_BYTES: usize = PLACE_BYTES + 4

const HEAD: i32 = 0
const DOCUMENT: i32 = 1
const KEY: i32 = 2
const RECORDS: i32 = 3
const REGISTER: i32 = 4

let waitsFor = HEAD
let since: i64 = 0
let ticket: u32 = 0
let mode: u32 = STORE_CREATE

/** Wrapping and commitment as the parent had them at the beginning; empty: ask for the KMS's own. */
const wrapped = new Writer(512)
/** The begin of an entry whose rest comes with the next frame. */
const carry = new Writer(65536)
const sum = memory.data(32)

export function beginOpening(): void {
  enter(PHASE_OPENING)
  waitsFor = HEAD
  since = now
  ticket = askHead()
}

/** What the parent has of this store: its key can be asked for. `at` 0: nothing. */
export function openingHead(id: u32, known: bool, metaAt: usize, metaLength: usize): void {
  if (waitsFor != HEAD || id != ticket || !known) return
  mode = metaAt == 0 ? STORE_CREATE : STORE_TAKE
  wrapped.clear()
  wrapped.raw(metaAt, metaAt == 0 ? 0 : wrappingLength(metaLength))
  askKey()
}

export function openingDocument(id: u32, at: usize, length: usize): void {
  if (waitsFor != DOCUMENT) return
  const sent = sendRelease(id, at, length)
  if (sent == 0) return
  waitsFor = KEY
  since = now
  ticket = sent
}

/** K2, or a refusal; later an answer of the register. @returns 0, or the fault */
export function openingKms(id: u32, at: usize, length: usize): i32 {
  if (waitsFor == REGISTER) return openingRegister(id, at, length)
  if (waitsFor != KEY || id != ticket) return 0
  if (length >= 3 && load<u8>(at) == STORE_REFUSED) return refused(load16(at + 1))
  // What the parent makes up instead of an answer is no answer
  if (!receiveRelease(at, length)) return 0
  beginEpoch(enclaveId, enclaveIdLength)
  askForRecords()
  return 0
}

/** The next bytes of the records. @returns 0, or the fault */
export function openingRecords(id: u32, at: usize, length: usize): i32 {
  if (waitsFor != RECORDS || id != ticket) return 0
  since = now
  if (carry.length == 0) {
    const used = take(at, length)
    if (used < 0) return fault(FAULT_STORE, BLAME_PARENT)
    carry.raw(at + <usize>used, length - <usize>used)
    return 0
  }
  carry.raw(at, length)
  const used = take(carry.at, carry.length)
  if (used < 0) return fault(FAULT_STORE, BLAME_PARENT)
  const rest = carry.length - <usize>used
  copy(carry.at, carry.at + <usize>used, rest)
  carry.shorten(rest)
  return 0
}

/** All records have come; `headAt` 0: there is no store. @returns 0, or the fault */
export function openingLoaded(id: u32, known: bool, metaAt: usize, metaLength: usize, headAt: usize, headLength: usize): i32 {
  if (waitsFor != RECORDS || id != ticket) return 0
  // Asked again when it is time
  if (!known) return 0
  if (carry.length > 0) return fault(FAULT_STORE, BLAME_PARENT)
  if (headAt != 0) {
    if (!commits(metaAt, metaLength) || !head.open(headAt, headLength)) return fault(FAULT_STORE, BLAME_PARENT)
    // An older grant or an older image must not carry on where a newer one was
    if (head.grantVersion > grantVersion || head.securityVersion > securityVersion) return fault(FAULT_STORE, BLAME_PARENT)
  }
  // Deleted, added, put back, swapped: the sum differs
  if (head.count != space.records || memory.compare(head.setHash, sum, SET_HASH) != 0) return fault(FAULT_STORE, BLAME_PARENT)
  head.grantVersion = grantVersion
  head.securityVersion = securityVersion
  space.version = head.version
  space.settled = head.version
  compare()
  return 0
}

export function openingTick(): void {
  if (now - since < AGAIN_MS) return
  since = now
  if (waitsFor == HEAD) ticket = askHead()
  else if (waitsFor == KEY) askKey()
  else if (waitsFor == RECORDS) askForRecords()
  else if (waitsFor == REGISTER) askAdvance(head.generation, head.hash)
  // The document is nitro's: it is trusted to come
}

function askKey(): void {
  waitsFor = DOCUMENT
  since = now
  askRelease(mode, wrapped.at, wrapped.length)
}

function refused(code: u32): i32 {
  // The parent has nothing of a store that the KMS knows: opened, it will be stale
  if (code == REFUSED_EXISTS && mode == STORE_CREATE) mode = STORE_TAKE
  else if (code == REFUSED_DESTROYED && wrapped.length > 0) wrapped.clear()
  else if (code == REFUSED_UNAVAILABLE || code == REFUSED_REPLAY) return 0 // when it is time
  else return fault(FAULT_STORE, BLAME_PARENT)
  askKey()
  return 0
}

function askForRecords(): void {
  space.clear()
  carry.clear()
  zeroise(sum, SET_HASH)
  waitsFor = RECORDS
  since = now
  ticket = askRecords()
}

// Whole entries, opened in place. @returns bytes used, or -1 where one does not open
function take(at: usize, length: usize): isize {
  let used: usize = 0
  while (length - used >= ENTRY_BYTES) {
    const entry = at + used
    const sealedLength = <usize>load32(entry + PLACE_BYTES)
    if (sealedLength > <usize>MAX_TRANSACTION_BYTES) return -1
    if (length - used - ENTRY_BYTES < sealedLength) break
    const record = openRecord(entry, entry + ENTRY_BYTES, sealedLength)
    if (record == 0) return -1
    setAdd(sum, recordElement(record))
    // Two of one key: only one was ever there
    if (space.add(record) != 0) return -1
    used += ENTRY_BYTES + sealedLength
  }
  return <isize>used
}

// PROTOCOLS 5, "at boot"
function compare(): void {
  if (register.is(head.generation, head.hash)) return opened()
  const oneAhead = head.generation == register.generation + 1 && memory.compare(head.previous, register.hash, HASH_BYTES) == 0
  if (!oneAhead) return openedStale()
  waitsFor = REGISTER
  since = now
  askAdvance(head.generation, head.hash)
}

function openingRegister(id: u32, at: usize, length: usize): i32 {
  const answer = receiveRegister(id, at, length)
  if (answer == ANSWER_NONE || answer == ANSWER_AGAIN) return 0
  if (answer == ANSWER_FENCED) return fault(FAULT_FENCED, BLAME_PARENT)
  if (register.is(head.generation, head.hash)) opened()
  else openedStale()
  return 0
}

function opened(): void {
  isFresh()
  enter(PHASE_MEASURED)
}
