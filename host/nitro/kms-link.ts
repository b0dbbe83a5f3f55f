/**
 * Nitro's end of the KMS process: starts it, tells it what to serve, and reads what it says as hostile. It holds keys and evidence of none:
 * broken, it gains what PROTOCOLS.md 9 says, and nothing of nitro.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type ErrorCode, FatalError } from '../errors.ts'

/** It listens within this time, or the host does not start. */
const START_MS = 10_000
const MAX_LINE = 8192

/** See host/kms/main.ts, which reads it. */
export type KmsSettings = {
  folder: string
  address: string
  port: number
  region: string
  roots: string[]
  maxDocumentAge: number | null
  clock: { aheadMs: number } | { frozenMs: number }
  stores: { key: string; genesisDigest: string; socket: string } | null
}

export class KmsLink {
  readonly exited: Promise<void>
  readonly #process: ChildProcess
  readonly #tell: (event: Record<string, unknown>) => void
  #unread = ''
  #listening: ((port: number) => void) | undefined
  #failed: ((error: FatalError) => void) | undefined
  #startTimer: NodeJS.Timeout | undefined
  #layers: string[] = []

  /** @param storeSocket the one path outside of its folder, where it serves the parent */
  constructor(bundle: string, folder: string, storeSocket: string, tell: (event: Record<string, unknown>) => void) {
    this.#tell = tell
    this.#process = spawn(
      process.execPath,
      [
        '--no-warnings',
        '--permission',
        '--allow-net',
        '--allow-ffi',
        `--allow-fs-read=${bundle}`,
        `--allow-fs-read=${folder}`,
        `--allow-fs-write=${folder}`,
        `--allow-fs-write=${storeSocket}`,
        '--disable-sigusr1',
        '--disable-proto=delete',
        bundle,
      ],
      // No environment: nothing of the host's leaks, and no NODE_OPTIONS opens an inspector.
      { env: {}, stdio: ['pipe', 'pipe', 'inherit'] },
    )
    this.exited = once(this.#process, 'exit').then(() => {})
    this.#process.stdin?.on('error', () => {})
    this.#process.stdout?.setEncoding('utf8').on('data', (text: string) => this.#receive(text))
  }

  get pid(): number {
    return this.#process.pid as number
  }

  /** Its stdin stays open from here on: its end is how the KMS learns of ours. @returns the port @throws FatalError, with the KMS's code */
  start(settings: KmsSettings): Promise<number> {
    const port = new Promise<number>((resolve, reject) => {
      this.#listening = resolve
      this.#failed = reject
      const silent = () => reject(new FatalError('ERR_KMS_START', `the KMS was silent for ${START_MS} ms`))
      this.#startTimer = setTimeout(silent, START_MS).unref()
      this.exited.then(() => reject(new FatalError('ERR_KMS_START', 'the KMS died while it started')))
    }).finally(() => clearTimeout(this.#startTimer))
    this.#process.stdin?.write(`${JSON.stringify(settings)}\n`)
    return port
  }

  /** Names of the layers that bound it (host/kms/confine.ts), as it says; known once it has started. */
  get layers(): readonly string[] {
    return this.#layers
  }

  kill(): void {
    clearTimeout(this.#startTimer)
    this.#process.kill('SIGKILL')
  }

  #receive(text: string): void {
    const lines = (this.#unread + text).split('\n')
    this.#unread = lines.pop() as string
    if (this.#unread.length > MAX_LINE) return this.kill()
    for (const line of lines) {
      try {
        this.#understand(JSON.parse(line) as Record<string, unknown>)
      } catch {
        return this.kill()
      }
    }
  }

  #understand({ event, port, layers, code, message }: Record<string, unknown>): void {
    const told = String(message).slice(0, 2000)
    if (event === 'listening' && Number.isInteger(port) && isLayers(layers)) {
      this.#layers = layers
      this.#listening?.(port as number)
    } else if (event === 'failed' && /^ERR_[A-Z_]{1,40}$/.test(String(code)))
      this.#failed?.(new FatalError(code as ErrorCode, told))
    else if (event === 'error') this.#tell({ event: 'kms-error', message: told })
    else this.kill()
  }
}

function isLayers(value: unknown): value is string[] {
  return Array.isArray(value) && value.length <= 8 && value.every((each) => /^[a-z-]{1,30}$/.test(String(each)))
}
