/**
 * The host under attack, seen from outside: its data folder, its doors, its processes, and a canary that an owner has planted in one of
 * its enclaves. On a development host all keys lie in the folder, so that every role can be tried.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Enclave, identityFromPem, type Policy } from '../client/index.ts'
import { type SignedGenesis, verifyGenesis } from '../control/genesis.ts'
import { rawPublicKey } from '../control/keys.ts'
import { UnavailableError } from '../errors.ts'
import { type DataFolder, dataFolder } from '../nitro/data-folder.ts'
import { type Canary, makeCanary } from './canary.ts'
import { type HostProcess, hostProcesses } from './processes.ts'
import { plant, type Shelf } from './shelf.ts'

export type Running = { pid: number; gateway: string; proxy: string | null; kms: string | null; data: string }

/** Unsigned images of two workloads that a host may launch besides. */
export type Images = { hello: Uint8Array; echo: Uint8Array }

/** Who signs an admin request. `stranger` is a key that nobody enrolled. */
export const SIGNERS = ['operator', 'approver-1', 'approver-2', 'stranger'] as const
export type Signer = (typeof SIGNERS)[number]

export class Target {
  readonly folder: DataFolder
  readonly running: Running
  readonly genesis: SignedGenesis
  /** Name of the enclave that holds the canary. */
  readonly enclave: string
  readonly canary: Canary
  readonly shelf: Shelf
  readonly images: Images
  readonly #stranger = generateKeyPairSync('ed25519').privateKey

  private constructor(running: Running, enclave: string, images: Images, canary: Canary, shelf: Shelf) {
    this.folder = dataFolder(running.data)
    this.running = running
    this.genesis = readGenesis(this.folder)
    this.enclave = enclave
    this.canary = canary
    this.shelf = shelf
    this.images = images
  }

  /** Opens a session as the owner and plants a canary. @throws UnavailableError ERR_CLAIMS_ENCLAVE */
  static async open(running: Running, enclave: string, images: Images): Promise<Target> {
    const canary = makeCanary()
    const session = await openSession(running, enclave, 'owner')
    try {
      return new Target(running, enclave, images, canary, await plant(session, canary))
    } finally {
      session.close()
    }
  }

  get development(): boolean {
    return this.genesis.genesis.development
  }

  /** Public key of the owner, hex. */
  get owner(): string {
    const pem = readFileSync(join(this.folder.customer, 'owner.key'))
    return Buffer.from(rawPublicKey(createPrivateKey(pem))).toString('hex')
  }

  processes(): HostProcess[] {
    return hostProcesses(this.running.pid)
  }

  key(signer: Signer): KeyObject {
    return signer === 'stranger' ? this.#stranger : readKey(join(this.folder.development, signer, 'key.pem'))
  }

  /** A session with the enclave as its owner, or by another key. */
  connectAs(who: 'owner' | Signer): Promise<Enclave> {
    return openSession(this.running, this.enclave, who === 'owner' ? who : this.key(who))
  }
}

export function policyFor(folder: DataFolder, enclave: string): Policy {
  const measurements = JSON.parse(readFileSync(join(folder.customer, `${enclave}.pcrs.json`), 'utf8')) as {
    PCR0: string
  }
  return {
    root: readFileSync(folder.rootCertificate, 'utf8'),
    grant: new Uint8Array(readFileSync(join(folder.customer, `${enclave}.grant`))),
    pcrs: { 0: measurements.PCR0 },
    allowDevelopment: true,
  }
}

async function openSession(running: Running, enclave: string, who: 'owner' | KeyObject): Promise<Enclave> {
  const folder = dataFolder(running.data)
  const pem =
    who === 'owner'
      ? readFileSync(join(folder.customer, 'owner.key'), 'utf8')
      : (who.export({ format: 'pem', type: 'pkcs8' }) as string)
  let policy: Policy
  try {
    policy = policyFor(folder, enclave)
  } catch (error) {
    throw new UnavailableError(
      'ERR_CLAIMS_ENCLAVE',
      `${folder.customer} has no grant and reference values of ${enclave}: "up" leaves them there for the enclave it launches`,
      { cause: error },
    )
  }
  return connect(`${running.gateway}/enclaves/${enclave}`, policy, await identityFromPem(pem))
}

function readGenesis(folder: DataFolder): SignedGenesis {
  return verifyGenesis(readFileSync(join(folder.nitro, 'genesis.json')))
}

function readKey(path: string): KeyObject {
  return createPrivateKey(readFileSync(path))
}

export const nonce = (): Uint8Array => randomBytes(16)
