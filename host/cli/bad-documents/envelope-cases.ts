/** COSE_Sign1 and its encoding: attacks A02 to A06 and A14. */
import { encodeCbor } from '../../wire/cbor.ts'
import { concat, encodeMap, flipped, order, scalars, withValue } from './document.ts'
import { type Case, GOOD } from './maker.ts'

const headers = (...pairs: [number, number][]) => encodeCbor(new Map(pairs))
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const SYNTAX = 'ERR_EVIDENCE_SYNTAX'
const CBOR = 'ERR_CBOR_SYNTAX'
const SIGNATURE = 'ERR_EVIDENCE_SIGNATURE'

/** A byte string of indefinite length in one chunk. */
const chunked = (element: Uint8Array) => concat(Uint8Array.of(0x5f), element, Uint8Array.of(0xff))
const at = (index: number, change: (element: Uint8Array) => Uint8Array) => (elements: Uint8Array[]) =>
  elements.map((element, i) => (i === index ? change(element) : element))

type Row = [
  name: string,
  fault: string,
  verdict: Case['verdict'],
  change: Parameters<Parameters<Case['make']>[0]['document']>[0],
]

const ROWS: Row[] = [
  [GOOD, "a document in AWS's form", 'accepted', {}],
  [
    'tag-18',
    'COSE tag 18 in front, which AWS leaves out',
    'accepted',
    { envelope: (d) => concat(Uint8Array.of(0xd2), d) },
  ],
  ['tag-17', 'tag 17 (COSE_Mac0)', CBOR, { envelope: (d) => concat(Uint8Array.of(0xd1), d) }],
  ['tag-98', 'tag 98 (COSE_Sign)', CBOR, { envelope: (d) => concat(hex('d862'), d) }],
  ['tag-18-long', 'tag 18 in two bytes', CBOR, { envelope: (d) => concat(hex('d812'), d) }],
  ['tag-18-twice', 'tag 18 twice', CBOR, { envelope: (d) => concat(hex('d2d2'), d) }],
  ['array-of-3', 'no signature element', SYNTAX, { elements: (e) => e.slice(0, 3) }],
  ['array-of-5', 'a fifth element', SYNTAX, { elements: (e) => [...e, Uint8Array.of(0xf6)] }],
  ['algorithm-es256', 'alg is ES256 (-7)', SYNTAX, { protectedHeaders: headers([1, -7]) }],
  ['algorithm-es512', 'alg is ES512 (-36)', SYNTAX, { protectedHeaders: headers([1, -36]) }],
  ['algorithm-0', 'alg is 0', SYNTAX, { protectedHeaders: headers([1, 0]) }],
  ['algorithm-absent', 'no alg', SYNTAX, { protectedHeaders: new Uint8Array(0) }],
  [
    'algorithm-unprotected',
    'alg in the unprotected headers only',
    SYNTAX,
    { protectedHeaders: new Uint8Array(0), unprotected: headers([1, -35]) },
  ],
  ['algorithm-twice', 'alg in both headers', SYNTAX, { unprotected: headers([1, -35]) }],
  ['unprotected-header', 'an unprotected header (kid)', SYNTAX, { unprotected: hex('a10441aa') }],
  [
    'critical-header',
    'a protected header that is critical and unknown',
    SYNTAX,
    { protectedHeaders: hex('a301382202811a0001869f1a0001869f00') },
  ],
  ['protected-long-integer', 'alg key 1 in two bytes', CBOR, { protectedHeaders: hex('a118013822') }],
  ['protected-indefinite', 'protected headers of indefinite length', CBOR, { protectedHeaders: hex('bf013822ff') }],
  ['protected-duplicate', 'alg twice in the protected headers', CBOR, { protectedHeaders: hex('a20138220126') }],
  ['context-signature', 'signed in the context "Signature"', SIGNATURE, { context: 'Signature' }],
  ['external-data', 'signed with external data', SIGNATURE, { externalData: Uint8Array.of(1) }],
  ['payload-chunked', 'the payload in chunks', CBOR, { elements: at(2, chunked) }],
  [
    'payload-indefinite',
    'the map of indefinite length',
    CBOR,
    { payload: (p) => concat(Uint8Array.of(0xbf), p.subarray(1), Uint8Array.of(0xff)) },
  ],
  ['payload-trailing', 'a byte behind the map, signed', CBOR, { payload: (p) => concat(p, Uint8Array.of(0)) }],
  ['payload-detached', 'payload null', SYNTAX, { elements: at(2, () => Uint8Array.of(0xf6)) }],
  [
    'payload-length-2-63',
    'a byte string that says it has 2^63 bytes',
    CBOR,
    { elements: at(2, () => hex('5b8000000000000000')) },
  ],
  [
    'payload-deep',
    'user_data nested 10,000 deep',
    'ERR_CBOR_DEPTH',
    { entries: (e) => withValue(e, 'user_data', () => concat(new Uint8Array(10_000).fill(0x81), Uint8Array.of(0xf6))) },
  ],
  ['trailing-byte', 'a byte behind the document', CBOR, { envelope: (d) => concat(d, Uint8Array.of(0)) }],
  ['truncated', 'the last byte missing', CBOR, { envelope: (d) => d.subarray(0, -1) }],
  [
    'duplicate-field',
    'nonce twice',
    CBOR,
    { entries: (e) => [...e.slice(0, 8), ...e.slice(8), e[8] as (typeof e)[number]] },
  ],
  [
    'duplicate-pcr',
    'PCR0 twice',
    CBOR,
    { entries: (e) => withValue(e, 'pcrs', (v) => concat(Uint8Array.of(0xb1), v.subarray(1), v.subarray(1, 52))) },
  ],
  [
    'long-integer',
    'the number of PCR1 in two bytes',
    CBOR,
    { entries: (e) => withValue(e, 'pcrs', (v) => concat(v.subarray(0, 52), hex('1801'), v.subarray(53))) },
  ],
  [
    'long-length',
    'the length of nonce in three bytes',
    CBOR,
    { entries: (e) => withValue(e, 'nonce', (v) => concat(hex('590020'), v.subarray(2))) },
  ],
  [
    'timestamp-float',
    'timestamp is a float',
    CBOR,
    { entries: (e) => withValue(e, 'timestamp', () => hex('fb4278000000000000')) },
  ],
  [
    'timestamp-tagged',
    'timestamp has tag 1',
    CBOR,
    { entries: (e) => withValue(e, 'timestamp', (v) => concat(Uint8Array.of(0xc1), v)) },
  ],
  [
    'text-not-utf8',
    'module_id is no UTF-8',
    CBOR,
    { entries: (e) => withValue(e, 'module_id', (v) => concat(v.subarray(0, -1), Uint8Array.of(0xff))) },
  ],
  ['undefined', 'nonce is undefined', CBOR, { entries: (e) => withValue(e, 'nonce', () => Uint8Array.of(0xf7)) }],
  ['keys-reversed', 'fields in reverse order, signed so', 'accepted', { entries: (e) => [...e].reverse() }],
  ['signature-flipped', 'a bit of the signature changed', SIGNATURE, { signature: (s) => flipped(s, 20) }],
  ['signature-other-key', 'signed by a key that is not the leaf’s', SIGNATURE, {}],
  [
    'signature-malleated',
    's is n - s: a signature is no identity',
    'accepted',
    { signature: scalars((r, s) => [r, order - s]) },
  ],
  ['signature-r-0', 'r = 0', SIGNATURE, { signature: scalars((_r, s) => [0n, s]) }],
  ['signature-s-0', 's = 0', SIGNATURE, { signature: scalars((r) => [r, 0n]) }],
  ['signature-r-n', 'r = n', SIGNATURE, { signature: scalars((_r, s) => [order, s]) }],
  ['signature-s-n', 's = n', SIGNATURE, { signature: scalars((r) => [r, order]) }],
  ['signature-r-n-1', 'r = n + 1', SIGNATURE, { signature: scalars((_r, s) => [order + 1n, s]) }],
  ['signature-zero', 'r = s = 0', SIGNATURE, { signature: () => new Uint8Array(96) }],
  ['signature-95', 'a signature of 95 bytes', SYNTAX, { signature: (s) => s.subarray(1) }],
  ['signature-97', 'a signature of 97 bytes', SYNTAX, { signature: (s) => concat(Uint8Array.of(0), s) }],
  ['signature-der', 'the signature in DER', SYNTAX, { signature: derSignature }],
  ['signature-empty', 'no bytes in the signature', SYNTAX, { signature: () => new Uint8Array(0) }],
  [
    'tampered-pcr0',
    'a bit of PCR0 changed after signing',
    SIGNATURE,
    { tampered: (p) => flipped(p, Buffer.from(p).indexOf(Buffer.from(encodeCbor('pcrs'))) + 20) },
  ],
  ['tampered-nonce', 'a bit of nonce changed after signing', SIGNATURE, { tampered: (p) => flipped(p, -1) }],
  ['tampered-module', 'a letter of module_id changed after signing', SIGNATURE, { tampered: (p) => flipped(p, 30) }],
  ['empty', 'no bytes at all', CBOR, { envelope: () => new Uint8Array(0) }],
  ['map', 'a map where the array of four is due', SYNTAX, { envelope: () => encodeMap([]) }],
]

export const ENVELOPE_CASES: Case[] = ROWS.map(([name, fault, verdict, change]) => ({
  name,
  fault,
  verdict,
  twin: GOOD,
  make: (maker) => maker.document(name === 'signature-other-key' ? { key: maker.chains.keys.instance } : change),
}))

function derSignature(raw: Uint8Array): Uint8Array {
  const integer = (bytes: Uint8Array) => {
    const from = bytes.findIndex((byte) => byte !== 0)
    const body = (bytes[from] as number) >= 0x80 ? concat(Uint8Array.of(0), bytes.subarray(from)) : bytes.subarray(from)
    return concat(Uint8Array.of(0x02, body.length), body)
  }
  const body = concat(integer(raw.subarray(0, 48)), integer(raw.subarray(48)))
  return concat(Uint8Array.of(0x30, body.length), body)
}
