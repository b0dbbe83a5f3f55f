/** The fields of a document and the policy it is judged by: attacks A07, A08, A10, A15, each limit at n and n + 1. */
import type { Cbor } from '../../wire/cbor.ts'
import { unknownExtension } from './chain.ts'
import type { DocumentChange, Field } from './document.ts'
import { type Case, GOOD, MAX_AGE_SECONDS, type Maker } from './maker.ts'

const SYNTAX = 'ERR_EVIDENCE_SYNTAX'
const STALE = 'ERR_EVIDENCE_STALE'
const MAX_DOCUMENT_BYTES = 16_384
const MAX_CERTIFICATE_BYTES = 1024
/** A hypervisor's clock may be ahead of the verifier's by this much. */
const MAX_AHEAD_MS = 60_000

const field = (name: string, value: Cbor) => (maker: Maker) => maker.document({ fields: { [name]: value } })
const without =
  (...names: string[]) =>
  (maker: Maker) =>
    maker.document({
      entries: (entries: Field[]) =>
        entries.filter(([key]) => !names.includes(Buffer.from(key.subarray(1)).toString())),
    } satisfies DocumentChange)
const pcrs = (change: (map: Map<number, Uint8Array>) => void) => (maker: Maker) =>
  maker.document({ fields: { pcrs: maker.pcrs(change) as Map<Cbor, Cbor> } })
const aged = (ageMs: number) => (maker: Maker) => maker.document({ fields: { timestamp: maker.atMs - ageMs } })
const bytes = (length: number) => new Uint8Array(length).fill(7)

type Row = [name: string, fault: string, verdict: Case['verdict'], make: Case['make'], twin?: string]

