/** The store register (PROTOCOLS 5): who may ask, what a request changes. Pure: what must be durable is returned, and written by the caller. */
import { timingSafeEqual } from 'node:crypto'
import {
  REFUSED_FENCED,
  REFUSED_REPLAY,
  REFUSED_SYNTAX,
  REGISTER_CONFLICT,
  REGISTER_DONE,
  REGISTER_READ,
  REGISTER_REWRAP,
} from '../../../assembly/abi/store.ts'
import { rewrap } from './admit.ts'
import { type RegisterRequest, type RegisterValue, requestMac } from './messages.ts'
import type { Holder, StoreRecord } from './record.ts'
import { StoreRefusal } from './refusal.ts'

export type RegisterOutcome = {
  status: number
  record: StoreRecord
  /** Whether `record` must be on disk before the answer leaves. */
  changed: boolean
  /** Where the request has made one. */
  wrappedDek: Uint8Array | undefined
}

/** The holder, if this is a message of its. @throws StoreRefusal ERR_STORE_FENCED, ERR_REGISTER_REPLAY */
export function authenticate(record: StoreRecord | undefined, request: RegisterRequest): Holder {
  const holder = record?.holder
  // CT: the MAC decides; store id and holder are public.
  if (
    holder === undefined ||
    !Buffer.from(holder.id).equals(request.holder) ||
    !timingSafeEqual(requestMac(holder.registerKey, request.authenticated), request.mac)
  )
    throw new StoreRefusal(REFUSED_FENCED, 'ERR_STORE_FENCED', 'not a message of the enclave that holds this store')
  const last = (record as StoreRecord).counter
  if (request.counter <= last)
    throw new StoreRefusal(
      REFUSED_REPLAY,
      'ERR_REGISTER_REPLAY',
      `counter ${request.counter}, the last one was ${last}`,
    )
  return holder
}

/** @param request whose MAC and counter hold @throws StoreRefusal ERR_REGISTER_SYNTAX for an advance by other than one */
export function applyRegister(before: StoreRecord, request: RegisterRequest): RegisterOutcome {
  const record = { ...before, counter: request.counter }
  const done = { status: REGISTER_DONE, wrappedDek: undefined }
  // A message before this one has not come. Were the counter not on disk, it could be delivered after a restart, when its sender has given
  // it up. What did come is harmless then: a read, or a change that is done and cannot be done again.
  const skipped = request.counter > before.counter + 1n
  if (request.operation === REGISTER_READ) return { ...done, record, changed: skipped }
  if (request.operation === REGISTER_REWRAP) {
    const wrapped = rewrap(record)
    return { status: REGISTER_DONE, record: wrapped, changed: true, wrappedDek: wrapped.wrappedDek }
  }
  const { expected, next } = request.change as { expected: RegisterValue; next: RegisterValue }
  if (next.generation !== expected.generation + 1n)
    throw new StoreRefusal(
      REFUSED_SYNTAX,
      'ERR_REGISTER_SYNTAX',
      `an advance from generation ${expected.generation} to ${next.generation}`,
    )
  if (
    record.register.generation !== expected.generation ||
    !Buffer.from(record.register.head).equals(Buffer.from(expected.head))
  )
    return { status: REGISTER_CONFLICT, record, changed: skipped, wrappedDek: undefined }
  return { ...done, record: { ...record, register: next }, changed: true }
}
