/**
 * `node host/cli/bootstrap.cjs --run bench/kubernetes.ts [--quick] [--objects N,…] [--custom N,…] [--json FILE]`: the Kubernetes API through
 * the proxy, with TLS, on a durable store: 4 KiB Secrets read, listed and written, the delivery of watches, and what many objects cost,
 * custom ones too. `/readyz` in the
 * same run is the floor: the same way there and back, and nothing done. Client and host share the cores.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { parseArgs } from 'node:util'
import { KubernetesServer } from '../test/clients/server.ts'
import { LoadConnection, type LoadTarget, load, percentile, requestBytes } from './http-load.ts'

const VALUE_BYTES = 4096
const LISTED = 1000
const CONNECTIONS = [1, 16]
/** Of the rows that count objects: 100,000 of them have to fit a store of 256 MiB. */
const SMALL_BYTES = 1024
const ROUNDS = 20
const CONFIG_MAPS = '/api/v1/namespaces/bench/configmaps'
const WIDGETS = '/apis/bench.wasmclave.dev/v1/namespaces/bench/widgets'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    objects: { type: 'string', default: '10000' },
    custom: { type: 'string', default: '10000' },
    json: { type: 'string' },
  },
})
const seconds = values.quick ? 1 : 4
const rows: { what: string; value: number; unit: string; note: string }[] = []
const row = (what: string, value: number, unit: string, note = ''): void => {
  rows.push({ what, value, unit, note })
  process.stdout.write(`${what.padEnd(44)} ${format(value).padStart(10)} ${unit.padEnd(4)} ${note}\n`)
}
const format = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3))

