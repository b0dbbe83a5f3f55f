/** `wasmclave up`: a development host in one command, with a workload that was measured, admitted, launched and appraised. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { connect, type Evidence, identityFromPem, readStoreHeads, type StoreHeads } from '../client/index.ts'
import type { Release } from '../control/releases/release.ts'
import { errorCode, RefusedError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { parseDescription } from '../nitro/eif/build.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { type Measurements, measureEif } from '../nitro/eif/measure.ts'
import { parseSignature, signEif } from '../nitro/eif/signature.ts'
import { buildImage, neededMemoryMiB } from './build-image.ts'
import { clockWarning, parseClock } from './clock.ts'
import {
  developmentGrant,
  makeDevelopmentHost,
  ownerKey,
  pipelineFiles,
  publicHex,
  readGenesis,
} from './development.ts'
import { developmentRelease } from './development-release.ts'
import { built, readText } from './files.ts'
import { headTokenPath, readHeadToken, writeHeadToken } from './head-token.ts'
import { documentAge } from './kms.ts'
import { launchEnclave, type RunInfo } from './launch-enclave.ts'
import { progress } from './output.ts'
import { serveHost } from './serve.ts'
import { describeHeads } from './store.ts'

export type UpOptions = {
  data: string
  port: string
  proxyPort: string
  kmsPort: string
  kmsDocumentAge: string
  json?: boolean
  workload: string
  store: string
  plain?: boolean
  launch: boolean
  clock?: string
  metricsPort?: string
}

export async function up(options: UpOptions): Promise<void> {
  const clock = options.clock === undefined ? undefined : parseClock(options.clock, Date.now())
  const { folder, made } = makeDevelopmentHost(options.data)
  const say = options.json ? progress : (line: string) => void process.stdout.write(`${line}\n`)
  if (made) say(`Made development identities in ${folder.root} (whoever reads this folder is all of them).`)
  if (readGenesis(folder).genesis.kmsKey === null)
    say(
      'This host was made before stores were kept: what its enclaves write ends with them. A new --data folder keeps it.',
    )
  if (clock !== undefined) say(clockWarning(clock, !options.json && process.stdout.isTTY))
  const host = await serveHost(folder, {
    ...options,
    clock,
    kms: { port: Number(options.kmsPort), maxDocumentAge: documentAge(options.kmsDocumentAge) },
  })
  const { gateway, kms, metrics } = host
  if (metrics !== null) say(`metrics at ${metrics}`)
  try {
    const enclaves = []
    let proxy: string | null = null
    if (options.launch) {
      const launched = await launchDefault(folder, gateway, options.workload, clock !== undefined)
      enclaves.push(launched.describe)
      if (launched.evidence === undefined)
        say(`${launched.info.EnclaveName} runs, without a proxy: ${launched.refusal}`)
      else {
        const served = await startProxy(folder, launched.info.EnclaveName, options)
        host.onStop(served.stop)
        proxy = served.url
        host.announceProxy(proxy)
        if (launched.heads?.stale)
          for (const line of describeHeads(launched.info.EnclaveName, launched.heads)) progress(line)
        if (!options.json) show(folder, gateway, proxy, kms, launched, launched.evidence, options)
      }
    } else say(`gateway at ${gateway}`)
    host.tell({ event: 'ready', gateway, proxy, kms, metrics, data: folder.root, enclaves })
  } catch (error) {
    await host.stop()
    throw error
  }
}

type Launched = {
  info: RunInfo
  measurements: Measurements
  release: Release | undefined
  /** Missing where a shifted clock makes it of another time, or the store is behind what was seen of it, which `refusal` says. */
  evidence: Evidence | undefined
  refusal: string
  /** Missing without a store. */
  heads: StoreHeads | undefined
  describe: Record<string, unknown>
}

