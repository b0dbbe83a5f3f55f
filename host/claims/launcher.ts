/** Images and grants to try a host with: built on the owner's machine as a pipeline would, and spoilt in one place each. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawPublicKey } from '../control/keys.ts'
import { parseEif, writeEif } from '../nitro/eif/format.ts'
import { type Measurements, measureEif } from '../nitro/eif/measure.ts'
import { parseSignature, signEif } from '../nitro/eif/signature.ts'
import { basicConstraints, keyUsage, makeCertificate, type Rdn } from '../nitro/pki/certificate.ts'
import { encodeGrant, encodeGrantChain, grantSigningInput, type LaunchGrant, storeId } from '../verifier/index.ts'
import { type AdminAnswer, ask, sha384 } from './doors.ts'
import type { Signer, Target } from './target.ts'

const DIGITAL_SIGNATURE = 0x80
const DAY_MS = 86_400_000
const MEMORY_MIB = 64

export type Pipeline = { certificate: string; key: string }

export function realPipeline(target: Target): Pipeline {
  const folder = join(target.folder.development, 'pipeline')
  return {
    certificate: readFileSync(join(folder, 'certificate.pem'), 'utf8'),
    key: readFileSync(join(folder, 'key.pem'), 'utf8'),
  }
}

/** One that nobody enrolled, with the same name. */
export function selfMadePipeline(target: Target): Pipeline {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const like = new X509Certificate(realPipeline(target).certificate)
  const name: Rdn[] = [
    ['C', 'US'],
    ['O', 'wasmclave development'],
    ['CN', like.subject.includes('pipeline') ? 'pipeline' : 'release'],
  ]
  const now = Date.now()
  const certificate = new X509Certificate(
    makeCertificate(
      {
        serial: randomBytes(16),
        subject: name,
        issuer: name,
        notBeforeMs: now - DAY_MS,
        notAfterMs: now + DAY_MS,
        publicKey: privateKey,
        extensions: [basicConstraints(false, null), keyUsage(DIGITAL_SIGNATURE, true)],
      },
      privateKey,
    ),
  )
  return {
    certificate: certificate.toString(),
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  }
}

export function signedBy(pipeline: Pipeline, image: Uint8Array): Uint8Array {
  return signEif(image, pipeline.certificate, pipeline.key)
}

/** The same image, with one bit of its last section but the signature flipped. */
export function tampered(image: Uint8Array): Uint8Array {
  const eif = parseEif(image)
  const ramdisks = eif.ramdisks.map((each) => new Uint8Array(each))
  const last = ramdisks.at(-1) as Uint8Array
  last[last.length - 1] = (last[last.length - 1] as number) ^ 1
  return writeEif({ ...eif, ramdisks })
}

export function measured(image: Uint8Array): Measurements {
  const eif = parseEif(image)
  return measureEif(eif, eif.signature === null ? null : parseSignature(eif.signature).certificate.raw)
}

/** A grant by the owner, or by a key of the caller's, for an image. */
export async function grantFor(
  target: Target,
  facts: { enclaveName: string; workloadName: string; pcr8: string },
  changed: Partial<LaunchGrant> = {},
  signer = createPrivateKey(readFileSync(join(target.folder.customer, 'owner.key'))),
): Promise<Uint8Array> {
  const owner = Buffer.from(rawPublicKey(signer)).toString('hex')
  const { kmsKey, logKey, development } = target.genesis.genesis
  const bytes = encodeGrant({
    version: 1,
    owners: [owner],
    tenant: 'development',
    enclaveName: facts.enclaveName,
    workloadName: facts.workloadName,
    storeId: await storeId(owner, facts.enclaveName),
    kmsKey,
    releaseRule: { pcr8: facts.pcr8 },
    minSecurityVersion: 1,
    logKey,
    genesisDigest: target.genesis.digest,
    development,
    ...changed,
  })
  return encodeGrantChain([{ bytes, signature: new Uint8Array(sign(null, grantSigningInput(bytes), signer)) }])
}

/** With the release that an insider of the pipeline could have for this image: what is refused is refused for another reason. */
export async function launch(
  target: Target,
  signer: Signer,
  image: Uint8Array,
  grant: Uint8Array,
): Promise<AdminAnswer> {
  const envelope = await target.release(image).catch(() => undefined)
  const parameters = {
    name: null,
    memoryMiB: MEMORY_MIB,
    cpuCount: 1,
    cid: null,
    eifSha384: sha384(image),
    eifBytes: image.length,
    grantChain: Buffer.from(grant).toString('base64url'),
    release: envelope === undefined ? null : Buffer.from(envelope).toString('base64url'),
  }
  return ask(target, signer, { action: 'run-enclave', parameters }, image)
}
