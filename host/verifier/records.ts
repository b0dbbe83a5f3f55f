/**
 * What PCR16, 17 and 18 stand for (PROTOCOLS 3): launch grant, admission record and boot record. A verifier recomputes the registers
 * from the preimages it was given, and only then reads them.
 */
import { RefusedError } from '../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { concat, sha384, toHex } from './bytes.ts'
import type { AttestationDocument } from './document.ts'

const PCR_BYTES = 48
/** With room for the lines of witnesses. */
const MAX_CHECKPOINT = 4096

/** Why this enclave was let in. Null is what has no maker yet, and only in development. */
export type AdmissionRecord = {
  version: 1
  /** SHA-384 of the release's envelope */
  releaseDigest: string | null
  securityVersion: number
  /** SHA-384 of the admin policy in force: the genesis, or what it became */
  policyDigest: string | null
  development: boolean
  /** The launch's intent in the host's log, and a signed note that covers it. */
  logIndex: number | null
  checkpoint: string | null
}

/** What runs it. Digests are SHA-384 in hex. */
export type BootRecord = {
  version: 1
  node: string
  flags: string[]
  nitro: string
  enclave: string
  /** `verified` by nitro, `reported` by the child alone, or `absent`. */
  isolation: { layer: string; state: 'verified' | 'reported' | 'absent' }[]
  clock: 'host' | 'shifted'
  development: boolean
}

export type RecordPreimages = { grantChain: Uint8Array; admissionRecord: Uint8Array; bootRecord: Uint8Array }

const LABELS = [
  [16, 'wasmclave/launch\0', 'grantChain'],
  [17, 'wasmclave/admission\0', 'admissionRecord'],
  [18, 'wasmclave/boot\0', 'bootRecord'],
] as const

/** PCR16, 17 and 18 as the kernel's one extension makes them: SHA384(0^48 ‖ label ‖ SHA384(preimage)), hex by index. */
export async function recordPcrs(records: RecordPreimages): Promise<Record<number, string>> {
  const values: Record<number, string> = {}
  for (const [index, label, field] of LABELS) {
    const data = concat(new TextEncoder().encode(label), await sha384(records[field]))
    values[index] = toHex(await sha384(new Uint8Array(PCR_BYTES), data))
  }
  return values
}

/** @throws RefusedError ERR_EVIDENCE_RECORDS */
export async function checkRecords(document: AttestationDocument, records: RecordPreimages): Promise<void> {
  for (const [index, value] of Object.entries(await recordPcrs(records))) {
    const found = document.pcrs.get(Number(index))
    if (found === undefined || toHex(found) !== value)
      throw new RefusedError(
        'ERR_EVIDENCE_RECORDS',
        `PCR${index} is ${found === undefined ? 'absent' : toHex(found)}, what was shown hashes to ${value}`,
      )
  }
}

export function encodeAdmissionRecord(record: AdmissionRecord): Uint8Array {
  return encodeCanonicalJson(record)
}

export function encodeBootRecord(record: BootRecord): Uint8Array {
  return encodeCanonicalJson(record)
}

/** @throws RefusedError ERR_RECORD_SYNTAX */
export function parseAdmissionRecord(bytes: Uint8Array): AdmissionRecord {
  const fields = [
    'version',
    'releaseDigest',
    'securityVersion',
    'policyDigest',
    'development',
    'logIndex',
    'checkpoint',
  ] as const
  const r = exactly(decodeCanonicalJson(bytes), fields, 'the admission record')
  if (r.version !== 1 || typeof r.development !== 'boolean' || !Number.isSafeInteger(r.securityVersion))
    throw syntax('the admission record is not of version 1')
  for (const field of ['releaseDigest', 'policyDigest', 'logIndex', 'checkpoint'] as const)
    if (r[field] === null && !r.development) throw syntax(`${field} is null outside of development`)
  if (r.logIndex !== null && !(Number.isSafeInteger(r.logIndex) && (r.logIndex as number) >= 0))
    throw syntax('logIndex is no index')
  if (r.checkpoint !== null && (typeof r.checkpoint !== 'string' || r.checkpoint.length > MAX_CHECKPOINT))
    throw syntax('checkpoint is no note')
  return r as AdmissionRecord
}

/** @throws RefusedError ERR_RECORD_SYNTAX */
export function parseBootRecord(bytes: Uint8Array): BootRecord {
  const fields = ['version', 'node', 'flags', 'nitro', 'enclave', 'isolation', 'clock', 'development'] as const
  const r = exactly(decodeCanonicalJson(bytes), fields, 'the boot record')
  const digests = [r.node, r.nitro, r.enclave].every(
    (value) => typeof value === 'string' && /^[0-9a-f]{96}$/.test(value),
  )
  if (
    r.version !== 1 ||
    !digests ||
    !Array.isArray(r.flags) ||
    !Array.isArray(r.isolation) ||
    typeof r.development !== 'boolean'
  )
    throw syntax('the boot record is not of version 1')
  return r as BootRecord
}

export function exactly<K extends string>(value: Json, names: readonly K[], what: string): Record<K, Json> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw syntax(`${what} is no object`)
  const odd =
    Object.keys(value).find((name) => !names.includes(name as K)) ?? names.find((name) => !Object.hasOwn(value, name))
  if (odd !== undefined) throw syntax(`${what} has exactly the fields ${names.join(', ')}; look at ${odd}`)
  return value as Record<K, Json>
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_RECORD_SYNTAX', message)
}
