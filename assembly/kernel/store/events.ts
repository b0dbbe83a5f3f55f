// Frames of the parent that are about the store: each is told from its phase, and what does not parse is a broken parent.
import { BLAME_PARENT, FAULT_PROTOCOL } from '../../abi/fault'
import { PHASE_OPENING } from '../../abi/phase'
import {
  RELAY_KMS_ANSWER, RELAY_STORE_COMMITTED, RELAY_STORE_HEAD_IS, RELAY_STORE_LOADED, RELAY_STORE_RECORDS
} from '../../abi/wire'
import { load32 } from '../../mem/bytes'
import { fault, outcome } from '../faults'
import { hasStore } from '../launch'
import { current } from '../phases'
import { commitTick, committed, headIs, limitCommits, registerAnswered } from './commit'
import { openingHead, openingKms, openingLoaded, openingRecords, openingTick } from './opening'
import { receiveRegister } from './register'

const STORED_NONE: u32 = 0
const STORED_HEAD: u32 = 1
/** The backend does not answer now. */
const STORED_UNKNOWN: u32 = 2
/** u8 status ‖ u32 records ‖ u32 bytes. */
const STORED_HEADER: usize = 9

// lp(meta) ‖ lp(head) of a parent's answer
let metaAt: usize = 0
let metaLength: usize = 0
let headAt: usize = 0
let headLength: usize = 0

export function isStoreFrame(type: u32): bool {
  return type >= <u32>RELAY_STORE_HEAD_IS && type <= <u32>RELAY_KMS_ANSWER
}

/** @returns 0, or the fault */
export function receiveStoreFrame(type: u32, id: u32, at: usize, length: usize): i32 {
  if (!hasStore) return broken()
  const opening = current == PHASE_OPENING
  switch (type) {
    case RELAY_STORE_HEAD_IS: {
      const status = readStored(at, length)
      if (status < 0) return broken()
      limitCommits(load32(at + 1), load32(at + 5))
      if (opening) openingHead(id, status != STORED_UNKNOWN, metaAt, metaLength)
      else headIs(id, status != STORED_UNKNOWN, headAt, headLength)
      return outcome()
    }
    case RELAY_STORE_RECORDS:
      return opening ? openingRecords(id, at, length) : 0
    case RELAY_STORE_LOADED: {
      const status = readStored(at, length)
      if (status < 0) return broken()
      return opening ? openingLoaded(id, status != STORED_UNKNOWN, metaAt, metaLength, headAt, headLength) : 0
    }
    case RELAY_STORE_COMMITTED:
      if (length != 1) return broken()
      if (!opening) committed(id, <u32>load<u8>(at))
      return outcome()
    default:
      if (opening) return openingKms(id, at, length)
      return registerAnswered(receiveRegister(id, at, length))
  }
}

/** @returns 0, or the fault */
export function storeTick(): i32 {
  if (!hasStore) return 0
  if (current != PHASE_OPENING) return commitTick()
  openingTick()
  return 0
}

function broken(): i32 {
  return fault(FAULT_PROTOCOL, BLAME_PARENT)
}

// u8 status ‖ u32 records ‖ u32 bytes ‖ lp(meta) ‖ lp(head), the last two where there is a head. @returns the status, or -1
function readStored(at: usize, length: usize): i32 {
  metaAt = 0
  metaLength = 0
  headAt = 0
  headLength = 0
  if (length < STORED_HEADER) return -1
  const status = <u32>load<u8>(at)
  if (status != STORED_HEAD) return length == STORED_HEADER && status <= STORED_UNKNOWN ? <i32>status : -1
  const end = at + length
  let from = at + STORED_HEADER
  if (end - from < 4) return -1
  metaLength = <usize>load32(from)
  metaAt = from + 4
  if (metaLength > end - metaAt) return -1
  from = metaAt + metaLength
  if (end - from < 4) return -1
  headLength = <usize>load32(from)
  headAt = from + 4
  return headLength == end - headAt ? <i32>status : -1
}
