/** What a proposal would do: one guarded action with a payload of its own, parsed once, whoever sent it. */
import { X509Certificate } from 'node:crypto'
import { encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import { type Policy, parsePolicy } from '../policy/document.ts'
import { GUARDED_ACTIONS, type GuardedAction, MAX_PAYLOAD_BYTES } from '../policy/guards.ts'
import { Shape } from '../policy/shape.ts'
import { base64 } from '../releases/dsse.ts'
import { openRelease, type Release } from '../releases/release.ts'

const ENCLAVE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
/** DER of a pipeline's certificate. */
const MAX_CERTIFICATE_BYTES = 4096

const shape = new Shape('ERR_PROPOSAL_PAYLOAD')

export type Payload =
  | { action: 'change-policy'; policy: Policy }
  | { action: 'roll-out'; release: Release }
  | { action: 'retire-release'; release: string }
  | { action: 'rotate-store-keys'; enclave: string }

export function parseGuardedAction(value: unknown): GuardedAction {
  if (!GUARDED_ACTIONS.includes(value as GuardedAction))
    throw shape.refused(`no guarded action ${String(value).slice(0, 64)}; there are ${GUARDED_ACTIONS.join(', ')}`)
  return value as GuardedAction
}

/** @throws RefusedError ERR_PROPOSAL_PAYLOAD, ERR_POLICY_SYNTAX, ERR_RELEASE_SIGNATURE, ERR_RELEASE_SYNTAX, ERR_RELEASE_TESTS */
export function parsePayload(action: GuardedAction, payload: Json): Payload {
  const bytes = encodeCanonicalJson(payload)
  if (bytes.length > MAX_PAYLOAD_BYTES)
    throw shape.refused(`a payload of ${bytes.length} bytes, at most ${MAX_PAYLOAD_BYTES}`)
  switch (action) {
    case 'change-policy':
      return { action, policy: parsePolicy(shape.exactly(payload, ['policy'], 'the payload').policy) }
    case 'roll-out':
      return { action, release: parseRollOut(payload) }
    case 'retire-release': {
      const { release } = shape.exactly(payload, ['release'], 'the payload')
      return { action, release: shape.hex(release, 48, 'release') }
    }
    case 'rotate-store-keys': {
      const { enclave } = shape.exactly(payload, ['enclave'], 'the payload')
      return { action, enclave: shape.text(enclave, ENCLAVE_NAME, 'enclave') }
    }
  }
}

/** The payload of a roll-out: the whole envelope, so that who approves has all that is to be judged. */
export function rollOutPayload(envelope: Uint8Array, certificate: X509Certificate): Json {
  return {
    certificate: certificate.raw.toString('base64'),
    envelope: JSON.parse(Buffer.from(envelope).toString('utf8')) as Json,
  }
}

function parseRollOut(payload: Json): Release {
  const { certificate, envelope } = shape.exactly(payload, ['certificate', 'envelope'], 'the payload')
  const der = base64(certificate, 'certificate')
  if (der.length > MAX_CERTIFICATE_BYTES)
    throw shape.refused(`a certificate of ${der.length} bytes, at most ${MAX_CERTIFICATE_BYTES}`)
  let parsed: X509Certificate
  try {
    parsed = new X509Certificate(der)
  } catch {
    throw shape.refused('the certificate does not parse')
  }
  return openRelease(encodeCanonicalJson(envelope), parsed)
}
