// A real host under test: nitro, parent and enclaves as processes, on a folder of its own, with the development keys.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import {
  developmentGrant,
  makeDevelopmentHost,
  ownerKey,
  pipelineFiles,
  publicHex,
} from '../../host/cli/development.ts'
import { launchEnclave, type RunInfo } from '../../host/cli/launch-enclave.ts'
import { type NitroEvent, type NitroOptions, type NitroProcess, startNitro } from '../../host/cli/nitro-process.ts'
import { adminRequest } from '../../host/cli/running-host.ts'
import { connect, type Enclave, identityFromPem, type Policy } from '../../host/client/index.ts'
import type { Request } from '../../host/control/actions.ts'
import type { DataFolder } from '../../host/nitro/data-folder.ts'
import { buildEif, type EnclaveDescription } from '../../host/nitro/eif/build.ts'
import { parseEif } from '../../host/nitro/eif/format.ts'
import { type Measurements, measureEif } from '../../host/nitro/eif/measure.ts'
import { parseSignature, signEif } from '../../host/nitro/eif/signature.ts'

export class HostUnderTest {
  readonly folder: DataFolder
  readonly events: NitroEvent[] = []
  readonly #nitro: NitroProcess

  private constructor(folder: DataFolder, nitro: NitroProcess, events: NitroEvent[]) {
    this.folder = folder
    this.#nitro = nitro
    this.events = events
  }

  /** @param data of a host that has stopped, or was killed, to go on with */
  static async start(settings: Partial<NitroOptions> = {}, data?: string): Promise<HostUnderTest> {
    const { folder } = makeDevelopmentHost(data ?? mkdtempSync(join(tmpdir(), 'wc-')))
    const events: NitroEvent[] = []
    const nitro = await startNitro({
      folder,
      port: 0,
      origins: [],
      onEvent: (event) => events.push(event),
      ...settings,
    })
    return new HostUnderTest(folder, nitro, events)
  }

  get gateway(): string {
    return `ws://127.0.0.1:${this.#nitro.port}`
  }

  get nitroPid(): number {
    return this.#nitro.process.pid as number
  }

  request(request: Request): Promise<unknown> {
    return adminRequest({ gateway: this.gateway, folder: this.folder }, request)
  }

  /** Builds, signs, grants and launches. */
  async launch(
    name: string,
    image: Uint8Array,
    memoryMiB = 64,
    facts: { store?: boolean; workloadName?: string } = {},
  ): Promise<RunInfo & { measurements: Measurements }> {
    const measurements = signedMeasurements(image)
    const grant = await this.grant(name, measurements, facts.workloadName ?? name, facts)
    const info = await launchEnclave({ gateway: this.gateway, folder: this.folder }, image, grant, {
      name,
      memoryMiB,
      cpuCount: 1,
      cid: null,
    })
    return { ...info, measurements }
  }

  grant(
    name: string,
    measurements: Measurements,
    workloadName = name,
    facts: { store?: boolean } = {},
  ): Promise<Uint8Array> {
    return developmentGrant(this.folder, {
      ...(facts.store !== undefined && { store: facts.store }),
      enclaveName: name,
      workloadName,
      releaseRule: { pcr8: measurements.PCR8 as string },
    })
  }

  sign(image: Uint8Array): Uint8Array {
    const files = pipelineFiles(this.folder)
    return signEif(image, readFileSync(files.certificate, 'utf8'), readFileSync(files.key, 'utf8'))
  }

  policy(measurements: Measurements): Policy {
    return {
      root: readFileSync(this.folder.rootCertificate, 'utf8'),
      owner: publicHex(ownerKey(this.folder)),
      pcrs: { 0: measurements.PCR0 },
      allowDevelopment: true,
    }
  }

  async connect(name: string, measurements: Measurements): Promise<Enclave> {
    const identity = await identityFromPem(readFileSync(join(this.folder.customer, 'owner.key'), 'utf8'))
    return connect(`${this.gateway}/enclaves/${name}`, this.policy(measurements), identity)
  }

  async stop(): Promise<void> {
    await this.halt()
    rmSync(this.folder.root, { recursive: true, force: true })
  }

  /** Ends the host as Ctrl-C does, and leaves its folder. */
  async halt(): Promise<void> {
    await this.#nitro.stop()
  }

  /** Nitro is killed, and with it all others; fulfils when none of them is left. The folder stays. */
  async crash(): Promise<void> {
    const pids = [this.nitroPid, ...childrenOf(this.nitroPid)]
    this.#nitro.process.kill('SIGKILL')
    await this.#nitro.exited
    for (const pid of pids) while (isAlive(pid)) await wait(5)
  }

  /** Pids of nitro's children: parent, KMS, enclaves, and those that wait. */
  get children(): number[] {
    return childrenOf(this.nitroPid)
  }

  /** An event of this name, now or when it comes. */
  async event(name: string, matches: (event: NitroEvent) => boolean = () => true): Promise<NitroEvent> {
    for (;;) {
      const found = this.events.find((event) => event.event === name && matches(event))
      if (found !== undefined) return found
      await wait(10)
    }
  }
}

/** proc(5): fields 3 and 4 of stat, behind the name. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state = '', parent] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function childrenOf(pid: number): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return all.map(Number).filter((each) => statOf(each)?.parent === pid)
}

function isAlive(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z'
}

export function signedMeasurements(image: Uint8Array): Measurements {
  const eif = parseEif(image)
  return measureEif(eif, parseSignature(eif.signature as Uint8Array).certificate.raw)
}

/** An unsigned image of a shipped workload, or of a guest's bytes under its name. */
export function imageOf(
  workload: string,
  guest?: Uint8Array,
  description: Partial<EnclaveDescription> = {},
): Uint8Array {
  const folder = `assembly/workloads/${workload}`
  const own =
    guest === undefined ? (JSON.parse(readFileSync(`${folder}/enclave.json`, 'utf8')) as EnclaveDescription) : GUEST
  return buildEif({
    kernel: readFileSync('assembly/kernel/kernel.wasm'),
    workload: guest ?? readFileSync(`${folder}/workload.wasm`),
    description: { ...own, ...(guest !== undefined && { name: workload }), ...description },
    toolVersion: '0.0.0',
    buildTimeSeconds: 0,
  })
}

const GUEST: EnclaveDescription = {
  name: 'guest',
  version: '1',
  securityVersion: 1,
  memory: { maxPages: 64 },
  table: { maxElements: 16 },
  attestCallerKey: false,
}

/** The command line, as a process. */
export function runCli(
  args: string[],
  options: { env?: NodeJS.ProcessEnv } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn('node', ['host/cli/bootstrap.cjs', ...args], {
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.once('close', (code) => resolve({ code: code ?? 1, stdout, stderr }))
  })
}

export type UpUnderTest = {
  process: ChildProcess
  ready: Record<string, unknown> & { gateway: string; proxy: string }
  exited: Promise<number>
}

/** `wasmclave up --json`, until it is ready. */
export function startUp(data: string, args: string[] = []): Promise<UpUnderTest> {
  const child = spawn('node', ['host/cli/bootstrap.cjs', 'up', '--data', data, '--port', '0', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = JSON.parse(line)
      if (event.event === 'ready') resolve({ process: child, ready: event, exited })
    })
    exited.then((code) => reject(new Error(`up ended with ${code}`)))
  })
}
