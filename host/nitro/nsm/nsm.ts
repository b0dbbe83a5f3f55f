/**
 * The Nitro Secure Module's API (nsm-api 0.5, QEMU's virtio-nsm): seven calls in CBOR. Six answer at once; an attestation is handed to
 * the signer. As lenient on input as QEMU: text for bytes, missing keys as null, unknown keys ignored.
 */
import { randomBytes } from 'node:crypto'
import { NSM_REQUEST_MAX } from '../../../assembly/abi/limits.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import { PCR_COUNT, type PcrBank } from './pcr-bank.ts'

/** libnsm: what GetRandom gives. */
const RANDOM_BYTES = 256
/** QEMU's version triple. */
const VERSION = { major: 1, minor: 0, patch: 0 }

export type NsmError =
  | 'InvalidArgument'
  | 'InvalidIndex'
  | 'ReadOnlyIndex'
  | 'InvalidOperation'
  | 'InputTooLarge'
  | 'InternalError'

/** What an enclave asks to be attested; null where it gave nothing. */
export type AttestationRequest = { userData: Uint8Array | null; nonce: Uint8Array | null; publicKey: Uint8Array | null }

export type NsmOutcome = { response: Uint8Array } | { attestation: AttestationRequest }

export function handleNsm(request: Uint8Array, pcrs: PcrBank, moduleId: string): NsmOutcome {
  if (request.length > NSM_REQUEST_MAX) return failed('InputTooLarge')
  const call = parseCall(request)
  if (call === undefined) return failed('InvalidOperation')
  const [name, fields] = call
  switch (name) {
    case 'DescribeNSM':
      return describe(pcrs, moduleId)
    case 'GetRandom':
      return answer('GetRandom', [['random', new Uint8Array(randomBytes(RANDOM_BYTES))]])
    case 'DescribePCR': {
      const index = uint16(fields.get('index'))
      if (index === undefined) return failed('InvalidOperation')
      const register = pcrs.describe(index)
      return register === undefined
        ? failed('InvalidIndex')
        : answer('DescribePCR', [
            ['data', register.value],
            ['lock', register.locked],
          ])
    }
    case 'ExtendPCR': {
      const index = uint16(fields.get('index'))
      const data = bytes(fields.get('data'))
      if (index === undefined || data === undefined || data === null) return failed('InvalidOperation')
      const value = pcrs.extend(index, data)
      return typeof value === 'string' ? failed(value) : answer('ExtendPCR', [['data', value]])
    }
    case 'LockPCR': {
      const index = uint16(fields.get('index'))
      if (index === undefined) return failed('InvalidOperation')
      const error = pcrs.lock(index)
      return error === undefined ? { response: encodeCbor('LockPCR') } : failed(error)
    }
    case 'LockPCRs': {
      const range = uint16(fields.get('range'))
      if (range === undefined) return failed('InvalidOperation')
      const error = pcrs.lockRange(range)
      return error === undefined ? { response: encodeCbor('LockPCRs') } : failed(error)
    }
    case 'Attestation': {
      const userData = bytes(fields.get('user_data'))
      const nonce = bytes(fields.get('nonce'))
      const publicKey = bytes(fields.get('public_key'))
      if (userData === undefined || nonce === undefined || publicKey === undefined) return failed('InvalidOperation')
      return { attestation: { userData, nonce, publicKey } }
    }
    default:
      return failed('InvalidOperation')
  }
}

export function attestationResponse(document: Uint8Array): Uint8Array {
  return encodeInOrder('Attestation', [['document', document]])
}

export function errorResponse(code: NsmError): Uint8Array {
  return encodeInOrder('Error', code)
}

function failed(code: NsmError): NsmOutcome {
  return { response: errorResponse(code) }
}

function answer(name: string, fields: [string, Cbor][]): NsmOutcome {
  return { response: encodeInOrder(name, fields) }
}

// Field order as QEMU emits it; locked registers as an array of their indices.
function describe(pcrs: PcrBank, moduleId: string): NsmOutcome {
  return answer('DescribeNSM', [
    ['digest', 'SHA384'],
    ['max_pcrs', PCR_COUNT],
    ['module_id', moduleId],
    ['locked_pcrs', pcrs.locked.map(([index]) => index)],
    ['version_major', VERSION.major],
    ['version_minor', VERSION.minor],
    ['version_patch', VERSION.patch],
  ])
}

// Unit variants are text, struct variants a map of one entry: serde's externally tagged enums.
function parseCall(request: Uint8Array): [string, Map<Cbor, Cbor>] | undefined {
  let value: Cbor
  try {
    value = decodeCbor(request)
  } catch {
    return undefined
  }
  if (typeof value === 'string') return [value, new Map()]
  if (!(value instanceof Map) || value.size !== 1) return undefined
  const [[name, fields]] = value as unknown as [[Cbor, Cbor]]
  return typeof name === 'string' && fields instanceof Map ? [name, fields] : undefined
}

function uint16(value: Cbor | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff ? value : undefined
}

/** null for null or a missing key, undefined for what is no string of bytes. */
function bytes(value: Cbor | undefined): Uint8Array | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return new TextEncoder().encode(value)
  return value instanceof Uint8Array ? value : undefined
}

function encodeInOrder(name: string, fields: [string, Cbor][] | string): Uint8Array {
  const inner =
    typeof fields === 'string'
      ? [encodeCbor(fields)]
      : [Uint8Array.of(0xa0 + fields.length), ...fields.flatMap(([key, value]) => [encodeCbor(key), encodeCbor(value)])]
  return new Uint8Array(Buffer.concat([Uint8Array.of(0xa1), encodeCbor(name), ...inner]))
}
