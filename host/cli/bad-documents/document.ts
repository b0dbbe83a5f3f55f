/** One document from its parts, each of which a fault may change: fields, payload, headers, signature, envelope. */
import { type KeyObject, sign } from 'node:crypto'
import { type Cbor, encodeCbor } from '../../wire/cbor.ts'
import { type Chain, MODULE_ID } from './chain.ts'

/** {1: -35}: alg ES384, RFC 9053 section 2.1 */
const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
/** Order of P-384's group, SP 800-186 section 3.2.1.4. */
const ORDER = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
const SCALAR_BYTES = 48

/** Encoded key and value. */
export type Field = [name: Uint8Array, value: Uint8Array]

export type DocumentChange = {
  /** Values by field name, where they are others. */
  fields?: Record<string, Cbor>
  /** Of the encoded fields, in AWS's order. */
  entries?: (entries: Field[]) => Field[]
  /** Of the payload, before it is signed. */
  payload?: (payload: Uint8Array) => Uint8Array
  /** And after. */
  tampered?: (payload: Uint8Array) => Uint8Array
  protectedHeaders?: Uint8Array
  /** Encoded. */
  unprotected?: Uint8Array
  context?: string
  externalData?: Uint8Array
  key?: KeyObject
  /** Of the 96 bytes. */
  signature?: (signature: Uint8Array) => Uint8Array
  /** Of the four encoded elements. */
  elements?: (elements: Uint8Array[]) => Uint8Array[]
  /** Of the whole. */
  envelope?: (document: Uint8Array) => Uint8Array
}

export type Facts = {
  timestampMs: number
  pcrs: [number, Uint8Array][]
  nonce: Uint8Array
  userData: Uint8Array
  publicKey: Uint8Array
}

export function makeDocument(chain: Chain, facts: Facts, change: DocumentChange = {}): Uint8Array {
  const values: Record<string, Cbor> = {
    module_id: MODULE_ID,
    digest: 'SHA384',
    timestamp: facts.timestampMs,
    pcrs: new Map<Cbor, Cbor>(facts.pcrs),
    certificate: chain.certificate,
    cabundle: chain.cabundle,
    public_key: facts.publicKey,
    user_data: facts.userData,
    nonce: facts.nonce,
    ...change.fields,
  }
  const entries = Object.entries(values).map(([name, value]): Field => [encodeCbor(name), encodeCbor(value)])
  const unchanged = encodeMap(change.entries?.(entries) ?? entries)
  const payload = change.payload?.(unchanged) ?? unchanged
  const headers = change.protectedHeaders ?? PROTECTED
  // RFC 9052 section 4.4
  const toSign = encodeCbor([
    change.context ?? 'Signature1',
    headers,
    change.externalData ?? new Uint8Array(0),
    payload,
  ])
  const made = new Uint8Array(sign('sha384', toSign, { key: change.key ?? chain.leafKey, dsaEncoding: 'ieee-p1363' }))
  const elements = [
    encodeCbor(headers),
    change.unprotected ?? encodeCbor(new Map()),
    encodeCbor(change.tampered?.(payload) ?? payload),
    encodeCbor(change.signature?.(made) ?? made),
  ]
  const parts = change.elements?.(elements) ?? elements
  const document = concat(Uint8Array.of(0x80 + parts.length), ...parts)
  return change.envelope?.(document) ?? document
}

export function encodeMap(entries: Field[]): Uint8Array {
  if (entries.length > 23) throw new RangeError('a map of more than 23 entries has a longer head')
  return concat(Uint8Array.of(0xa0 + entries.length), ...entries.flat())
}

/** Changes one field's encoded value. */
export function withValue(entries: Field[], name: string, change: (value: Uint8Array) => Uint8Array): Field[] {
  const key = Buffer.from(encodeCbor(name))
  return entries.map(([at, value]) => (key.equals(at) ? [at, change(value)] : [at, value]))
}

/** r and s of a signature, put in their places. */
export function scalars(change: (r: bigint, s: bigint) => [bigint, bigint]): (signature: Uint8Array) => Uint8Array {
  return (signature) => {
    const hex = (from: number) =>
      BigInt(`0x${Buffer.from(signature.subarray(from, from + SCALAR_BYTES)).toString('hex')}`)
    const [r, s] = change(hex(0), hex(SCALAR_BYTES))
    return concat(...[r, s].map((value) => Buffer.from(value.toString(16).padStart(2 * SCALAR_BYTES, '0'), 'hex')))
  }
}

export const order = ORDER

export function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

/** Flips the lowest bit of one byte. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice()
  const index = at < 0 ? out.length + at : at
  out[index] = (out[index] as number) ^ 1
  return out
}