// Built and signed as the pipeline would, granted as the owner would, run as the operator would, appraised as a client would.
async function launchDefault(
  folder: DataFolder,
  gateway: string,
  workload: string,
  shifted: boolean,
): Promise<Launched> {
  const pipeline = pipelineFiles(folder)
  const source = built(join('assembly/workloads', workload))
  const unsigned = buildImage(source)
  const { maxPages } = parseDescription(readText(join(source, 'enclave.json'))).memory
  const eif = signEif(unsigned, readText(pipeline.certificate), readText(pipeline.key))
  const parsed = parseEif(eif)
  const measurements = measureEif(parsed, parseSignature(parsed.signature as Uint8Array).certificate.raw)
  const releaseRule = { pcr8: measurements.PCR8 as string }
  const grant = await developmentGrant(folder, { enclaveName: workload, workloadName: workload, releaseRule })
  writeFileSync(join(folder.customer, `${workload}.grant`), grant, { mode: 0o600 })
  const released = await developmentRelease({ gateway, folder }, eif)
  const options = { name: workload, memoryMiB: neededMemoryMiB(eif.length, maxPages), cpuCount: 1, cid: null }
  const info = await launchEnclave({ gateway, folder }, eif, grant, options, released?.envelope)
  const policy = {
    root: readFileSync(folder.rootCertificate, 'utf8'),
    owner: publicHex(ownerKey(folder)),
    pcrs: { 0: measurements.PCR0, 1: measurements.PCR1, 2: measurements.PCR2 },
    pcr8: measurements.PCR8 as string,
    allowDevelopment: true,
  }
  const identity = await identityFromPem(readText(join(folder.customer, 'owner.key')))
  let evidence: Evidence | undefined
  let refusal = ''
  let heads: StoreHeads | undefined
  const headToken = readHeadToken(folder, info.EnclaveName)
  try {
    const url = `${gateway}/enclaves/${info.EnclaveName}`
    const enclave = await connect(url, headToken === undefined ? policy : { ...policy, headToken }, identity)
    evidence = enclave.evidence
    if (evidence.grant.kmsKey !== null) heads = await readStoreHeads(enclave)
    if (enclave.headToken !== null && heads?.stale === false)
      writeHeadToken(folder, info.EnclaveName, enclave.headToken)
    enclave.close()
  } catch (error) {
    const code = errorCode(error)
    // The client's clock is true, and that is what a shifted one is for.
    if (code !== 'ERR_HEAD_BEHIND' && (!shifted || code !== 'ERR_EVIDENCE_DATES')) throw error
    refusal = (error as Error).message
    if (code === 'ERR_HEAD_BEHIND')
      refusal += ` (${headTokenPath(folder, info.EnclaveName)}): see "wasmclave store heads"`
  }
  writeFileSync(join(folder.customer, `${workload}.pcrs.json`), JSON.stringify(measurements), { mode: 0o600 })
  return {
    info,
    measurements,
    release: released?.release,
    evidence,
    refusal,
    heads,
    describe: {
      EnclaveName: info.EnclaveName,
      EnclaveID: info.EnclaveID,
      EnclaveCID: info.EnclaveCID,
      Measurements: measurements,
    },
  }
}

/** The customer's side: a process of its own, no part of the host. */
function startProxy(folder: DataFolder, enclave: string, options: UpOptions): Promise<{ url: string; stop(): void }> {
  const cli = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './index.ts' : './index.js', import.meta.url))
  const args = [
    'proxy',
    '--data',
    folder.root,
    '--enclave-name',
    enclave,
    '--port',
    options.proxyPort,
    '--json',
    ...(options.plain ? ['--plain'] : []),
    ...(isKubernetes(options) ? ['--kubeconfig', kubeconfigOf(folder.customer)] : []),
  ]
  const child = spawn(
    process.execPath,
    [
      '--no-warnings',
      '--disable-sigusr1',
      ...process.execArgv.filter((arg) => arg.startsWith('--conditions')),
      cli,
      ...args,
    ],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
      env: {},
    },
  )
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; url?: string }
      if (event.event === 'ready') resolve({ url: event.url as string, stop: () => void child.kill('SIGTERM') })
    })
    child.once('exit', (code) =>
      reject(new RefusedError('ERR_PROXY_START', `the proxy ended with ${code} while it started`)),
    )
  })
}

