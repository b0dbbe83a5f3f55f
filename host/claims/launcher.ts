/** Images and grants to try a host with: built on the owner's machine as a pipeline would, and spoilt in one place each. */
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawPublicKey } from '../control/keys.ts'
import { parseEif, writeEif } from '../nitro/eif/format.ts'
import { type Measurements, measureEif } from '../nitro/eif/measure.ts'
import { parseSignature } from '../nitro/eif/signature.ts'
import { encodeGrant, encodeGrantChain, grantSigningInput, type LaunchGrant, storeId } from '../verifier/index.ts'
import { type AdminAnswer, ask, sha384 } from './doors.ts'
import type { Signer, Target } from './target.ts'

const MEMORY_MIB = 64

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

export function launch(
  target: Target,
  signer: Signer,
  image: Uint8Array,
  grant: Uint8Array,
  release: Uint8Array | null,
): Promise<AdminAnswer> {
  const parameters = {
    name: null,
    memoryMiB: MEMORY_MIB,
    cpuCount: 1,
    cid: null,
    eifSha384: sha384(image),
    eifBytes: image.length,
    grantChain: Buffer.from(grant).toString('base64url'),
    release: release === null ? null : Buffer.from(release).toString('base64url'),
  }
  return ask(target, signer, { action: 'run-enclave', parameters }, image)
}
