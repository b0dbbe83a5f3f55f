/** The host that runs on a data folder, and the signed requests one makes to it. */
import { type KeyObject, randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { verifyAnswer } from '../client/log/answer.ts'
import type { LogKey } from '../client/log/checkpoints.ts'
import type { Request } from '../control/actions.ts'
import { type Audience, requestDigest, signRequest } from '../control/request.ts'
import { type ErrorCode, RefusedError, UnavailableError } from '../errors.ts'
import { openCheckpoint } from '../log/proofs/checkpoint.ts'
import { sha256 } from '../log/tree.ts'
import { type DataFolder, dataFolder } from '../nitro/data-folder.ts'
import { type Answered, object, parseAnswer } from '../wire/admin.ts'
import type { Json } from '../wire/canonical-json.ts'
import { printable } from '../wire/printable.ts'
import { AdminConnection, type OnBytes, type Upload } from './admin-connection.ts'
import { developmentKey, readGenesis } from './development.ts'
import { KeptCheckpoint, logKeyOf } from './kept-checkpoint.ts'

const MAX_MESSAGE_CHARACTERS = 2000

/** DIR/host.json: where the host serves. */
export type RunningHost = { pid: number; gateway: string; proxy: string | null; kms: string | null; folder: DataFolder }

/** @throws UnavailableError ERR_HOST_NOT_RUNNING */
export function findHost(data: string): RunningHost {
  const folder = dataFolder(data)
  if (!existsSync(folder.hostFile)) throw notRunning(folder)
  const { pid, gateway, proxy, kms } = JSON.parse(readFileSync(folder.hostFile, 'utf8')) as {
    pid: number
    gateway: string
    proxy: string | null
    kms?: string
  }
  try {
    process.kill(pid, 0)
  } catch {
    throw notRunning(folder)
  }
  return { pid, gateway, proxy, kms: kms ?? null, folder }
}

function notRunning(folder: DataFolder): UnavailableError {
  return new UnavailableError(
    'ERR_HOST_NOT_RUNNING',
    `no host runs on ${folder.root}: start one with "npm start", or name its folder with --data`,
  )
}

/** Whose key signs, and where that caller keeps what it has seen of the log. */
export type Signer = { key: KeyObject; folder: string }

/** A key of an office in DIR/development. */
export function developmentSigner(
  folder: DataFolder,
  name: 'operator' | 'auditor' | 'approver-1' | 'approver-2',
): Signer {
  return { key: developmentKey(folder, name), folder: join(folder.development, name) }
}

/** Signs a request, sends it, and believes the answer as far as the log proves it. */
export class AdminSession {
  readonly connection: AdminConnection
  readonly log: LogKey
  readonly kept: KeptCheckpoint
  /** Index of the entry that proved the last answer. */
  lastIndex: number | undefined
  readonly #key: KeyObject
  readonly #audience: Audience

  /** @param pinned log and genesis as an owner's grant names them; the genesis in the host's folder where there is none */
  constructor(
    host: Pick<RunningHost, 'gateway' | 'folder'>,
    { key, folder }: Signer,
    pinned?: { logKey: string | null; genesisDigest: string },
  ) {
    const { genesis, digest } = readGenesis(host.folder)
    const { logKey, genesisDigest } = pinned ?? { logKey: genesis.logKey, genesisDigest: digest }
    if (logKey === null || genesisDigest !== digest)
      throw new RefusedError(
        'ERR_LOG_KEY',
        `the host in ${host.folder.root} has genesis ${digest} and log ${genesis.logKey}, pinned are ${genesisDigest} and ${logKey}`,
      )
    this.#key = key
    this.#audience = { genesis: digest, host: genesis.hostId }
    this.log = logKeyOf(logKey, digest)
    this.kept = new KeptCheckpoint(folder)
    this.connection = new AdminConnection(host.gateway)
  }

  /** @throws RefusedError with the host's code, ERR_ADMIN_ANSWER, ERR_LOG_*; UnavailableError ERR_ADMIN_CONNECTION */
  async request(request: Request, upload?: Upload, onBytes?: OnBytes): Promise<Json> {
    const jws = await signRequest(this.#key, this.#audience, request, Date.now(), randomBytes(16))
    const kept = this.kept.read()
    const since = kept === undefined ? 0 : Number(openCheckpoint(sha256, this.log.verify, kept, this.log).size)
    const message = await this.connection.call('request', { jws, since }, upload, onBytes)
    const asked = { request: requestDigest(jws), action: request.action, kept }
    const { answered, proven } = await this.kept.guard(() => verifyAnswer(this.log, asked, message))
    this.lastIndex = proven?.index
    if (proven !== undefined) this.kept.advance(this.log, proven.checkpoint)
    if ('result' in answered) return answered.result
    throw refusalOf(answered)
  }

  /** More of what a request has opened on this connection. @returns what came, which is believed nothing yet */
  async read(query: Record<string, Json>): Promise<unknown> {
    const message = object(await this.connection.call('read', { query: JSON.stringify(query) }))
    if (message.error !== undefined) throw refusalOf(parseAnswer(message).answered)
    return message.result
  }

  close(): void {
    this.connection.close()
  }
}

function refusalOf(answered: Answered): RefusedError {
  const { code, message } = 'error' in answered ? answered.error : { code: 'ERR_ADMIN_ANSWER', message: 'no error' }
  return new RefusedError(code as ErrorCode, printable(message, MAX_MESSAGE_CHARACTERS))
}

/**
 * One request of the development operator, or of whoever signs, and the image behind it where there is one.
 * @throws what AdminSession.request throws
 */
export async function adminRequest(
  host: Pick<RunningHost, 'gateway' | 'folder'>,
  request: Request,
  image?: Uint8Array,
  signer: Signer = developmentSigner(host.folder, 'operator'),
): Promise<Json> {
  const session = new AdminSession(host, signer)
  try {
    return await session.request(request, image)
  } finally {
    session.close()
  }
}
