/**
 * What an owner may see and decide of an enclave's store (PROTOCOLS.md 5): its heads, and the acceptance of one that is not known to be the
 * newest. Having a StoreHeads means that this enclave said so over its session; which head is the newest only register and tokens tell.
 */
import { HEAD_HASH_BYTES, STORE_ID_BYTES } from '../../assembly/abi/store.ts'
import { type ErrorCode, RefusedError } from '../errors.ts'
import type { Enclave } from './connect.ts'
import type { Identity } from './identity.ts'

export type HeadName = { generation: number /** SHA-256 of the sealed head, hex */; head: string }

export type StoreHeads = {
  /** Nobody is served until an owner accepts what is offered. */
  stale: boolean
  storeId: string
  /** What the KMS names as the newest. */
  register: HeadName
  /** What lies at the parent; generation 0 where there is nothing. */
  offered: HeadName & { previous: string; records: number }
  /** The highest generation that a client has proved by a token since the enclave's start; 0 without one. */
  tokenGeneration: number
  /** Acceptances that the head remembers. */
  accepted: { generation: number; offered: HeadName; register: HeadName; lineage: number }[]
}

const HEADS = '/.wasmclave/store/heads'
const ACCEPT = '/.wasmclave/store/accept'
/** assembly/kernel/labels.ts */
const LABEL_ACCEPT = 'wasmclave/accept\0'

/** @throws RefusedError with the enclave's code: ERR_STORE_NONE, ERR_OWNER_ONLY; ERR_STORE_ANSWER */
export async function readStoreHeads(enclave: Enclave): Promise<StoreHeads> {
  return parseHeads(await answerOf(await enclave.fetch(HEADS)))
}

/**
 * Goes on with the head that is offered, for good: what was acknowledged after it is given up. Its token replaces every older one.
 * @param heads as they were shown: where they are others by now, nothing is accepted
 * @returns the heads afterwards
 * @throws RefusedError ERR_STORE_HEADS, ERR_STORE_NOT_STALE, ERR_STORE_BUSY, ERR_STORE_SIGNATURE, ERR_STORE_NOT_WRITTEN
 */
export async function acceptStoreHead(enclave: Enclave, identity: Identity, heads: StoreHeads): Promise<StoreHeads> {
  const { offered, register } = heads
  const signature = await identity.sign(acceptance(heads))
  const body = JSON.stringify({ offered: offered.head, register: register.head, signature: toHex(signature) })
  return parseHeads(await answerOf(await enclave.fetch(ACCEPT, { method: 'POST', body })))
}

// label ‖ store id ‖ u64 register generation ‖ register head ‖ u64 offered generation ‖ offered head
function acceptance({ storeId, register, offered }: StoreHeads): Uint8Array {
  const label = new TextEncoder().encode(LABEL_ACCEPT)
  const bytes = new Uint8Array(label.length + STORE_ID_BYTES + 2 * (8 + HEAD_HASH_BYTES))
  const view = new DataView(bytes.buffer)
  bytes.set(label)
  bytes.set(fromHex(storeId), label.length)
  let at = label.length + STORE_ID_BYTES
  for (const { generation, head } of [register, offered]) {
    view.setBigUint64(at, BigInt(generation))
    bytes.set(fromHex(head), at + 8)
    at += 8 + HEAD_HASH_BYTES
  }
  return bytes
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text()
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw answerSyntax()
  }
  if (response.ok) return value
  const { error, message } = value as { error?: unknown; message?: unknown }
  if (typeof error !== 'string' || !/^ERR_[A-Z_]{1,60}$/.test(error)) throw answerSyntax()
  throw new RefusedError(error as ErrorCode, String(message))
}

function parseHeads(value: unknown): StoreHeads {
  const heads = value as StoreHeads
  const named = (head: HeadName | undefined) =>
    head !== undefined && Number.isSafeInteger(head.generation) && isHex(head.head, HEAD_HASH_BYTES)
  if (
    typeof heads !== 'object' ||
    heads === null ||
    typeof heads.stale !== 'boolean' ||
    !isHex(heads.storeId, STORE_ID_BYTES) ||
    !named(heads.register) ||
    !named(heads.offered) ||
    !Number.isSafeInteger(heads.offered.records) ||
    !Number.isSafeInteger(heads.tokenGeneration) ||
    !Array.isArray(heads.accepted)
  )
    throw answerSyntax()
  return heads
}

function answerSyntax(): RefusedError {
  return new RefusedError('ERR_STORE_ANSWER', 'the enclave answered something else than the heads of its store')
}

function isHex(value: unknown, lengthBytes: number): boolean {
  return typeof value === 'string' && value.length === 2 * lengthBytes && /^[0-9a-f]*$/.test(value)
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
