// A workload in the JavaScript shell where a client expects an attested session: the plugin with the real workload, without host or handshake.
import type { ChannelResponse, Enclave, FetchInit } from '../../host/client/index.ts'
import { UnavailableError, type WasmclaveError } from '../../host/errors.ts'
import type { WorkloadShell } from './workload-shell.ts'

export class ShellEnclave {
  readonly shell: WorkloadShell
  readonly closed: Promise<WasmclaveError>
  ended = false
  headToken = null
  role = 'owner'
  openRequests = 0
  /** Each answer waits for it. */
  gate: Promise<void> = Promise.resolve()
  readonly evidence: object
  #end!: (error: WasmclaveError) => void

  /** @param kmsKey what its grant says of a store; null for none */
  constructor(shell: WorkloadShell, kmsKey: string | null = 'of a store') {
    this.shell = shell
    this.evidence = { grant: { kmsKey }, appraisal: { moduleId: 'shell', pcrs: { 0: 'a5' } } }
    this.closed = new Promise((resolve) => {
      this.#end = resolve
    })
  }

  get enclave(): Enclave {
    return this as unknown as Enclave
  }

  async request(path: string, init: FetchInit = {}): Promise<ChannelResponse> {
    init.signal?.throwIfAborted()
    await Promise.race([
      this.gate,
      new Promise((_, reject) => init.signal?.addEventListener('abort', () => reject(init.signal?.reason))),
    ])
    if (this.ended) throw new UnavailableError('ERR_SESSION_ENDED', 'the session is over')
    const body = init.body === undefined || init.body === null ? {} : { body: init.body as Uint8Array }
    const headers = Object.fromEntries(new Headers(init.headers))
    const response = this.shell.request(init.method ?? 'GET', path, { ...body, headers })
    return { status: response.status, headers: Object.entries(response.headers), body: response.take() }
  }

  close(): void {
    this.lose()
  }

  lose(): void {
    this.ended = true
    this.#end(new UnavailableError('ERR_STREAM_TRUNCATED', 'the connection ended'))
  }
}
