/**
 * The nitro process: emulated hypervisor, NSM and control plane. It opens no port and has no network permission; it starts the parent and
 * the enclaves, and all die with it. Takes its settings as one line of JSON on stdin, tells events as lines of JSON on stdout.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { verifyGenesis } from '../control/genesis.ts'
import { FatalError, WasmclaveError } from '../errors.ts'
import type { BootRecord } from '../verifier/index.ts'
import { measureBinaries } from './boot-measurement.ts'
import { type ClockSetting, clockOf, isShifted, TRUE_CLOCK } from './clock.ts'
import { confine } from './confine.ts'
import { dataFolder } from './data-folder.ts'
import { lockFolder } from './folder-lock.ts'
import { Host } from './host.ts'
import { KmsLink } from './kms-link.ts'
import { openHostLog } from './log.ts'
import { Pki, REGION } from './pki/pki.ts'
import { ENCLAVE_FLAGS } from './pool/slot.ts'

export type NitroSettings = {
  data: string
  address: string
  port: number
  origins: string[]
  poolSize: number
  /** Each enclave under a user of its own: the starter is root, and has seen that they could open their program. */
  ownUsers: boolean
  cpuCount: number
  stepDeadlineMs: number
  /** `storeSocket`: of another KMS for stores than this host's own. */
  kms: { port: number; maxDocumentAge: number | null; storeSocket?: string }
  /** What keeps the stores, as the parent understands it (host/parent/store/settings.ts); LMDB by default. */
  store?: unknown
  /** Port of the metrics, 0 for any; not served where it is missing. */
  metricsPort?: number
  /** Where the parent finds modules with native parts. */
  modules: string
  /** File of the release's kernel.wasm. */
  kernel: string
  /** wasmclave's, as it tells operators. */
  version: string
  clock?: ClockSetting
}

const here = fileURLToPath(import.meta.url)
const beside = (name: string) => join(here, '..', name)

const tell = (event: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(event)}\n`)

function fail(error: unknown): never {
  const known = error instanceof WasmclaveError
  process.stdout.write(
    `${JSON.stringify({ event: 'failed', code: known ? error.code : 'ERR_HOST_INTERNAL', message: known ? error.message : String((error as Error)?.stack ?? error) })}\n`,
  )
  process.exit(1)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

const lines = createInterface({ input: process.stdin })
// Whoever started the host holds stdin open: its end is the host's, also when the starter was killed.
lines.on('close', () => process.exit(0))
lines.once('line', (line) => {
  start(JSON.parse(line) as NitroSettings).catch(fail)
})

async function start(settings: NitroSettings): Promise<void> {
  confine()
  const folder = dataFolder(settings.data)
  const genesisFile = join(folder.nitro, 'genesis.json')
  if (!existsSync(genesisFile))
    throw new FatalError(
      'ERR_HOST_GENESIS',
      `${genesisFile} is missing: "wasmclave up" makes a development host, with its keys`,
    )
  const genesisBytes = new Uint8Array(readFileSync(genesisFile))
  const genesis = verifyGenesis(genesisBytes)
  lockFolder(join(folder.nitro, 'host.lock'))
  const instanceId = genesis.genesis.hostId
  const clock = settings.clock ?? TRUE_CLOCK
  if (isShifted(clock) && !genesis.genesis.development)
    throw new FatalError('ERR_HOST_CLOCK', 'only a development host may shift its clock: evidence is dated by it')
  const pki = new Pki(folder.nitro, instanceId, clockOf(clock))
  if (!genesis.genesis.attestationRoots.includes(pki.rootFingerprint))
    throw new FatalError(
      'ERR_HOST_GENESIS',
      `the attestation root of ${folder.nitro} is ${pki.rootFingerprint}, genesis names ${genesis.genesis.attestationRoots.join(', ')}`,
    )
  const bundles = { enclave: beside('enclave.cjs'), parent: beside('parent.mjs') }
  const digests = await measureBinaries({ node: process.execPath, nitro: here, enclave: bundles.enclave })
  const boot: Omit<BootRecord, 'isolation'> = {
    version: 1,
    ...digests,
    flags: ENCLAVE_FLAGS,
    clock: isShifted(clock) ? 'shifted' : 'host',
    development: genesis.genesis.development,
  }
  const log = await openHostLog(folder.nitro, genesisBytes, genesis)
  const host = new Host({
    instanceId,
    version: settings.version,
    log,
    genesis,
    pki,
    boot,
    parent: {
      bundle: bundles.parent,
      storeFolder: folder.store,
      address: settings.address,
      port: settings.port,
      origins: settings.origins,
      hosts: [],
      stepDeadlineMs: settings.stepDeadlineMs,
      kmsSocket: genesis.genesis.kmsKey === null ? '' : (settings.kms.storeSocket ?? folder.kmsSocket),
      store: JSON.stringify(settings.store ?? { engine: 'lmdb' }),
      metrics: settings.metricsPort === undefined ? '' : String(settings.metricsPort),
      modules: settings.modules,
    },
    enclaveBundle: bundles.enclave,
    kernel: new Uint8Array(readFileSync(settings.kernel)),
    poolSize: settings.poolSize,
    ownUsers: settings.ownUsers && process.getuid?.() === 0,
    cpuCount: settings.cpuCount,
    onEvent: tell,
    now: Date.now,
    nsmNow: clockOf(clock),
  })
  const kms = new KmsLink(beside('kms.mjs'), folder.kms, folder.kmsSocket, tell)
  const stop = () => process.exit(0)
  process.on('exit', () => {
    host.stop()
    kms.kill()
  })
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  const kmsStarted = kms.start({
    folder: folder.kms,
    address: settings.address,
    port: settings.kms.port,
    region: REGION,
    // Of the policy in force; a change of them counts from the next start on
    roots: log.state.guard.policy.policy.attestationRoots,
    maxDocumentAge: settings.kms.maxDocumentAge,
    clock,
    stores:
      genesis.genesis.kmsKey === null
        ? null
        : { key: genesis.genesis.kmsKey, genesisDigest: genesis.digest, socket: folder.kmsSocket },
  })
  const [port, kmsPort] = await Promise.all([host.start(), kmsStarted])
  kms.exited.then(() => {
    tell({ event: 'failed', code: 'ERR_KMS_DIED', message: 'the KMS process died' })
    stop()
  })
  host.parentExited.then(() => {
    tell({ event: 'failed', code: 'ERR_PARENT_DIED', message: 'the parent process died' })
    stop()
  })
  tell({
    event: 'listening',
    port,
    kmsPort,
    metricsPort: host.metricsPort,
    genesisDigest: genesis.digest,
    hostId: instanceId,
  })
}
