/**
 * The release of an image on a development host: the pipeline's suite, the pipeline's key, and a roll-out that both approvers approve, each
 * by a signed request of its own. The way is the one that others go; that all keys lie in one folder is what `development` says.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { signApproval } from '../control/proposals/approval.ts'
import { rollOutPayload } from '../control/proposals/payload.ts'
import { openRelease, type Release, signRelease } from '../control/releases/release.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { certificateDigest, parseSignature } from '../nitro/eif/signature.ts'
import { encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { developmentKey, pipelineFiles, readGenesis } from './development.ts'
import { writeFile } from './files.ts'
import { DEFAULT_BUILDER, type ReleaseImage, readReleaseImage, releaseFacts } from './release-image.ts'
import { runTests } from './release-test.ts'
import { adminRequest, developmentSigner, type RunningHost } from './running-host.ts'

/** Of a roll-out whose approvals follow at once. */
const WAIT_MS = 600_000

export type DevelopmentRelease = { envelope: Uint8Array; release: Release }

/**
 * A release of this image, made now or before; undefined where the development pipeline has not signed it, or its suite fails: then the host
 * says what is wrong with the image. @throws what a host throws on proposals and approvals
 */
export async function developmentRelease(
  host: Pick<RunningHost, 'gateway' | 'folder'>,
  eif: Uint8Array,
): Promise<DevelopmentRelease | undefined> {
  const image = readOwnImage(host.folder, eif)
  if (image === undefined) return undefined
  const folder = join(host.folder.development, 'releases')
  const path = join(folder, `${image.digest}.json`)
  const certificate = pipelineCertificate(host.folder)
  if (existsSync(path)) {
    const envelope = new Uint8Array(readFileSync(path))
    return { envelope, release: openRelease(envelope, certificate) }
  }
  const signed = await signDevelopmentRelease(host.folder, eif)
  if (signed === undefined) return undefined
  await rollOut(host, signed.envelope, certificate)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // CRASH: rolled out, and the envelope lost: the next launch makes another release of the same image.
  writeFile(path, signed.envelope, 0o600)
  return signed
}

/** Tested and signed, and not rolled out: no host is asked. */
export async function signDevelopmentRelease(
  folder: DataFolder,
  eif: Uint8Array,
): Promise<DevelopmentRelease | undefined> {
  const image = readOwnImage(folder, eif)
  if (image === undefined) return undefined
  const tests = await runTests(eif, [], 1)
  if (!tests.passed) return undefined
  const certificate = pipelineCertificate(folder)
  const key = createPrivateKey(readFileSync(pipelineFiles(folder).key))
  const envelope = signRelease(releaseFacts(image, tests, DEFAULT_BUILDER), key, certificate)
  return { envelope, release: openRelease(envelope, certificate) }
}

function pipelineCertificate(folder: DataFolder): X509Certificate {
  return new X509Certificate(readFileSync(pipelineFiles(folder).certificate))
}

// An image that is whole, and of the pipeline whose key lies here.
function readOwnImage(folder: DataFolder, eif: Uint8Array): ReleaseImage | undefined {
  if (!existsSync(pipelineFiles(folder).key)) return undefined
  try {
    const image = readReleaseImage(eif)
    if (image.eif.signature === null) return undefined
    const signer = certificateDigest(parseSignature(image.eif.signature).certificate)
    return signer === certificateDigest(pipelineCertificate(folder)) ? image : undefined
  } catch {
    // Whatever is wrong with the image is the host's to say
    return undefined
  }
}

async function rollOut(
  host: Pick<RunningHost, 'gateway' | 'folder'>,
  envelope: Uint8Array,
  certificate: X509Certificate,
): Promise<void> {
  const payload = rollOutPayload(envelope, certificate)
  const { genesis, digest } = readGenesis(host.folder)
  const audience = { genesis: digest, host: genesis.hostId }
  const { digest: policy } = (await adminRequest(host, { action: 'describe-policy', parameters: {} })) as {
    digest: string
  }
  const expiresMs = Date.now() + WAIT_MS
  const action = 'roll-out'
  const text = new TextDecoder().decode(encodeCanonicalJson(payload))
  const proposed = await adminRequest(host, {
    action: 'propose',
    parameters: { action, payload: text, policy, expiresMs },
  })
  const proposal = (proposed as Record<string, Json>).Proposal as string
  for (const approver of ['approver-1', 'approver-2'] as const) {
    const matter = { id: proposal, audience, action, policy, expiresMs } as const
    const signature = signApproval(matter, payload, developmentKey(host.folder, approver))
    const parameters = { proposal, signature: Buffer.from(signature).toString('hex') }
    await adminRequest(host, { action: 'approve', parameters }, undefined, developmentSigner(host.folder, approver))
  }
  await adminRequest(host, { action: 'execute', parameters: { proposal } })
}
