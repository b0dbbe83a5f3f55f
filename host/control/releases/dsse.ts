/**
 * DSSE v1.0.2 envelopes (secure-systems-lab): one payload, one signature, by a pipeline's key. The signature covers type and payload
 * together, so that no statement passes for another. Envelopes are canonical JSON here: one envelope, one digest.
 */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { RefusedError, UsageError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson } from '../../wire/canonical-json.ts'
import { Shape } from '../policy/shape.ts'

/** An envelope stands in one entry of the log, inside of a signed request. */
export const MAX_ENVELOPE_BYTES = 24_576
/** Curve to hash, as images are signed (RFC 9053 section 2.1). */
const HASHES: Record<string, string> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' }

const shape = new Shape('ERR_RELEASE_SYNTAX')

/** PAE, protocol.md: what is signed. Lengths are of bytes. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8')
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    Buffer.from(payload.buffer, payload.byteOffset, payload.length),
  ])
}

/**
 * @param keyid SHA-384 of the pipeline's certificate, hex: a hint, which the opener compares
 * @throws UsageError ERR_RELEASE_KEY, ERR_RELEASE_SIZE
 */
export function signEnvelope(payloadType: string, payload: Uint8Array, key: KeyObject, keyid: string): Uint8Array {
  const signature = sign(hashOf(key), preAuthenticationEncoding(payloadType, payload), {
    key,
    dsaEncoding: 'ieee-p1363',
  })
  const envelope = encodeCanonicalJson({
    payload: Buffer.from(payload).toString('base64'),
    payloadType,
    signatures: [{ keyid, sig: signature.toString('base64') }],
  })
  if (envelope.length > MAX_ENVELOPE_BYTES)
    throw new UsageError(
      'ERR_RELEASE_SIZE',
      `an envelope of ${envelope.length} bytes, at most ${MAX_ENVELOPE_BYTES}: name fewer tests`,
    )
  return envelope
}

/** Who is said to have signed: not verified. @throws RefusedError ERR_RELEASE_SYNTAX, ERR_JSON_* */
export function parseEnvelope(bytes: Uint8Array): {
  payload: Uint8Array
  payloadType: string
  keyid: string
  signature: Uint8Array
} {
  if (bytes.length > MAX_ENVELOPE_BYTES)
    throw shape.refused(`an envelope of ${bytes.length} bytes, at most ${MAX_ENVELOPE_BYTES}`)
  const outer = shape.exactly(decodeCanonicalJson(bytes), ['payload', 'payloadType', 'signatures'], 'the envelope')
  const [first, ...more] = shape.list(outer.signatures, 1, 'signatures')
  if (first === undefined || more.length > 0) throw shape.refused('an envelope has one signature')
  const { keyid, sig } = shape.exactly(first, ['keyid', 'sig'], 'the signature')
  return {
    payload: base64(outer.payload, 'payload'),
    payloadType: shape.text(outer.payloadType, /^[\x21-\x7e]{1,128}$/, 'payloadType'),
    keyid: shape.hex(keyid, 48, 'keyid'),
    signature: base64(sig, 'sig'),
  }
}

/** The payload, once its signature held. @throws RefusedError ERR_RELEASE_SIGNATURE, ERR_RELEASE_SYNTAX, ERR_JSON_* */
export function openEnvelope(bytes: Uint8Array, payloadType: string, key: KeyObject, keyid: string): Uint8Array {
  const envelope = parseEnvelope(bytes)
  if (envelope.keyid !== keyid)
    throw new RefusedError(
      'ERR_RELEASE_SIGNATURE',
      `the envelope is signed under certificate ${envelope.keyid}, due is ${keyid}`,
    )
  if (envelope.payloadType !== payloadType)
    throw shape.refused(`the envelope holds ${envelope.payloadType}, due is ${payloadType}`)
  if (!verifies(envelope.payloadType, envelope.payload, envelope.signature, key))
    throw new RefusedError('ERR_RELEASE_SIGNATURE', `the envelope does not verify under certificate ${keyid}`)
  return envelope.payload
}

export function verifies(payloadType: string, payload: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  return verify(
    hashOf(key),
    preAuthenticationEncoding(payloadType, payload),
    { key, dsaEncoding: 'ieee-p1363' },
    signature,
  )
}

/** Canonical base64 with padding, RFC 4648 section 4. */
export function base64(value: unknown, what: string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined
  if (bytes === undefined || bytes.toString('base64') !== value) throw shape.refused(`${what} is no base64`)
  return new Uint8Array(bytes)
}

function hashOf(key: KeyObject): string {
  const curve = (key.type === 'private' ? createPublicKey(key) : key).asymmetricKeyDetails?.namedCurve ?? ''
  const hash = HASHES[curve]
  if (hash === undefined)
    throw new UsageError(
      'ERR_RELEASE_KEY',
      `a pipeline's key is on P-256, P-384 or P-521, this is ${curve || key.type}`,
    )
  return hash
}
