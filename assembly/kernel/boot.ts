// Boot: entropy from the NSM, then the launch's records into PCR16, 17 and 18, locked and read back (PROTOCOLS 3). Only then is
// there a workload, and only then does nitro sign for this enclave.
import { BLAME_NITRO, FAULT_BOOT, FAULT_NSM } from '../abi/fault'
import { PHASE_MEASURED, PHASE_MEASURING } from '../abi/phase'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { sha384 } from '../crypto/sha512'
import { zeroise } from '../mem/bytes'
import { fault } from './faults'
import { LABEL_ADMISSION, LABEL_BOOT, LABEL_LAUNCH } from './labels'
import {
  admissionRecord, admissionRecordLength, bootRecord, bootRecordLength, grantChain, grantChainLength, hasStore, readLaunch
} from './launch'
import { readBytes, requestExtend, requestIndexed, requestRandom } from './nsm'
import { enter } from './phases'
import { seed } from './random'
import { beginOpening } from './store/opening'

const FIRST_PCR: u32 = 16
const PCR_COUNT: u32 = 3
const PCR_BYTES: usize = 48

// Steps are numbered so that each answer is known by its request: random twice, then for each PCR extend, lock, describe
const RANDOM_STEPS: u32 = 2
const STEPS_A_PCR: u32 = 3
const LAST_STEP: u32 = RANDOM_STEPS + STEPS_A_PCR * PCR_COUNT - 1

const expected = memory.data(144, 16) // PCR_COUNT values
const digest = memory.data(48, 16)

/** @returns 0, or the fault */
export function beginBoot(at: usize, length: usize): i32 {
  if (!readLaunch(at, length)) return fault(FAULT_BOOT, BLAME_NITRO)
  enter(PHASE_MEASURING)
  for (let step: u32 = 0; step < RANDOM_STEPS; step++) requestRandom(step)
  measure(0, LABEL_LAUNCH, grantChain, grantChainLength)
  measure(1, LABEL_ADMISSION, admissionRecord, admissionRecordLength)
  measure(2, LABEL_BOOT, bootRecord, bootRecordLength)
  return 0
}

/** An answer of the NSM to boot's step. @returns 0, or the fault */
export function bootAnswer(step: u32, at: usize, length: usize): i32 {
  if (!stepHolds(step, at, length)) return fault(FAULT_NSM, BLAME_NITRO)
  if (step != LAST_STEP) return 0
  if (hasStore) beginOpening()
  else enter(PHASE_MEASURED)
  return 0
}

// Extends label ‖ H(record); what the PCR becomes is SHA384(0^48 ‖ that), nitro.md 1.3.
function measure(index: u32, label: string, record: usize, length: usize): void {
  const data = new Writer(128)
  data.ascii(label)
  sha384(digest, record, length)
  data.raw(digest, PCR_BYTES)
  const first = RANDOM_STEPS + index * STEPS_A_PCR
  requestExtend(FIRST_PCR + index, data.at, data.length, first)
  requestIndexed('LockPCR', FIRST_PCR + index, first + 1)
  requestIndexed('DescribePCR', FIRST_PCR + index, first + 2)
  const extended = new Writer(256)
  zeroise(extended.grow(PCR_BYTES), PCR_BYTES)
  extended.raw(data.at, data.length)
  sha384(expected + <usize>index * PCR_BYTES, extended.at, extended.length)
  extended.free()
  data.free()
}

function stepHolds(step: u32, at: usize, length: usize): bool {
  const reader = new CborReader(at, at + length)
  if (step < RANDOM_STEPS) return readBytes(reader, 'GetRandom', 'random') && seed(reader.at, reader.length)
  const value = expected + <usize>((step - RANDOM_STEPS) / STEPS_A_PCR) * PCR_BYTES
  const call = (step - RANDOM_STEPS) % STEPS_A_PCR
  if (call == 0) return readBytes(reader, 'ExtendPCR', 'data') && isValue(reader, value)
  if (call == 1) {
    reader.text()
    return reader.is('LockPCR') && reader.done()
  }
  reader.map(1)
  reader.text()
  if (!reader.is('DescribePCR')) return false
  reader.map(2)
  reader.text()
  if (!reader.is('data')) return false
  reader.bytes()
  const holds = isValue(reader, value)
  reader.text()
  return holds && reader.is('lock') && reader.boolean() && reader.done()
}

function isValue(reader: CborReader, value: usize): bool {
  return reader.length == PCR_BYTES && memory.compare(reader.at, value, PCR_BYTES) == 0
}