const ROWS: Row[] = [
  ['module-id-empty', 'module_id is empty', SYNTAX, field('module_id', '')],
  ['module-id-bytes', 'module_id is a byte string', SYNTAX, field('module_id', bytes(39))],
  ['digest-sha256', 'digest is SHA256', SYNTAX, field('digest', 'SHA256')],
  ['digest-lower-case', 'digest is sha384', SYNTAX, field('digest', 'sha384')],
  ['timestamp-0', 'timestamp is 0', SYNTAX, field('timestamp', 0)],
  ['timestamp-negative', 'timestamp is -1', SYNTAX, field('timestamp', -1)],
  ['timestamp-2-53', 'timestamp is 2^53', SYNTAX, field('timestamp', 2n ** 53n)],
  ['timestamp-text', 'timestamp is a text', SYNTAX, field('timestamp', '1')],
  ['pcrs-none', 'no PCR', SYNTAX, pcrs((map) => map.clear())],
  ['pcrs-32', 'all 32 PCRs', 'accepted', pcrs((map) => fill(map, 32))],
  ['pcrs-33', '33 PCRs', SYNTAX, pcrs((map) => fill(map, 33)), 'pcrs-32'],
  ['pcr-index-31', 'PCR31 beside the others', 'accepted', pcrs((map) => map.set(31, bytes(48)))],
  ['pcr-index-32', 'PCR32', SYNTAX, pcrs((map) => map.set(32, bytes(48))), 'pcr-index-31'],
  ['pcr-index-negative', 'PCR-1', SYNTAX, pcrs((map) => map.set(-1, bytes(48)))],
  ['pcr-47-bytes', 'PCR0 of 47 bytes', SYNTAX, pcrs((map) => map.set(0, bytes(47)))],
  ['pcr-49-bytes', 'PCR0 of 49 bytes', SYNTAX, pcrs((map) => map.set(0, bytes(49)))],
  ['pcr-empty', 'PCR0 of no bytes', SYNTAX, pcrs((map) => map.set(0, bytes(0)))],
  ['pcrs-list', 'pcrs is a list', SYNTAX, field('pcrs', [bytes(48)])],
  ['certificate-empty', 'certificate of no bytes', SYNTAX, field('certificate', bytes(0))],
  ['certificate-null', 'certificate is null', SYNTAX, field('certificate', null)],
  [
    'certificate-1024',
    'a leaf of 1,024 bytes',
    'accepted',
    (maker) => maker.withChain({ leaf: { der: sizedTo(maker, 'leaf', MAX_CERTIFICATE_BYTES) } }),
  ],
  [
    'certificate-1025',
    'a leaf of 1,025 bytes',
    SYNTAX,
    (maker) => maker.withChain({ leaf: { der: sizedTo(maker, 'leaf', MAX_CERTIFICATE_BYTES + 1) } }),
    'certificate-1024',
  ],
  [
    'cabundle-1024',
    'a zonal certificate of 1,024 bytes',
    'accepted',
    (maker) => maker.withChain({ zonal: { der: sizedTo(maker, 'zonal', MAX_CERTIFICATE_BYTES) } }),
  ],
  [
    'cabundle-1025',
    'a zonal certificate of 1,025 bytes',
    SYNTAX,
    (maker) => maker.withChain({ zonal: { der: sizedTo(maker, 'zonal', MAX_CERTIFICATE_BYTES + 1) } }),
    'cabundle-1024',
  ],
  ['cabundle-empty', 'cabundle has no certificate', SYNTAX, field('cabundle', [])],
  ['cabundle-bytes', 'cabundle is a byte string', SYNTAX, (maker) => field('cabundle', maker.chains.root)(maker)],
  ['public-key-null', 'public_key is null', 'accepted', field('public_key', null)],
  ['public-key-empty', 'public_key of no bytes', SYNTAX, field('public_key', bytes(0)), 'public-key-null'],
  ['public-key-1024', 'public_key of 1,024 bytes', 'accepted', field('public_key', bytes(1024))],
  ['public-key-1025', 'public_key of 1,025 bytes', SYNTAX, field('public_key', bytes(1025)), 'public-key-1024'],
  ['public-key-text', 'public_key is a text', SYNTAX, field('public_key', 'key')],
  ['user-data-null', 'user_data is null', 'accepted', field('user_data', null)],
  [
    'user-data-1024',
    'user_data of 1,024 bytes, which some verifiers refuse',
    'accepted',
    field('user_data', bytes(1024)),
  ],
  ['user-data-text', 'user_data is a text', SYNTAX, field('user_data', 'data')],
  ['document-16384', 'a document of 16,384 bytes', 'accepted', (maker) => filledTo(maker, MAX_DOCUMENT_BYTES)],
  [
    'document-16385',
    'a document of 16,385 bytes',
    SYNTAX,
    (maker) => filledTo(maker, MAX_DOCUMENT_BYTES + 1),
    'document-16384',
  ],
  ['field-unknown', 'a tenth field', SYNTAX, field('extra', null)],
  ...['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle'].map(
    (name): Row => [`without-${name.replace('_', '-')}`, `no ${name}`, SYNTAX, without(name)],
  ),
  [
    'without-optional',
    'neither public_key nor user_data, as the CDDL allows',
    'accepted',
    without('public_key', 'user_data'),
  ],
  [
    'debug',
    'PCR0 to PCR2 are zero: a debug enclave',
    'ERR_EVIDENCE_DEBUG',
    pcrs((map) => debug(map, () => new Uint8Array(48))),
  ],
  ['debug-without-registers', 'no PCR0 to PCR2', 'ERR_EVIDENCE_DEBUG', pcrs((map) => debug(map, () => undefined))],
  ['pcr0-other', 'PCR0 of another image', 'ERR_EVIDENCE_PCR', pcrs((map) => map.set(0, bytes(48)))],
  ['pcr0-absent', 'no PCR0', 'ERR_EVIDENCE_PCR', pcrs((map) => map.delete(0))],
  [
    'pcr0-32-bytes',
    'PCR0 of 32 bytes, the first of the right ones',
    'ERR_EVIDENCE_PCR',
    pcrs((map) => map.set(0, (map.get(0) as Uint8Array).slice(0, 32))),
  ],
  ['nonce-other', 'the nonce of another challenge', STALE, field('nonce', bytes(32))],
  ['nonce-null', 'no nonce', STALE, field('nonce', null)],
  ['nonce-empty', 'a nonce of no bytes', STALE, field('nonce', bytes(0))],
  [
    'nonce-31-bytes',
    'the right nonce, less its last byte',
    STALE,
    (maker) => field('nonce', maker.facts.nonce.slice(0, 31))(maker),
  ],
  [
    'nonce-33-bytes',
    'the right nonce and a zero',
    STALE,
    (maker) => field('nonce', new Uint8Array([...maker.facts.nonce, 0]))(maker),
  ],
  ['age-300', `${MAX_AGE_SECONDS} s old`, 'accepted', aged(MAX_AGE_SECONDS * 1000)],
  ['age-301', `${MAX_AGE_SECONDS + 1} s old`, STALE, aged((MAX_AGE_SECONDS + 1) * 1000), 'age-300'],
  ['ahead-60', '60 s ahead of the verifier', 'accepted', aged(-MAX_AHEAD_MS)],
  ['ahead-61', '61 s ahead of the verifier', STALE, aged(-MAX_AHEAD_MS - 1000), 'ahead-60'],
]

export const FIELD_CASES: Case[] = ROWS.map(([name, fault, verdict, make, twin]) => ({
  name,
  fault,
  verdict,
  make,
  twin: twin ?? GOOD,
}))

function fill(map: Map<number, Uint8Array>, count: number): void {
  for (let index = 0; index < count; index++) if (!map.has(index)) map.set(index, new Uint8Array(48))
}

/** What the registers of the image are in a debug enclave; nothing where they are left out. */
function debug(map: Map<number, Uint8Array>, value: () => Uint8Array | undefined): void {
  for (const index of [0, 1, 2]) {
    const register = value()
    if (register === undefined) map.delete(index)
    else map.set(index, register)
  }
}

function filledTo(maker: Maker, length: number): Uint8Array {
  const of = (size: number) => field('user_data', bytes(size))(maker)
  // The heads of both lengths have three bytes in all of these.
  const size = 8192 + length - of(8192).length
  return of(size)
}

// The signature in a certificate has one byte more or less: until it fits.
function sizedTo(maker: Maker, level: 'leaf' | 'zonal', length: number): () => Uint8Array {
  return () => {
    let padding = 100
    for (let attempt = 0; attempt < 200; attempt++) {
      const made = maker.chains.certificate(level, { more: [unknownExtension(false, padding)] })
      if (made.length === length) return made
      // Only where it is off by more than the signature can vary
      if (Math.abs(length - made.length) > 2) padding += length - made.length
    }
    throw new RangeError(`no certificate of ${length} bytes in 200 attempts`)
  }
}
