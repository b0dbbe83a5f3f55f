/** Pipelines: the host's own, whose key lies in the folder of a development host, and one that somebody made for himself. */
import { generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signEif } from '../nitro/eif/signature.ts'
import { basicConstraints, keyUsage, makeCertificate, type Rdn } from '../nitro/pki/certificate.ts'
import type { Images, Target } from './target.ts'

const DIGITAL_SIGNATURE = 0x80
const DAY_MS = 86_400_000

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

/** An image of the host's own pipeline. */
export function signedImage(target: Target, name: keyof Images): Uint8Array {
  return signedBy(realPipeline(target), target.images[name])
}

export function signedBy(pipeline: Pipeline, image: Uint8Array): Uint8Array {
  return signEif(image, pipeline.certificate, pipeline.key)
}
