/**
 * `node host/cli/bootstrap.cjs --run bench/audit.ts [--rounds N] [--requests N] [--json FILE]`: what the audit of the Kubernetes workload costs.
 * Two hosts in one run, one with a workload built without it, take turns: 4 KiB Secrets over one attested session with 16 requests at a time, on
 * durable stores. Beside the best rate stands the processor time of the host's processes for a request, which other work on the machine moves less.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Enclave } from '../host/client/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../test/kit/host.ts'

const MEMORY_MIB = 256
const AT_A_TIME = 16
const VALUE_BYTES = 4096
const TICKS_PER_SECOND = 100 // USER_HZ, proc(5)
const SECRETS = '/api/v1/namespaces/default/secrets'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '3000' },
    json: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const requests = Number(values.requests)

type Side = { name: string; host: HostUnderTest; enclave: Enclave; made: number; turn: number }
type Round = { perSecond: number; microseconds: number }

const scratch = mkdtempSync(join(tmpdir(), 'wcb-'))
const sides: Side[] = []
try {
  // Before there are sessions: who answers no ping for so long is taken for gone
  const without = buildWithout(join(scratch, 'workload.wasm'))
  sides.push(await side('with', readFileSync('assembly/workloads/kubernetes/workload.wasm')))
  sides.push(await side('without', without))
  const rows: Record<string, unknown>[] = []
  for (const what of ['POST', 'PUT', 'GET'] as const) {
    const found = new Map(sides.map(({ name }) => [name, [] as Round[]]))
    for (let round = 0; round < rounds; round++)
      for (const each of round % 2 === 0 ? sides : [...sides].reverse())
        found.get(each.name)?.push(await measure(each, what))
    const best = (name: string) => Math.max(...(found.get(name) as Round[]).map(({ perSecond }) => perSecond))
    const cost = (name: string) => median((found.get(name) as Round[]).map(({ microseconds }) => microseconds))
    const row = {
      what,
      perSecond: Math.round(best('with')),
      perSecondWithout: Math.round(best('without')),
      microseconds: Math.round(cost('with')),
      microsecondsWithout: Math.round(cost('without')),
    }
    rows.push(row)
    const share = (a: number, b: number) => `${((a / b - 1) * 100).toFixed(1)} %`
    process.stdout.write(
      `${what.padEnd(5)} ${row.perSecond}/s with, ${row.perSecondWithout}/s without (${share(row.perSecond, row.perSecondWithout)}); ` +
        `${row.microseconds} µs of processor time with, ${row.microsecondsWithout} without (+${share(row.microseconds, row.microsecondsWithout)})\n`,
    )
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)
} finally {
  for (const { enclave, host } of sides) {
    enclave.close()
    await host.stop()
  }
  rmSync(scratch, { recursive: true, force: true })
}

async function side(name: string, workload: Uint8Array): Promise<Side> {
  const host = await HostUnderTest.start()
  const { memory, table } = JSON.parse(readFileSync('assembly/workloads/kubernetes/enclave.json', 'utf8'))
  const image = host.sign(imageOf('kubernetes', workload, { memory, table }))
  await host.launch('kubernetes', image, MEMORY_MIB, { store: true })
  const enclave = await host.connect('kubernetes', signedMeasurements(image))
  return { name, host, enclave, made: 0, turn: 0 }
}

/** host/build.ts's options for workloads, and one constant more. */
function buildWithout(output: string): Uint8Array {
  const options = ['-O3', '--noAssert', '--runtime', 'minimal', '--exportStart', '_start', '--enable', 'simd']
  const { memory } = JSON.parse(readFileSync('assembly/workloads/kubernetes/enclave.json', 'utf8'))
  const { status } = spawnSync(process.execPath, [
    ...[
      'node_modules/assemblyscript/bin/asc.js',
      'assembly/workloads/kubernetes/index.ts',
      '-o',
      output,
      '--config',
      'none',
    ],
    ...[...options, '--use', 'abort=,WITHOUT_AUDIT=1', '--maximumMemory', String(memory.maxPages)],
  ])
  if (status !== 0) throw new Error('the workload without an audit does not compile')
  return readFileSync(output)
}

async function measure(at: Side, what: 'POST' | 'PUT' | 'GET'): Promise<Round> {
  const before = processorTicks(at.host.nitroPid)
  const start = performance.now()
  let left = requests
  await Promise.all(
    Array.from({ length: AT_A_TIME }, async () => {
      while (left-- > 0) await ask(at, what)
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const ticks = processorTicks(at.host.nitroPid) - before
  return { perSecond: requests / seconds, microseconds: ((ticks / TICKS_PER_SECOND) * 1e6) / requests }
}

async function ask(at: Side, what: 'POST' | 'PUT' | 'GET'): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'kubectl/v1.35.0 (linux/amd64) kubernetes/0000000',
  }
  const name = what === 'POST' ? `s-${at.made++}` : `s-${at.turn++ % Math.min(at.made, 1000)}`
  const data = { value: Buffer.alloc(VALUE_BYTES, at.made + at.turn).toString('base64') }
  const body = JSON.stringify({ metadata: { name }, data })
  const response =
    what === 'GET'
      ? await at.enclave.fetch(`${SECRETS}/${name}`, { headers })
      : await at.enclave.fetch(what === 'POST' ? SECRETS : `${SECRETS}/${name}`, { method: what, headers, body })
  await response.arrayBuffer()
  if (response.status !== (what === 'POST' ? 201 : 200)) throw new Error(`${what} ${name}: ${response.status}`)
}

/** User and system time of a process and all below it. */
function processorTicks(root: number): number {
  const found = new Map<number, { parent: number; ticks: number }>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      found.set(Number(name), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) })
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => pid === root || isBelowParent(found.get(pid)?.parent ?? 0)
  const isBelowParent = (pid: number): boolean => pid > 1 && isBelow(pid)
  return [...found].reduce((sum, [pid, { ticks }]) => sum + (isBelow(pid) ? ticks : 0), 0)
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
