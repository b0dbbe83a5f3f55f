// The KMS process as nitro starts it, with its flags and its folder: for what can only be seen of a process.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { KMSClient } from '@aws-sdk/client-kms'
import { ACCOUNT } from '../../host/kms/account.ts'
import { type Credential, makeCredentials, parseCredentials } from '../../host/kms/http/credentials.ts'
import { KmsLink } from '../../host/nitro/kms-link.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'
import { REGION, USER } from './kit.ts'

export class KmsProcess {
  readonly folder: string
  readonly pki: Pki
  readonly credential: Credential
  /** What the process said that was no good news. */
  readonly errors: string[] = []
  port = 0
  #link: KmsLink | undefined
  #client: KMSClient | undefined

  constructor(folder = mkdtempSync(join(tmpdir(), 'wasmclave-kms-'))) {
    this.folder = folder
    this.pki = new Pki(mkdtempSync(join(tmpdir(), 'wasmclave-pki-')), 'i-0123456789abcdef0', Date.now)
    const text = makeCredentials({ default: USER })
    writeFileSync(join(folder, 'credentials'), text, { mode: 0o600 })
    this.credential = [...parseCredentials(text, ACCOUNT).values()][0] as Credential
  }

  get nowMs(): number {
    return Date.now()
  }

  get link(): KmsLink {
    if (this.#link === undefined) throw new Error('it was not started')
    return this.#link
  }

  /** Also again, after an end. */
  async start(): Promise<void> {
    this.#link = new KmsLink(resolve('dist/kms.mjs'), this.folder, join(this.folder, 'stores.sock'), (event) =>
      this.errors.push(JSON.stringify(event)),
    )
    this.port = await this.#link.start({
      folder: this.folder,
      address: '127.0.0.1',
      port: 0,
      region: REGION,
      roots: [this.pki.rootFingerprint],
      maxDocumentAge: null,
      clock: { aheadMs: 0 },
      stores: null,
    })
  }

  /** By SIGKILL, in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.#client?.destroy()
    this.#client = undefined
    this.#link?.kill()
    await this.#link?.exited
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.folder, { recursive: true, force: true })
  }

  client(): KMSClient {
    const { accessKeyId, secretAccessKey } = this.credential
    this.#client ??= new KMSClient({
      endpoint: `http://127.0.0.1:${this.port}`,
      region: REGION,
      credentials: { accessKeyId, secretAccessKey },
      maxAttempts: 1,
    })
    return this.#client
  }

  /** Bytes that the process holds resident, and the most it ever held. */
  get memory(): { now: number; peak: number } {
    const status = readFileSync(`/proc/${this.link.pid}/status`, 'utf8')
    const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
    return { now: kib('VmRSS'), peak: kib('VmHWM') }
  }
}
