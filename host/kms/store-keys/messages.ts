/** The messages of assembly/abi/STORE.md: what a kernel sends, read once; what it is answered, written. Nothing here is believed yet. */
import { createHash, createHmac } from 'node:crypto'
import {
  HEAD_HASH_BYTES,
  HOLDER_BYTES,
  REFUSED_SYNTAX,
  REGISTER_ADVANCE,
  REGISTER_ADVANCE_BYTES,
  REGISTER_HEADER_BYTES,
  REGISTER_MAC_BYTES,
  REGISTER_READ,
  REGISTER_REWRAP,
  STORE_CREATE,
  STORE_FOLLOW,
  STORE_ID_BYTES,
  STORE_REGISTERED,
  STORE_RELEASED,
  WRAPPED_DEK_MAX,
} from '../../../assembly/abi/store.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import { refusingAs, StoreRefusal } from './refusal.ts'

const PUBLIC_KEY_BYTES = 32
const REQUEST_LABEL = 'wasmclave/register-request\0'
const ANSWER_LABEL = 'wasmclave/register-answer\0'

/** K1, parsed. Having one means that its shape is right. */
export type ReleaseRequest = {
  mode: number
  grantChain: Uint8Array
  admissionRecord: Uint8Array
  bootRecord: Uint8Array
  wrappedDek: Uint8Array | null
  publicKey: Uint8Array
  document: Uint8Array
  /** What user_data must name: H(lp(B)). */
  bodyHash: Uint8Array
  /** r: what binds the answer to this request. */
  transcript: Uint8Array
}

/** R1, parsed; whose it is, its MAC says. */
export type RegisterRequest = {
  storeId: string
  holder: Uint8Array
  counter: bigint
  operation: number
  /** Of an advance. */
  change: { expected: RegisterValue; next: RegisterValue } | undefined
  authenticated: Uint8Array
  mac: Uint8Array
}

export type RegisterValue = { generation: bigint; head: Uint8Array }

/** @param message with its type @throws StoreRefusal ERR_RELEASE_SYNTAX */
export async function parseRelease(message: Uint8Array): Promise<ReleaseRequest> {
  const outer = await cborArray(message.subarray(1), 2)
  const [body, document] = outer as [Cbor, Cbor]
  if (!(body instanceof Uint8Array) || !(document instanceof Uint8Array))
    throw syntax('K1 is two byte strings, B and a document')
  const [mode, grantChain, admissionRecord, bootRecord, wrappedDek, publicKey] = await cborArray(body, 6)
  if (!Number.isInteger(mode) || (mode as number) < STORE_CREATE || (mode as number) > STORE_FOLLOW)
    throw syntax('the mode is none of create, take and follow')
  if (
    !(grantChain instanceof Uint8Array) ||
    !(admissionRecord instanceof Uint8Array) ||
    !(bootRecord instanceof Uint8Array)
  )
    throw syntax('grant chain and records are byte strings')
  if (wrappedDek !== null && (!(wrappedDek instanceof Uint8Array) || wrappedDek.length > WRAPPED_DEK_MAX))
    throw syntax(`a wrapped DEK is null, or a byte string of at most ${WRAPPED_DEK_MAX}`)
  if (!(publicKey instanceof Uint8Array) || publicKey.length !== PUBLIC_KEY_BYTES)
    throw syntax(`pkR has not ${PUBLIC_KEY_BYTES} bytes`)
  return {
    mode: mode as number,
    grantChain,
    admissionRecord,
    bootRecord,
    wrappedDek: wrappedDek as Uint8Array | null,
    publicKey,
    document,
    bodyHash: sha384(lengthPrefixed(body)),
    transcript: sha384(lengthPrefixed(body), lengthPrefixed(document)),
  }
}

/** @param message with its type @throws StoreRefusal ERR_REGISTER_SYNTAX */
export function parseRegister(message: Uint8Array): RegisterRequest {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  const operation = bytes[REGISTER_HEADER_BYTES - 1]
  if (operation !== REGISTER_READ && operation !== REGISTER_ADVANCE && operation !== REGISTER_REWRAP)
    throw new StoreRefusal(REFUSED_SYNTAX, 'ERR_REGISTER_SYNTAX', `no operation ${operation ?? '(too short)'}`)
  const length =
    REGISTER_HEADER_BYTES + (operation === REGISTER_ADVANCE ? REGISTER_ADVANCE_BYTES : 0) + REGISTER_MAC_BYTES
  if (bytes.length !== length)
    throw new StoreRefusal(REFUSED_SYNTAX, 'ERR_REGISTER_SYNTAX', `${bytes.length} bytes where ${length} are due`)
  const value = (at: number): RegisterValue => ({
    generation: bytes.readBigUInt64BE(at),
    head: copy(bytes, at + 8, HEAD_HASH_BYTES),
  })
  return {
    storeId: bytes.toString('hex', 1, 1 + STORE_ID_BYTES),
    holder: copy(bytes, 1 + STORE_ID_BYTES, HOLDER_BYTES),
    counter: bytes.readBigUInt64BE(1 + STORE_ID_BYTES + HOLDER_BYTES),
    operation,
    change:
      operation === REGISTER_ADVANCE
        ? { expected: value(REGISTER_HEADER_BYTES), next: value(REGISTER_HEADER_BYTES + REGISTER_ADVANCE_BYTES / 2) }
        : undefined,
    authenticated: copy(bytes, 0, length - REGISTER_MAC_BYTES),
    mac: copy(bytes, length - REGISTER_MAC_BYTES, REGISTER_MAC_BYTES),
  }
}

export function requestMac(registerKey: Uint8Array, authenticated: Uint8Array): Buffer {
  return createHmac('sha256', registerKey).update(REQUEST_LABEL, 'latin1').update(authenticated).digest()
}

export function encodeReleased(enc: Uint8Array, sealed: Uint8Array, signature: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.of(STORE_RELEASED), encodeCbor([enc, sealed, signature])]))
}

/** R2, under the register key of the holder that asked. */
export function encodeRegistered(
  request: RegisterRequest,
  answer: { status: number; register: RegisterValue; flags: number; wrappedDek: Uint8Array | undefined },
  registerKey: Uint8Array,
): Uint8Array {
  const head = Buffer.from(request.authenticated.subarray(0, REGISTER_HEADER_BYTES))
  head[0] = STORE_REGISTERED
  head[REGISTER_HEADER_BYTES - 1] = answer.status
  const generation = Buffer.alloc(8)
  generation.writeBigUInt64BE(answer.register.generation)
  const body = Buffer.concat([
    head,
    generation,
    answer.register.head,
    Buffer.of(answer.flags),
    answer.wrappedDek ?? Buffer.alloc(0),
  ])
  const mac = createHmac('sha256', registerKey).update(ANSWER_LABEL, 'latin1').update(body).digest()
  return new Uint8Array(Buffer.concat([body, mac]))
}

/** lp(x): u32 length ‖ x. */
export function lengthPrefixed(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export function sha384(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

async function cborArray(bytes: Uint8Array, length: number): Promise<Cbor[]> {
  const value = await refusingAs(REFUSED_SYNTAX, () => decodeCbor(bytes))
  if (!Array.isArray(value) || value.length !== length) throw syntax(`no array of ${length}`)
  return value
}

function copy(bytes: Uint8Array, at: number, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, at, at + length)
}

function syntax(message: string): StoreRefusal {
  return new StoreRefusal(REFUSED_SYNTAX, 'ERR_RELEASE_SYNTAX', message)
}