const server = new KubernetesServer()
try {
  const start = performance.now()
  await server.start()
  row('up until ready, empty store', performance.now() - start, 'ms', 'host, build, launch and appraisal')
  const target = readTarget()
  await namespaceOf(target, 'bench')
  await readsAndWrites(target)
  for (const watchers of values.quick ? [100] : [100, 1000]) await delivery(target, watchers)
  for (const count of counts(values.objects)) await objects(target, count, 'objects', CONFIG_MAPS, configMap)
  const custom = counts(values.custom)
  if (custom.length > 0) await define(target)
  for (const count of custom) await objects(target, count, 'custom objects', WIDGETS, widget)
} finally {
  await server.stop()
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`)

function readTarget(): LoadTarget {
  const kubeconfig = readFileSync(server.kubeconfig, 'utf8')
  const read = (name: string) => new RegExp(`${name}: (\\S+)`).exec(kubeconfig)?.[1] ?? ''
  return {
    url: read('server'),
    ca: Buffer.from(read('certificate-authority-data'), 'base64').toString(),
    authorization: `Bearer ${read('token')}`,
  }
}

async function namespaceOf(target: LoadTarget, name: string): Promise<void> {
  const connection = await LoadConnection.open(target)
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await connection.send(requestBytes(target, 'POST', '/api/v1/namespaces', body))
  connection.close()
}

function secret(name: string, fill: number): string {
  const data = { value: Buffer.alloc(VALUE_BYTES, fill & 0xff).toString('base64') }
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, data })
}

async function readsAndWrites(target: LoadTarget): Promise<void> {
  const path = '/api/v1/namespaces/bench/secrets'
  let made = 0
  let turn = 0
  const post = () => requestBytes(target, 'POST', path, secret(`s-${String(made++).padStart(7, '0')}`, made))
  await fill(target, LISTED, post)
  const get = requestBytes(target, 'GET', `${path}/s-0000007`)
  const ready = requestBytes(target, 'GET', '/readyz')
  const list = requestBytes(target, 'GET', `${path}?limit=${LISTED}`)
  // Another object each time, and another value than it has: a write of the same would be none.
  const put = () => {
    const name = `s-${String(turn++ % LISTED).padStart(7, '0')}`
    return requestBytes(target, 'PUT', `${path}/${name}`, secret(name, turn + 7))
  }
  for (const connections of CONNECTIONS)
    for (const [what, status, make] of [
      ['GET /readyz', 200, () => ready],
      ['GET', 200, () => get],
      [`LIST ${LISTED}`, 200, () => list],
      ['PUT', 200, put],
      ['POST', 201, post],
    ] as const) {
      const result = await load(target, connections, seconds, status, make)
      const [p50, p99] = [0.5, 0.99].map((share) => percentile(result.latenciesMs, share).toPrecision(3))
      row(`${what}, ${connections} connections`, result.requests / result.seconds, '/s', `p50 ${p50} ms, p99 ${p99} ms`)
    }
}

async function fill(target: LoadTarget, count: number, make: () => Buffer): Promise<void> {
  const lanes = await Promise.all(Array.from({ length: 16 }, () => LoadConnection.open(target)))
  let left = count
  await Promise.all(
    lanes.map(async (lane) => {
      while (left-- > 0) {
        const { status } = await lane.send(make())
        if (status !== 201) throw new Error(`status ${status} while filling`)
      }
    }),
  )
  for (const lane of lanes) lane.close()
}

/** From sending a write until each of so many watchers has its event. */
async function delivery(target: LoadTarget, watchers: number): Promise<void> {
  const path = '/api/v1/namespaces/bench/configmaps'
  const { hostname: host, port } = new URL(target.url)
  let missing = 0
  let marker = Buffer.alloc(0)
  let done = () => {}
  const sockets: TLSSocket[] = []
  for (let i = 0; i < watchers; i++) {
    const { ca } = target
    const socket = connectTls({ host, port: Number(port), ca, servername: 'localhost' })
    socket.on('error', () => {})
    await new Promise<void>((resolve) => {
      socket.once('secureConnect', () => {
        socket.write(requestBytes(target, 'GET', `${path}?watch=true`))
        socket.once('data', () => resolve())
      })
    })
    let tail = Buffer.alloc(0)
    let counted = marker
    socket.on('data', (chunk: Buffer) => {
      if (counted === marker || marker.length === 0) return
      tail = Buffer.concat([tail, chunk])
      if (!tail.includes(marker)) return
      tail = Buffer.alloc(0)
      counted = marker
      if (--missing === 0) done()
    })
    sockets.push(socket)
  }
  const writer = await LoadConnection.open(target)
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const name = `d-${watchers}-${round}-end`
    missing = watchers
    marker = Buffer.from(`"${name}"`)
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    const start = performance.now()
    await writer.send(requestBytes(target, 'POST', path, JSON.stringify({ metadata: { name }, data: { k: 'v' } })))
    await all
    times.push(performance.now() - start)
  }
  for (const socket of sockets) socket.destroy()
  writer.close()
  const sorted = Float64Array.from(times).sort()
  row(
    `write until ${watchers} watchers have it, p50`,
    percentile(sorted, 0.5),
    'ms',
    `slowest ${format(percentile(sorted, 1))} ms`,
  )
}

function configMap(name: string, value: string): unknown {
  return { metadata: { name }, data: { value } }
}

function widget(name: string, value: string): unknown {
  return { apiVersion: 'bench.wasmclave.dev/v1', kind: 'Widget', metadata: { name }, spec: { size: 3, value } }
}

/** A definition whose schema has what most have: types, a bound, a default, a status. */
async function define(target: LoadTarget): Promise<void> {
  const spec = {
    type: 'object',
    required: ['size'],
    properties: {
      size: { type: 'integer', minimum: 1, maximum: 9 },
      value: { type: 'string', maxLength: 100_000 },
      colour: { type: 'string', enum: ['red', 'blue'], default: 'red' },
    },
  }
  const schema = { type: 'object', properties: { spec, status: { type: 'object' } } }
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget' }
  const connection = await LoadConnection.open(target)
  const { status } = await connection.send(
    requestBytes(
      target,
      'POST',
      '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
      JSON.stringify({
        apiVersion: 'apiextensions.k8s.io/v1',
        kind: 'CustomResourceDefinition',
        metadata: { name: 'widgets.bench.wasmclave.dev' },
        spec: { group: 'bench.wasmclave.dev', scope: 'Namespaced', names, versions: [version] },
      }),
    ),
  )
  if (status !== 201) throw new Error(`status ${status} for the definition`)
  // Served once it is durable
  for (let found = 0; found !== 200; ) found = (await connection.send(requestBytes(target, 'GET', WIDGETS))).status
  connection.close()
}

function counts(list: string): number[] {
  return list
    .split(',')
    .map(Number)
    .filter((n) => n > 0)
}

async function objects(
  target: LoadTarget,
  count: number,
  what: string,
  path: string,
  object: (name: string, value: string) => unknown,
): Promise<void> {
  const value = 'x'.repeat(SMALL_BYTES)
  let made = 0
  const start = performance.now()
  await fill(target, count, () =>
    requestBytes(target, 'POST', path, JSON.stringify(object(`o-${count}-${made++}`, value))),
  )
  row(`creating ${count} ${what} of 1 KiB`, (count * 1000) / (performance.now() - start), '/s')
  for (const [verb, asked] of [
    ['GET', `${path}/o-${count}-7`],
    ['LIST 500', `${path}?limit=500`],
  ] as const) {
    const result = await load(target, 1, seconds, 200, () => requestBytes(target, 'GET', asked))
    const p50 = percentile(result.latenciesMs, 0.5).toPrecision(3)
    row(`${verb} of ${count} ${what}, 1 connection`, result.requests / result.seconds, '/s', `p50 ${p50} ms`)
  }
  row(`memory of the enclave with them`, enclaveRss(), 'MiB', 'resident')
  await server.kill()
  const again = performance.now()
  await server.start()
  row(`up until ready with them, after kill -9`, performance.now() - again, 'ms')
}

/** The largest process of the host's is the enclave that serves. */
function enclaveRss(): number {
  let largest = 0
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const command = readFileSync(join('/proc', name, 'cmdline'), 'utf8')
      if (!command.includes('enclave.cjs')) continue
      const pages = Number(readFileSync(join('/proc', name, 'statm'), 'utf8').split(' ')[1])
      largest = Math.max(largest, (pages * 4096) / 2 ** 20)
    } catch {
      // It has ended meanwhile.
    }
  }
  return largest
}
