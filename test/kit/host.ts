// A real host under test: nitro, parent and enclaves as processes, on a folder of its own, with the development keys.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
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

  static async start(settings: Partial<NitroOptions> = {}): Promise<HostUnderTest> {
    const { folder } = makeDevelopmentHost(mkdtempSync(join(tmpdir(), 'wc-')))
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
  async launch(name: string, image: Uint8Array, memoryMiB = 64): Promise<RunInfo & { measurements: Measurements }> {
    const measurements = signedMeasurements(image)
    const grant = await this.grant(name, measurements)
    const info = await launchEnclave({ gateway: this.gateway, folder: this.folder }, image, grant, {
      name,
      memoryMiB,
      cpuCount: 1,
      cid: null,
    })
    return { ...info, measurements }
  }

  grant(name: string, measurements: Measurements, workloadName = name): Promise<Uint8Array> {
    return developmentGrant(this.folder, {
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
    await this.#nitro.stop()
    rmSync(this.folder.root, { recursive: true, force: true })
  }
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
