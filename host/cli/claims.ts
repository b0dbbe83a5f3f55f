/** `wasmclave claims`: tries to falsify the eight statements, on a running host or on one of its own that it starts for it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { CLAIMS, inquiryOf, inquiryPage, inquiryTable, judgeAll, type Running, Target } from '../claims/index.ts'
import { isPass } from '../claims/report/inquiry.ts'
import { UnavailableError, UsageError } from '../errors.ts'
import { buildImage } from './build-image.ts'
import { built, writeFile } from './files.ts'
import { printJson, progress } from './output.ts'
import { findHost } from './running-host.ts'

export type ClaimsOptions = {
  data?: string
  enclaveName?: string
  workload: string
  only?: string[]
  json?: boolean
  html?: string
  verbose?: boolean
}

const START_MS = 60_000

export async function claims(options: ClaimsOptions): Promise<void> {
  const chosen = CLAIMS.filter(({ number }) => options.only === undefined || options.only.includes(String(number)))
  if (chosen.length === 0 || chosen.length < (options.only?.length ?? 0))
    throw new UsageError('ERR_USAGE_CLAIM', `claims have the numbers ${CLAIMS.map(({ number }) => number).join(', ')}`)
  const host = options.data === undefined ? await ownHost(options.workload) : runningHost(options.data)
  try {
    const enclave = options.enclaveName ?? options.workload
    const image = (name: string) => buildImage(built(join('assembly/workloads', name)))
    const target = await Target.open(host.running, enclave, { hello: image('hello'), echo: image('echo') })
    let tried = 0
    const judgements = await judgeAll(target, chosen, (claim, { what, saw, outcome }) => {
      tried++
      if (options.verbose || outcome === 'broken') progress(`${claim.number}. ${outcome.padEnd(7)} ${what}: ${saw}`)
      else if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${tried} attempts; statement ${claim.number}`)
    })
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
    const inquiry = inquiryOf(target, judgements, new Date())
    if (options.json) printJson(inquiry)
    else process.stdout.write(inquiryTable(inquiry))
    if (options.html !== undefined) {
      writeFile(options.html, inquiryPage(inquiry))
      progress(`written: ${options.html}`)
    }
    process.exitCode = isPass(inquiry) ? 0 : 1
  } finally {
    await host.end()
  }
}

type Host = { running: Running; end(): Promise<void> }

function runningHost(data: string): Host {
  const { pid, gateway, proxy, kms, folder } = findHost(data)
  return { running: { pid, gateway, proxy, kms, data: folder.root }, end: async () => {} }
}

/** A development host on a folder of its own, gone afterwards. */
async function ownHost(workload: string): Promise<Host> {
  const data = mkdtempSync(join(tmpdir(), 'wasmclave-claims-'))
  progress(`Starting a development host of its own in ${data}`)
  const cli = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './index.ts' : './index.js', import.meta.url))
  const child = spawn(
    process.execPath,
    [
      '--no-warnings',
      '--disable-sigusr1',
      ...process.execArgv.filter((arg) => arg.startsWith('--conditions')),
      cli,
      ...['up', '--data', data, '--port', '0', '--workload', workload, '--json'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: {} },
  )
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const end = async () => {
    child.kill('SIGTERM')
    await exited
    rmSync(data, { recursive: true, force: true })
  }
  const ready = await new Promise<{ gateway: string; proxy: string; kms: string } | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(undefined), START_MS)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as { event: string; gateway: string; proxy: string; kms: string }
      if (event.event !== 'ready') return
      clearTimeout(timer)
      resolve(event)
    })
    exited.then(() => resolve(undefined))
  })
  if (ready === undefined) {
    await end()
    throw new UnavailableError('ERR_CLAIMS_HOST', 'the host for the inquiry did not start')
  }
  return { running: { pid: child.pid as number, ...ready, data }, end }
}