function show(
  folder: DataFolder,
  gateway: string,
  proxy: string,
  kms: string,
  launched: Launched,
  evidence: Evidence,
  options: UpOptions,
): void {
  const { info, measurements } = launched
  const curl = `curl ${options.plain ? '' : `--cacert ${options.data}/customer/ca.pem `}-H @${options.data}/customer/proxy.header`
  const lines = [
    '',
    `wasmclave: an enclave runs, and was appraised before a byte was sent to it.`,
    '',
    `  enclave   ${info.EnclaveName}  ${info.EnclaveID}  (pid ${info.ProcessID}, cid ${info.EnclaveCID})`,
    `  gateway   ${gateway}/enclaves/${info.EnclaveName}`,
    `  proxy     ${proxy}`,
    `  kms       ${kms}`,
    ...register('PCR0', measurements.PCR0),
    ...register('PCR1', measurements.PCR1),
    ...register('PCR2', measurements.PCR2),
    ...register('PCR8', measurements.PCR8),
    ...releaseLines(launched.release),
    ...listed('isolation', evidence.boot.isolation, (state) => state !== 'absent'),
    ...listed('absent', evidence.boot.isolation, (state) => state === 'absent'),
    '',
    'Development keys: who reads the folder below is owner, operator and pipeline at once.',
    `  ${folder.root}`,
    ...rootKeyNote(folder),
    '',
    'Try, in another terminal:',
    '',
    ...(isKubernetes(options)
      ? kubectlLines(options.data, curl, proxy)
      : [
          `  ${curl} \\`,
          `    -X PUT --data-binary 'top secret' ${proxy}/v1/hello`,
          `  ${curl} \\`,
          `    ${proxy}/v1/hello`,
          `  ${curl} \\`,
          `    -N '${proxy}/v1/?prefix=&watch'`,
        ]),
    `  npx wasmclave attest --data ${options.data} --enclave-name ${info.EnclaveName} --output doc.cbor`,
    `  npx wasmclave verify doc.cbor --root ${options.data}/nitro-root.pem`,
    `  npx wasmclave kms create-key --data ${options.data} --alias alias/first`,
    '',
    'Ctrl-C stops it all.',
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** What the pipeline said of the image, and who let it run. */
function releaseLines(release: Release | undefined): string[] {
  if (release === undefined) return []
  const { version, tests, digest } = release
  return [
    ...register('release', digest),
    `            version ${version}, ${tests.passedTests.length} tests passed, signed by the development pipeline,`,
    '            rolled out by approver-1 and approver-2',
  ]
}

const isKubernetes = (options: UpOptions): boolean => options.workload === 'kubernetes'
const kubeconfigOf = (customer: string): string => join(customer, 'kubeconfig')

/** One that is easy to look for. */
const SHOWN_SECRET = 'correct-horse'

function kubectlLines(data: string, curl: string, proxy: string): string[] {
  return [
    `  export KUBECONFIG=${kubeconfigOf(join(data, 'customer'))}`,
    `  kubectl create secret generic db --from-literal=password=${SHOWN_SECRET}`,
    '  kubectl get secrets --watch',
    '  kubectl get secret db -o yaml',
    '',
    'or, without kubectl:',
    '',
    `  ${curl} \\`,
    `    ${proxy}/api/v1/namespaces/default/secrets`,
    '',
    'The operator sees ciphertext: neither names nor values are in any file of the host.',
    '',
    `  grep -rlaE '${SHOWN_SECRET}|${Buffer.from(SHOWN_SECRET).toString('base64').slice(0, -2)}' ${data} || echo nothing`,
    '',
    'And what runs there, proven anew:',
    '',
  ]
}

/** What a development host's KMS keys rest on. */
function rootKeyNote(folder: DataFolder): string[] {
  return [
    "The KMS's keys are wrapped by a root key, a file of mode 0600: who reads it reads them all.",
    `  ${join(folder.kms, 'root.key')}`,
  ]
}

/** Two lines of 24 bytes: a terminal has 100 columns, a register 96 digits. */
function register(name: string, value: string | undefined): string[] {
  return [`  ${name.padEnd(9)} ${value?.slice(0, 48)}`, `            ${value?.slice(48)}`]
}

/** Layers of one kind, in lines of four; nothing where there are none. */
function listed(name: string, layers: Evidence['boot']['isolation'], wanted: (state: string) => boolean): string[] {
  const names = layers.filter(({ state }) => wanted(state)).map(({ layer }) => layer)
  return Array.from({ length: Math.ceil(names.length / 4) }, (_, row) => {
    const line = names.slice(4 * row, 4 * row + 4).join(', ')
    return `  ${(row === 0 ? name : '').padEnd(9)} ${line}`
  })
}
