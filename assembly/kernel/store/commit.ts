// Commits (PROTOCOLS 5 and 6): sealed records and a new head, durable at the parent; then the register, durable at the KMS; only then is
// anything acknowledged. One commit is under way at a time, and holds what was written while the last one was. What is not answered, or
// answered as failed, is read back and never guessed.
import { BLAME_PARENT, FAULT_FENCED, FAULT_STORE } from '../../abi/fault'
import { MAX_COMMIT_BYTES, MAX_COMMIT_RECORDS, MAX_TRANSACTION_BYTES, MAX_WRITES } from '../../abi/limits'
import { PHASE_SERVING } from '../../abi/phase'
import { Writer } from '../../codec/writer'
import { sha256 } from '../../crypto/sha256'
import { copy, zeroise } from '../../mem/bytes'
import { space } from '../calls'
import { now } from '../clock'
import { unpark } from '../dispatch'
import { fault } from '../faults'
import { enclaveId, enclaveIdLength, hasStore } from '../launch'
import { current } from '../phases'
import { refuse, release } from '../settle'
import { endSessionsOf } from '../session'
import { nextRecord, RECORD_KERNEL, RECORD_REMOVED, recordElement, recordHas, recordKey, recordKeyLength } from '../space/record'
import { Transaction } from '../space/transaction'
import { isUser, userKey } from '../users'
import { head } from './current'
import { HASH_BYTES, Head, Mark } from './head'
import { beginEpoch, epochIsOver, placeOf } from './keys'
import { meta } from './meta'
import { ANSWER_AGAIN, ANSWER_CONFLICT, ANSWER_DONE, ANSWER_FENCED, ANSWER_NONE, askAdvance, askRead, askRewrap, register, rewrapIsDue } from './register'
import { askHead, sendBatch } from './relay'
import { areaOf, PLACE_BYTES, sealRecord } from './seal'
import { acceptanceEnded } from './stale'
import { setAdd, setSubtract } from './set-hash'

/** The parent answers within this time, or is asked what became of it. */
const ANSWER_MS: i64 = 5000
/** The register is asked again after this time. */
const REGISTER_MS: i64 = 1000
/** An idle enclave asks the register this often whether it still holds the store. */
const HEARTBEAT_MS: i64 = 1000
/** Without a word of the KMS for so long, nothing is read: what is read might be another's past. */
const FRESH_MS: i64 = 5000

const ENTRY_PUT: u32 = 1
const ENTRY_DELETE: u32 = 2

/** More transactions than any lineage of a store that is given up. */
const VERSIONS_GIVEN_UP: u64 = 0x1_0000_0000

const IDLE: i32 = 0
/** The parent has the batch. */
const SENT: i32 = 1
/** The parent is asked which head it has. */
const READING: i32 = 2
/** The batch is durable; the register is asked to name its head. */
const ADVANCING: i32 = 3
/** A head that is neither: the register is asked whether we are fenced, and then we end. */
const DOOMED: i32 = 4

let state = IDLE
let since: i64 = 0
let ticket: u32 = 0
/** What the parent's backend takes at once. */
let maxRecords = MAX_COMMIT_RECORDS
let maxBytes = MAX_COMMIT_BYTES

let queueFirst: Transaction | null = null
let queueLast: Transaction | null = null
const flight: Array<Transaction> = []
/** The commit under way is an owner's acceptance. */
let accepting = false

const next = new Head()
const batch = new Writer(65536)
const sealedHead = new Writer(1024)
const found = memory.data(32)

/** When the register was asked last, and when it was asked what it has answered. */
let askedAt: i64 = 0
let freshAt: i64 = 0
/** A commit may hold what `init` wrote: no request is served before it is durable. */
let initial: Transaction | null = null

/** Whether a request may be served: what it would read is the newest, as far as anybody can know. */
export function mayServe(): bool {
  return !hasStore || (now - freshAt <= FRESH_MS && initial === null)
}

