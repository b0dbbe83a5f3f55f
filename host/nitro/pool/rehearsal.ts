/**
 * A launch that is nobody's, for children that wait (host/enclave/rehearsal.ts): the release's kernel under a grant made up here, by a
 * key that is forgotten at once. Its registers are its own; no document is signed for it.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { encodeCanonicalJson } from '../../wire/canonical-json.ts'
import { encodeCbor } from '../../wire/cbor.ts'
import { encodeLaunchRecord } from '../launch-record.ts'
import { errorResponse, handleNsm } from '../nsm/nsm.ts'
import { PcrBank } from '../nsm/pcr-bank.ts'

const MODULE = 'i-0-enc0000000000000000'
const NOBODY = 'rehearsal'

export function rehearsalRecord(kernel: Uint8Array): Uint8Array {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const owner = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url').toString('hex')
  const grant = encodeCanonicalJson({ kmsKey: null, owners: [owner], version: 1, workloadName: NOBODY })
  const signature = new Uint8Array(sign(null, Buffer.concat([Buffer.from('wasmclave/grant\0'), grant]), privateKey))
  const record = encodeCanonicalJson({ development: true, rehearsal: true })
  return encodeLaunchRecord(kernel, new Uint8Array(0), {
    moduleId: MODULE,
    imageManifest: encodeCanonicalJson({ attestCallerKey: false, workload: { name: NOBODY, version: '0' } }),
    grantChain: encodeCbor([[grant, signature]]),
    admissionRecord: record,
    bootRecord: record,
  })
}

/** Answers a rehearsal's NSM requests: registers that nobody sees, and no attestation. */
export function rehearsalNsm(): (request: Uint8Array) => Uint8Array {
  const pcrs = new PcrBank({})
  return (request) => {
    const outcome = handleNsm(request, pcrs, MODULE)
    return 'response' in outcome ? outcome.response : errorResponse('InvalidOperation')
  }
}
