/** A reading of the log as its customer makes it, through a parent that may change whatever it passes on. */
import { createHash, createPrivateKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { Audit, type AuditedEntry } from '../client/log/audit.ts'
import type { LogKey } from '../client/log/checkpoints.ts'
import { publicKeyFromRaw } from '../control/keys.ts'
import { signRequest } from '../control/request.ts'
import { RefusedError } from '../errors.ts'
import { logOrigin } from '../log/proofs/checkpoint.ts'
import { nonce, type Target } from './target.ts'

const ANSWER_MS = 30_000

/** What the log answers to one question. */
export type Page = {
  statement: string
  signature: string
  entries: { entry: string; index: number; inclusion: string[] }[]
  consistency: string[] | null
}
/** @returns what the reader gets instead; `before` is the page of an earlier question, the same where there was none */
export type Lie = (page: Page, before: Page) => Page

/**
 * Reads all that concerns the enclave and its host, as the owner.
 * @param ask how often: from the second question on there is an earlier page to lie with
 * @throws RefusedError what the reader finds wrong
 */
export async function readLog(target: Target, lie: Lie = (page) => page, asks = 1): Promise<AuditedEntry[]> {
  const door = await Door.open(target)
  try {
    const reading = await door.begin()
    let before: Page | undefined
    const read = async (query: object) => {
      const page = (await door.call('read', { query: JSON.stringify({ reading, ...query }) })) as Page
      const shown = lie(structuredClone(page), before ?? page)
      before = page
      return shown
    }
    const audit = new Audit(logKeyOf(target), target.enclave, read, undefined)
    const entries: AuditedEntry[] = []
    for (let i = 0; i < asks; i++) entries.push(...(await audit.catchUp()))
    return entries
  } finally {
    door.close()
  }
}

function logKeyOf(target: Target): LogKey {
  const { digest, genesis } = target.genesis
  return {
    name: logOrigin(digest),
    publicKey: new Uint8Array(Buffer.from(genesis.logKey ?? '', 'hex')),
    sha256: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
    verify: (key, message, signature) => verify(null, message, publicKeyFromRaw(key), signature),
  }
}

class Door {
  readonly #target: Target
  readonly #socket: WebSocket
  #next = 1

  private constructor(target: Target, socket: WebSocket) {
    this.#target = target
    this.#socket = socket
  }

  static async open(target: Target): Promise<Door> {
    const socket = new WebSocket(`${target.running.gateway}/admin`, { perMessageDeflate: false })
    await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return new Door(target, socket)
  }

  /** @returns the reading's id */
  async begin(): Promise<string> {
    const { folder, genesis, enclave } = this.#target
    const key = createPrivateKey(readFileSync(join(folder.customer, 'owner.key')))
    const audience = { genesis: genesis.digest, host: genesis.genesis.hostId }
    const request = { action: 'read-log', parameters: { subject: enclave } } as const
    const jws = await signRequest(key, audience, request, Date.now(), nonce())
    const { value } = (await this.call('request', { jws, since: 0 })) as { value: { reading: string } }
    return value.reading
  }

  async call(method: string, params: object): Promise<unknown> {
    const answer = new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), ANSWER_MS)
      this.#socket.once('message', (data) => {
        clearTimeout(timer)
        resolve(String(data))
      })
    })
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id: this.#next++, method, params }))
    const message = JSON.parse(await answer) as {
      result?: unknown
      error?: { message: string; data: { code: string } }
    }
    if (message.error === undefined) return message.result
    throw new RefusedError(message.error.data.code as `ERR_${string}`, message.error.message)
  }

  close(): void {
    this.#socket.terminate()
  }
}