export function limitCommits(records: u32, bytes: u32): void {
  // One request must always fit
  maxRecords = <i32>min<u32>(max<u32>(records, MAX_WRITES), MAX_COMMIT_RECORDS)
  maxBytes = <i32>min<u32>(max<u32>(bytes, MAX_TRANSACTION_BYTES), MAX_COMMIT_BYTES)
}

/** The register has just said that `head` is the newest. */
export function isFresh(): void {
  freshAt = now
  askedAt = now
}

/** A call has written: without a store that is all, with one it waits for its commit. */
export function submit(transaction: Transaction, request: u32): void {
  transaction.request = request
  if (!hasStore) {
    apply(transaction)
    return release(transaction)
  }
  if (queueLast) (<Transaction>queueLast).next = transaction
  else queueFirst = transaction
  queueLast = transaction
}

/** What the workload's `init` wrote. */
export function submitInitial(transaction: Transaction): void {
  submit(transaction, 0)
  if (hasStore) initial = transaction
}

/** The last transaction that is not durable yet. */
export function newest(): Transaction | null {
  if (queueLast) return queueLast
  return flight.length == 0 ? null : flight[flight.length - 1]
}

/** Sends what waits, unless a commit is under way. */
export function commitWhenIdle(): void {
  if (state != IDLE || queueFirst === null || current != PHASE_SERVING) return
  let records = 0
  let bytes: usize = 0
  let transaction = queueFirst
  while (transaction) {
    if (flight.length > 0 && (records + transaction.count > maxRecords || bytes + transaction.sealedBytes > <usize>maxBytes)) break
    records += transaction.count
    bytes += transaction.sealedBytes
    flight.push(transaction)
    transaction = transaction.next
  }
  queueFirst = transaction
  if (!transaction) queueLast = null
  next.copyFrom(head)
  next.generation = head.generation + 1
  copy(next.previous, head.hash, HASH_BYTES)
  batch.clear()
  for (let i = 0; i < flight.length; i++) sealTransaction(flight[i])
  send()
}

/** An owner has accepted what lies at the parent: a new head above the register's, and a mark in it. */
export function commitAcceptance(lineage: u64): void {
  const mark = new Mark()
  mark.generation = register.generation + 1
  mark.offeredGeneration = head.generation
  copy(mark.offeredHash, head.hash, HASH_BYTES)
  mark.registerGeneration = register.generation
  copy(mark.registerHash, register.hash, HASH_BYTES)
  mark.lineage = lineage
  next.copyFrom(head)
  next.generation = mark.generation
  copy(next.previous, register.hash, HASH_BYTES)
  next.addMark(mark)
  // What was given up had given version numbers: none of them comes again with another content
  next.version += VERSIONS_GIVEN_UP
  batch.clear()
  accepting = true
  send()
}

export function isIdle(): bool {
  return state == IDLE
}

/** Nobody knows any more whether this store is the newest: what waits is refused, what is under way ends without an acknowledgement. */
export function refuseAll(code: string, message: string): void {
  for (let i = 0; i < flight.length; i++) refuse(flight[i], code, message)
  let transaction = queueFirst
  queueFirst = null
  queueLast = null
  while (transaction) {
    const following: Transaction | null = transaction.next
    if (transaction == initial) initial = null
    space.discard(transaction)
    refuse(transaction, code, message)
    transaction = following
  }
}

export function committed(id: u32, status: u32): void {
  if (state != SENT || id != ticket) return
  if (status == 0) advance() // CRASH: durable at the parent, one ahead of the register: the next boot advances it and serves
  else readBack()
}

/** The parent's head, asked for by `readBack`. `at` 0: there is none. */
export function headIs(id: u32, known: bool, at: usize, length: usize): void {
  if (state != READING || id != ticket) return
  if (!known) return // asked again when it is time
  if (at == 0) zeroise(found, HASH_BYTES)
  else sha256(found, at, length)
  if (memory.compare(found, next.hash, HASH_BYTES) == 0) advance()
  else if (memory.compare(found, head.hash, HASH_BYTES) == 0) failed()
  else {
    state = DOOMED
    since = now
    askedAt = now
    askRead()
  }
}

