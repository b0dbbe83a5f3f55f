/**
 * The attestation document, byte for byte as AWS's hypervisor writes it: an untagged COSE_Sign1 with ES384 over a map of nine entries
 * in AWS's own order; absent values are null.
 */
import { type KeyObject, sign } from 'node:crypto'
import { type Cbor, encodeCbor } from '../../wire/cbor.ts'
import type { AttestationRequest } from './nsm.ts'

/** {1: -35}: alg ES384, RFC 9053 section 2.1 */
const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x38, 0x22)
const ARRAY_OF_4 = Uint8Array.of(0x84)
const MAP_OF_9 = Uint8Array.of(0xa9)
const UINT64 = 0x1b

export type DocumentFacts = AttestationRequest & {
  moduleId: string
  timestampMs: number
  pcrs: [index: number, value: Uint8Array][]
  certificate: Uint8Array
  /** Root, regional, zonal, instance. */
  cabundle: Uint8Array[]
}

/** What the document says, before it is signed. */
export function documentPayload(facts: DocumentFacts): Uint8Array {
  const timestamp = new Uint8Array(9)
  timestamp[0] = UINT64
  new DataView(timestamp.buffer).setBigUint64(1, BigInt(facts.timestampMs))
  const field = (name: string, value: Cbor): Uint8Array[] => [encodeCbor(name), encodeCbor(value)]
  return concat([
    MAP_OF_9,
    ...field('module_id', facts.moduleId),
    ...field('digest', 'SHA384'),
    encodeCbor('timestamp'),
    timestamp,
    ...field('pcrs', new Map<Cbor, Cbor>(facts.pcrs)),
    ...field('certificate', facts.certificate),
    ...field('cabundle', facts.cabundle),
    ...field('public_key', facts.publicKey),
    ...field('user_data', facts.userData),
    ...field('nonce', facts.nonce),
  ])
}

/** Signs off the event loop: a P-384 signature takes about half a millisecond. */
export function signDocument(payload: Uint8Array, key: KeyObject): Promise<Uint8Array> {
  // RFC 9052 section 4.4
  const toSign = encodeCbor(['Signature1', PROTECTED, new Uint8Array(0), payload])
  return new Promise((resolve, reject) => {
    sign('sha384', toSign, { key, dsaEncoding: 'ieee-p1363' }, (error, signature) => {
      if (error !== null) return reject(error)
      resolve(
        concat([
          ARRAY_OF_4,
          encodeCbor(PROTECTED),
          encodeCbor(new Map()),
          encodeCbor(payload),
          encodeCbor(new Uint8Array(signature)),
        ]),
      )
    })
  })
}

function concat(parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
