// A control plane without a host: the real log on a folder of its own, effects that are counted, and a caller who checks every proof.
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { logKeyOf } from '../../host/cli/kept-checkpoint.ts'
import { type VerifiedAnswer, verifyAnswer } from '../../host/client/log/answer.ts'
import type { Request } from '../../host/control/actions.ts'
import { genesisDigest } from '../../host/control/genesis.ts'
import { AdminPlane, type Context, type Done } from '../../host/control/plane.ts'
import { requestDigest, signRequest } from '../../host/control/request.ts'
import { ControlState } from '../../host/control/state.ts'
import type { Disk } from '../../host/disk/durable.ts'
import { Log } from '../../host/log/log.ts'
import { logOrigin } from '../../host/log/proofs/checkpoint.ts'
import { type Entry, HOST, parseEntry } from '../../host/log/proofs/entry.ts'
import { keyHex, newGenesis } from './genesis.ts'

const made = newGenesis()
const logKey = generateKeyPairSync('ed25519').privateKey

export const { operator, auditor, approvers } = made
export const genesis = { ...made.genesis, logKey: keyHex(logKey) }
export const digest = genesisDigest(genesis)
export const audience = { genesis: digest, host: genesis.hostId }
export const log = logKeyOf(genesis.logKey, digest)

type Effect = (request: Request, context: Context) => Promise<Done>

export class PlaneUnderTest {
  readonly folder: string
  readonly effects: Request[] = []
  now = Date.parse('2026-01-01T00:00:00Z')
  log: Log
  state: ControlState
  plane: AdminPlane
  /** What an effect does; `done` where a test says nothing else. */
  effect: Effect = async () => ({ result: 'done' })

  constructor(options: { folder?: string; disk?: Disk; countedMs?: number } = {}) {
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'wasmclave-plane-'))
    const opened = this.#open(options)
    this.log = opened.log
    this.state = opened.state
    this.plane = opened.plane
  }

  /** The same folder, as a host that starts again finds it. */
  async restart(): Promise<void> {
    this.log.close()
    Object.assign(this, this.#open({}))
    await this.plane.recover()
  }

  get entries(): Entry[] {
    return Array.from({ length: this.log.size }, (_, index) => parseEntry(this.log.entry(index) as Uint8Array))
  }

  sign(request: Request, key: KeyObject = operator, aud = audience): Promise<string> {
    return signRequest(key, aud, request, this.now, randomBytes(16))
  }

  /** Sends what was signed, and verifies the answer as a caller does. */
  async send(jws: string, action: string, kept?: Uint8Array): Promise<VerifiedAnswer> {
    const answer = await this.plane.answer(jws, { connection: 1, request: 1, since: 0 })
    return verifyAnswer(log, { request: requestDigest(jws), action, kept }, JSON.parse(JSON.stringify(answer)))
  }

  async ask(request: Request, key: KeyObject = operator): Promise<VerifiedAnswer> {
    return this.send(await this.sign(request, key), request.action)
  }

  close(): void {
    this.log.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #open({ disk, countedMs }: { disk?: Disk; countedMs?: number }) {
    const state = new ControlState(genesis)
    const opened = new Log({
      folder: join(this.folder, 'log'),
      lockFile: join(this.folder, 'log.lock'),
      name: logOrigin(digest),
      key: logKey,
      now: () => this.now,
      onEntry: (index, entry) => state.take(index, entry),
      ...(disk !== undefined && { disk }),
    })
    const plane = new AdminPlane({
      log: opened,
      state,
      audience,
      now: () => this.now,
      ...(countedMs !== undefined && { countedMs }),
      subjectOf: async ({ parameters }) => ('name' in parameters ? (parameters.name ?? HOST) : HOST),
      effect: (request, context) => {
        this.effects.push(request)
        return this.effect(request, context)
      },
    })
    return { log: opened, state, plane }
  }
}

/** The code of an answer; null where it was done. */
export function codeOf({ answered }: VerifiedAnswer): string | null {
  return 'error' in answered ? answered.error.code : null
}