/** An answer of the register. @returns 0, or the fault that ends this enclave */
export function registerAnswered(answer: i32): i32 {
  if (answer == ANSWER_NONE) return 0
  if (answer == ANSWER_FENCED) return fault(FAULT_FENCED, BLAME_PARENT)
  if (state == DOOMED) return fault(FAULT_STORE, BLAME_PARENT)
  if (answer == ANSWER_AGAIN) return 0 // when it is time
  if (state == ADVANCING) {
    // A lost answer of an earlier question looks like a conflict that names our head
    if (!register.is(next.generation, next.hash)) return fault(FAULT_STORE, BLAME_PARENT)
    freshAt = askedAt
    succeeded() // CRASH: durable in both places: whatever happens now, it is there
    return 0
  }
  if (answer == ANSWER_CONFLICT || !register.is(head.generation, head.hash)) return current == PHASE_SERVING ? fault(FAULT_STORE, BLAME_PARENT) : 0
  freshAt = askedAt
  return 0
}

/** @returns 0, or the fault that ends this enclave */
export function commitTick(): i32 {
  const waited = now - since
  switch (state) {
    case ADVANCING:
      if (waited >= REGISTER_MS) advance()
      return 0
    case DOOMED:
      return waited >= ANSWER_MS ? fault(FAULT_STORE, BLAME_PARENT) : 0
    default:
      if (state != IDLE && waited >= ANSWER_MS) readBack()
      if (now - askedAt < HEARTBEAT_MS) return 0
      askedAt = now
      if (rewrapIsDue) askRewrap()
      else askRead()
      return 0
  }
}

function sealTransaction(transaction: Transaction): void {
  for (let record = transaction.first; record != 0; record = nextRecord(record)) {
    const old = space.replacedBy(record)
    if (old != 0) {
      setSubtract(next.setHash, recordElement(old))
      next.count--
    }
    if (recordHas(record, RECORD_REMOVED)) {
      if (old == 0) continue // put and removed by one transaction: it never was there
      batch.byte(ENTRY_DELETE)
      placeOf(batch.grow(PLACE_BYTES), areaOf(record), recordKey(record), recordKeyLength(record))
      batch.u32(0)
      continue
    }
    if (epochIsOver()) beginEpoch(enclaveId, enclaveIdLength)
    batch.byte(ENTRY_PUT)
    sealRecord(batch, record, next.generation)
    setAdd(next.setHash, recordElement(record))
    next.count++
  }
  next.version = transaction.version
}

function send(): void {
  if (epochIsOver()) beginEpoch(enclaveId, enclaveIdLength)
  sealedHead.clear()
  next.seal(sealedHead)
  state = SENT
  since = now
  ticket = sendBatch(batch, head.hash, meta, sealedHead)
}

function readBack(): void {
  state = READING
  since = now
  ticket = askHead()
}

function advance(): void {
  state = ADVANCING
  since = now
  askedAt = now
  askAdvance(next.generation, next.hash)
}

function succeeded(): void {
  state = IDLE
  head.copyFrom(next)
  if (accepting) {
    space.version = head.version
    space.settled = head.version
  }
  for (let i = 0; i < flight.length; i++) {
    if (flight[i] == initial) initial = null
    apply(flight[i])
    release(flight[i])
  }
  ended(true)
}

// A user who is dismissed has no session from now on.
function apply(transaction: Transaction): void {
  for (let record = transaction.first; record != 0; record = nextRecord(record))
    if (recordHas(record, RECORD_KERNEL) && recordHas(record, RECORD_REMOVED) && isUser(record)) endSessionsOf(userKey(record))
  space.apply(transaction)
}

function failed(): void {
  state = IDLE
  for (let i = 0; i < flight.length; i++) {
    space.discard(flight[i])
    if (flight[i] == initial) fault(FAULT_STORE, BLAME_PARENT)
    refuse(flight[i], 'ERR_STORE_NOT_WRITTEN', 'the store did not take it; nothing is written')
  }
  ended(false)
}

function ended(written: bool): void {
  flight.length = 0
  unpark()
  if (!accepting) return
  accepting = false
  acceptanceEnded(written)
}
