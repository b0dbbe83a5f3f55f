/**
 * What `up` and `host` do alike: nitro on a data folder, told to other commands by DIR/host.json, ended by a signal or with nitro.
 * Whoever uses it adds what belongs to its own side (launches, a proxy) and takes that down by `onStop`.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { errorCode, UnavailableError, UsageError } from '../errors.ts'
import type { ClockSetting } from '../nitro/clock.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { type KmsOptions, startNitro } from './nitro-process.ts'
import { progress } from './output.ts'
import { findHost } from './running-host.ts'
import { parseStoreOption } from './store-option.ts'

const PROBE_MS = 1000
/** Nitro's events that people and programs are told of. */
const TOLD = ['ended', 'killed', 'failed', 'store-trouble']

export type ServeOptions = {
  port: string
  json?: boolean
  clock?: ClockSetting | undefined
  kms: KmsOptions
  /** See `parseStoreOption`. */
  store: string
  /** Port of the metrics, 0 for any; none are served where it is missing. */
  metricsPort?: string
}

export type ServingHost = {
  gateway: string
  kms: string
  /** Where Prometheus finds the parent's counters. */
  metrics: string | null
  /** One JSON object a line, where that was asked for. */
  tell(event: Record<string, unknown>): void
  /** Writes where the proxy is, for other commands. */
  announceProxy(url: string): void
  /** Runs before the host ends, whatever ends it. */
  onStop(end: () => void): void
  /** Ends the host; the process goes on. */
  stop(): Promise<void>
}

/** @throws UnavailableError ERR_HOST_RUNNING, UsageError ERR_USAGE_NUMBER, FatalError with nitro's code */
export async function serveHost(folder: DataFolder, options: ServeOptions): Promise<ServingHost> {
  await refuseSecond(folder)
  const tell = (event: Record<string, unknown>) => {
    if (options.json) process.stdout.write(`${JSON.stringify(event)}\n`)
  }
  const nitro = await startNitro({
    folder,
    ...(options.clock !== undefined && { clock: options.clock }),
    port: Number(options.port),
    kms: options.kms,
    store: parseStoreOption(options.store),
    ...(options.metricsPort !== undefined && { metricsPort: portOf(options.metricsPort) }),
    origins: [],
    onEvent: (event) => {
      if (!TOLD.includes(event.event)) return
      tell(event)
      if (!options.json) progress(`host: ${JSON.stringify(event)}`)
    },
  })
  const gateway = `ws://127.0.0.1:${nitro.port}`
  const kms = `http://127.0.0.1:${nitro.kmsPort}`
  const metrics = nitro.metricsPort === 0 ? null : `http://127.0.0.1:${nitro.metricsPort}/metrics`
  const writeHostFile = (proxy: string | null) =>
    writeFileSync(folder.hostFile, JSON.stringify({ pid: process.pid, gateway, proxy, kms }), { mode: 0o600 })
  writeHostFile(null)
  let end: () => void = () => {}
  const stop = async () => {
    end()
    await nitro.stop()
    rmSync(folder.hostFile, { force: true })
  }
  let stopping = false
  const exit = (code: number) => {
    if (stopping) return
    stopping = true
    stop().then(() => process.exit(code))
  }
  process.on('SIGINT', () => exit(0))
  process.on('SIGTERM', () => exit(0))
  nitro.exited.then((code) => exit(code === 0 ? 0 : 1))
  return {
    gateway,
    kms,
    metrics,
    tell,
    announceProxy: writeHostFile,
    onStop: (run) => {
      end = run
    },
    stop: () => {
      stopping = true
      return stop()
    },
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65535)
    throw new UsageError('ERR_USAGE_NUMBER', `--metrics-port is a number up to 65535, not ${JSON.stringify(text)}`)
  return port
}

// A second host would take the first one's sockets away. A file left behind by a killed host names a port where nobody listens.
async function refuseSecond(folder: DataFolder): Promise<void> {
  let gateway: string
  try {
    gateway = findHost(folder.root).gateway
  } catch (error) {
    if (errorCode(error) === 'ERR_HOST_NOT_RUNNING') return
    throw error
  }
  const listens = await new Promise<boolean>((resolve) => {
    const socket = connect(Number(new URL(gateway).port), '127.0.0.1')
    socket.once('connect', () => {
      resolve(true)
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
    socket.setTimeout(PROBE_MS, () => socket.destroy())
  })
  if (listens)
    throw new UnavailableError(
      'ERR_HOST_RUNNING',
      `a host runs on ${folder.root} already, at ${gateway}: stop it first`,
    )
}
