/** Starts the nitro process and reads its events. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, sep } from 'node:path'
import { createInterface } from 'node:readline'
import { type ErrorCode, FatalError } from '../errors.ts'
import type { ClockSetting } from '../nitro/clock.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { canHaveChildUsers } from '../nitro/pool/child-user.ts'
import { built, packageVersion } from './files.ts'

export type NitroEvent = { event: string; [field: string]: unknown }
export type NitroProcess = {
  process: ChildProcess
  port: number
  kmsPort: number
  /** 0 where there are no metrics. */
  metricsPort: number
  exited: Promise<number>
  stop(): Promise<void>
}

/** Port, 0 for any; the oldest document that keys are released on, in seconds, or null. */
export type KmsOptions = { port: number; maxDocumentAge: number | null; storeSocket?: string }
export type NitroOptions = {
  folder: DataFolder
  port: number
  origins: string[]
  kms?: KmsOptions
  clock?: ClockSetting
  /** What keeps the stores: host/parent/store/settings.ts. */
  store?: unknown
  /** 0 for any; none are served where it is missing. */
  metricsPort?: number
  onEvent(event: NitroEvent): void
}

const STEP_DEADLINE_MS = 1000
const POOL_SIZE = 2
const STOP_MS = 3000
/** Seconds. AWS's own value is documented nowhere. */
const MAX_DOCUMENT_AGE = 300

/** @throws FatalError with nitro's code */
export async function startNitro(options: NitroOptions): Promise<NitroProcess> {
  const bundle = built('nitro.mjs')
  const kernel = built('assembly/kernel/kernel.wasm')
  const { root, nitro } = options.folder
  const child = spawn(
    process.execPath,
    [
      '--no-warnings',
      '--permission',
      '--allow-ffi',
      '--allow-child-process',
      `--allow-fs-read=${dirname(bundle)}`,
      `--allow-fs-read=${process.execPath}`,
      `--allow-fs-read=${kernel}`,
      `--allow-fs-read=${root}`,
      `--allow-fs-write=${nitro}`,
      '--allow-fs-read=/proc',
      '--disable-sigusr1',
      '--disable-proto=delete',
      bundle,
    ],
    // In a group of its own: Ctrl-C reaches the command alone, which then stops the host.
    { env: {}, stdio: ['pipe', 'pipe', 'inherit'], detached: true },
  )
  const settings = {
    data: root,
    address: '127.0.0.1',
    port: options.port,
    origins: options.origins,
    poolSize: POOL_SIZE,
    ownUsers: canHaveChildUsers([process.execPath, built('enclave.cjs')]),
    cpuCount: 2,
    stepDeadlineMs: STEP_DEADLINE_MS,
    kms: options.kms ?? { port: 0, maxDocumentAge: MAX_DOCUMENT_AGE },
    kernel,
    version: packageVersion(),
    clock: options.clock,
    store: options.store,
    metricsPort: options.metricsPort,
    modules: modulesFolder(),
  }
  child.stdin?.write(`${JSON.stringify(settings)}\n`)
  const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  const listening = await new Promise<NitroEvent>((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = JSON.parse(line) as NitroEvent
      if (event.event === 'listening') resolve(event)
      else if (event.event === 'failed') reject(new FatalError(event.code as ErrorCode, String(event.message)))
      options.onEvent(event)
    })
    exited.then((code) =>
      reject(new FatalError('ERR_HOST_START', `the nitro process ended with ${code} while it started`)),
    )
  })
  const stop = async () => {
    child.stdin?.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(timer)
  }
  const { port, kmsPort, metricsPort } = listening as NitroEvent & Record<'port' | 'kmsPort' | 'metricsPort', number>
  return { process: child, port, kmsPort, metricsPort, exited, stop }
}

/** The folder in which the parent's native modules were installed: ours, or that of the package which depends on us. */
function modulesFolder(): string {
  const path = createRequire(import.meta.url).resolve('lmdb')
  const folder = `${sep}node_modules${sep}`
  return path.slice(0, path.lastIndexOf(folder) + folder.length - 1)
}
