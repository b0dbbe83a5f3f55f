/**
 * Identities of a development host, made once: operator, auditor, two approvers, a pipeline with its certificate, an owner, and the genesis
 * that names them. Whoever reads the folder is all of them: that is what `development` means, and PCR17 says it.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEFAULT_ROLES } from '../control/actions.ts'
import { type SignedGenesis, signGenesis, verifyGenesis } from '../control/genesis.ts'
import { rawPublicKey } from '../control/keys.ts'
import { makeStoreIdentity } from '../kms/store-keys/index.ts'
import { type DataFolder, makeDataFolder } from '../nitro/data-folder.ts'
import { certificateDigest } from '../nitro/eif/signature.ts'
import { basicConstraints, keyUsage, makeCertificate, type Rdn } from '../nitro/pki/certificate.ts'
import { Pki } from '../nitro/pki/pki.ts'
import { encodeGrant, encodeGrantChain, grantSigningInput, type ReleaseRule, storeId } from '../verifier/index.ts'
import { developmentCredentials } from './kms-credentials.ts'

const DIGITAL_SIGNATURE = 0x80
const TEN_YEARS_MS = 3650 * 86_400_000
const APPROVERS = ['approver-1', 'approver-2']

/** Makes what is missing of a development host. @returns whether it was made now */
export function makeDevelopmentHost(data: string): { folder: DataFolder; made: boolean } {
  const folder = makeDataFolder(data)
  developmentCredentials(folder)
  const genesisFile = join(folder.nitro, 'genesis.json')
  if (existsSync(genesisFile)) return { folder, made: false }
  const hostId = `i-${randomBytes(9).toString('hex').slice(0, 17)}`
  const pki = new Pki(folder.nitro, hostId)
  const pipeline = pipelineCertificate(folder)
  const approvers = APPROVERS.map((name) => developmentKey(folder, name))
  const genesis = signGenesis(
    {
      version: 1,
      development: true,
      hostId,
      approvers: approvers.map(publicHex),
      threshold: 2,
      operators: [publicHex(developmentKey(folder, 'operator'))],
      auditors: [publicHex(developmentKey(folder, 'auditor'))],
      pipelineCertificates: [certificateDigest(pipeline)],
      attestationRoots: [pki.rootFingerprint],
      kmsKey: makeStoreIdentity(folder.kms),
      logKey: publicHex(keyFile(folder.nitro, 'log.key')),
      roles: structuredClone(DEFAULT_ROLES),
    },
    approvers,
  )
  ownerKey(folder)
  writeFileSync(folder.rootCertificate, pki.rootPem, { mode: 0o644 })
  // CRASH: without genesis nothing above counts; the next start makes what is missing and signs anew.
  writeFileSync(genesisFile, genesis, { mode: 0o600 })
  return { folder, made: true }
}

/** Genesis as the host has it. */
export function readGenesis(folder: DataFolder): SignedGenesis {
  return verifyGenesis(readFileSync(join(folder.nitro, 'genesis.json')))
}

/** Ed25519 key of a role in DIR/development. */
export function developmentKey(folder: DataFolder, name: string): KeyObject {
  return keyFile(join(folder.development, name), 'key.pem')
}

/** The customer's key. */
export function ownerKey(folder: DataFolder): KeyObject {
  return keyFile(folder.customer, 'owner.key')
}

export function publicHex(key: KeyObject): string {
  return Buffer.from(rawPublicKey(key)).toString('hex')
}

export function pipelineFiles(folder: DataFolder): { certificate: string; key: string } {
  const pipeline = join(folder.development, 'pipeline')
  return { certificate: join(pipeline, 'certificate.pem'), key: join(pipeline, 'key.pem') }
}

/**
 * A grant of version 1 for one enclave, signed by the development owner. With `store: false` what the enclave writes ends with it.
 * @returns the chain's bytes
 */
export async function developmentGrant(
  folder: DataFolder,
  facts: { enclaveName: string; workloadName: string; releaseRule: ReleaseRule; store?: boolean },
): Promise<Uint8Array> {
  const owner = ownerKey(folder)
  const { genesis, digest } = readGenesis(folder)
  const grant = encodeGrant({
    version: 1,
    owners: [publicHex(owner)],
    tenant: 'development',
    enclaveName: facts.enclaveName,
    workloadName: facts.workloadName,
    storeId: await storeId(publicHex(owner), facts.enclaveName),
    kmsKey: facts.store === false ? null : genesis.kmsKey,
    releaseRule: facts.releaseRule,
    minSecurityVersion: 1,
    logKey: genesis.logKey,
    genesisDigest: digest,
    development: true,
  })
  return encodeGrantChain([{ bytes: grant, signature: new Uint8Array(sign(null, grantSigningInput(grant), owner)) }])
}

function keyFile(folder: string, name: string): KeyObject {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, name)
  if (existsSync(path)) return createPrivateKey(readFileSync(path))
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' })
  return privateKey
}

function pipelineCertificate(folder: DataFolder): X509Certificate {
  const files = pipelineFiles(folder)
  if (existsSync(files.certificate)) return new X509Certificate(readFileSync(files.certificate))
  mkdirSync(join(folder.development, 'pipeline'), { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const name: Rdn[] = [
    ['C', 'US'],
    ['O', 'wasmclave development'],
    ['CN', 'pipeline'],
  ]
  const now = Date.now()
  const certificate = new X509Certificate(
    makeCertificate(
      {
        serial: randomBytes(16),
        subject: name,
        issuer: name,
        notBeforeMs: now - 60_000,
        notAfterMs: now + TEN_YEARS_MS,
        publicKey: privateKey,
        extensions: [basicConstraints(false, null), keyUsage(DIGITAL_SIGNATURE, true)],
      },
      privateKey,
    ),
  )
  writeFileSync(files.key, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  writeFileSync(files.certificate, certificate.toString(), { mode: 0o644 })
  return certificate
}
