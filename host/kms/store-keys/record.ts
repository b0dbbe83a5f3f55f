/** What the KMS remembers of one store: its key's wrapping and the register. One sealed file each. */
import {
  DEK_BYTES,
  HEAD_HASH_BYTES,
  HOLDER_BYTES,
  REGISTER_KEY_BYTES,
  STORE_ID_BYTES,
} from '../../../assembly/abi/store.ts'
import { FatalError } from '../../errors.ts'
import { decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import type { RegisterValue } from './messages.ts'
import { type Kek, WRAPPED_BYTES } from './wrapping.ts'

const VERSION = 1
const FIELDS = 14

/** Who may advance the register: the enclave of the last release in mode create or take. */
export type Holder = { id: Uint8Array; registerKey: Uint8Array }

export type StoreRecord = {
  /** SHA-256 of owner and name (PROTOCOLS 2), hex. */
  storeId: string
  kek: Kek
  wrappedDek: Uint8Array
  rewrapDue: boolean
  register: RegisterValue
  holder: Holder | undefined
  /** Of the last message under the holder's key. Raised by reads in memory alone. */
  counter: bigint
  /** Highest versions that were ever accepted: of the grant by anybody, of the image by a holder. */
  grantVersion: number
  securityVersion: number
  /** Timestamp of the last accepted document. */
  documentMs: number
}

export function encodeRecord(record: StoreRecord): Uint8Array {
  const { kek, register, holder } = record
  return encodeCbor([
    VERSION,
    Buffer.from(record.storeId, 'hex'),
    kek.version,
    kek.key,
    record.wrappedDek,
    record.rewrapDue,
    register.generation,
    register.head,
    holder?.id ?? null,
    holder?.registerKey ?? null,
    record.counter,
    record.grantVersion,
    record.securityVersion,
    record.documentMs,
  ])
}

/** @param bytes that opened under the root key @throws FatalError ERR_KMS_RECORD for those of another version */
export function decodeRecord(bytes: Uint8Array): StoreRecord {
  const fields = decodeCbor(bytes)
  if (!Array.isArray(fields) || fields.length !== FIELDS || fields[0] !== VERSION)
    throw new FatalError('ERR_KMS_RECORD', 'a store record of another version of wasmclave')
  const holder =
    fields[8] === null
      ? undefined
      : { id: sized(fields[8], HOLDER_BYTES), registerKey: sized(fields[9], REGISTER_KEY_BYTES) }
  return {
    storeId: Buffer.from(sized(fields[1], STORE_ID_BYTES)).toString('hex'),
    kek: { version: integer(fields[2]), key: sized(fields[3], DEK_BYTES) },
    wrappedDek: sized(fields[4], WRAPPED_BYTES),
    rewrapDue: fields[5] === true,
    register: { generation: big(fields[6]), head: sized(fields[7], HEAD_HASH_BYTES) },
    holder,
    counter: big(fields[10]),
    grantVersion: integer(fields[11]),
    securityVersion: integer(fields[12]),
    documentMs: integer(fields[13]),
  }
}

function sized(value: unknown, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length) throw broken()
  return value
}

function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw broken()
  return value as number
}

function big(value: unknown): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw broken()
  return BigInt(value as number | bigint)
}

function broken(): FatalError {
  return new FatalError('ERR_KMS_RECORD', 'a store record opens and does not parse')
}
