/**
 * Decrypt and GenerateDataKey of the KMS process, with and without `Recipient`, beside plain node:http that reads the same requests and answers as many
 * bytes, in turns of one run. Requests are signed beforehand: what is timed is the endpoint, not a client.
 * `node host/cli/bootstrap.cjs --run bench/kms.ts [--quick]`
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CreateKeyCommand, EncryptCommand } from '@aws-sdk/client-kms'
import { spreadOf } from '../host/bench/spread.ts'
import { signRequest } from '../host/kms/http/sigv4.ts'
import { REGION, TestEnclave } from '../test/kms/kit.ts'
import { Lane } from '../test/kms/lane.ts'
import { KmsProcess } from '../test/kms/process.ts'
import { rateOver, sampleNs } from './samples.ts'

const CONNECTIONS = [1, 8] as const
const CONTENT_TYPE = 'application/x-amz-json-1.1'
/** DESIGN: with Recipient, at one connection. */
const GOAL_P50_NS = 5e6
const WARM_UP = 50
/** Latencies of a turn, one after the other; then one window of calls at once. */
const CHUNK = 25

type Call = () => Promise<void>
type Side = { latencies: number[]; rates: number[] }
export type KmsRow = { what: string; connections: number; ours: Side; plain: Side }

export async function runKms(quick: boolean, tell: (line: string) => void): Promise<KmsRow[]> {
  const kms = new KmsProcess()
  await kms.start()
  try {
    const rows: KmsRow[] = []
    for (const [what, operation, input] of await requests(kms)) {
      const bytes = signed(kms, operation, input)
      const reply = await bodyLength(kms, operation, bytes)
      const plain = await PlainHttp.start(reply)
      try {
        for (const connections of CONNECTIONS) {
          rows.push({ what, connections, ...(await compare(kms.port, plain.port, bytes, connections, quick)) })
          tell(`${what}, ${connections} at once`)
        }
      } finally {
        await plain.stop()
      }
    }
    return rows
  } finally {
    await kms.stop()
  }
}

async function requests(kms: KmsProcess): Promise<[what: string, operation: string, input: object][]> {
  const client = kms.client()
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}))
  const KeyId = KeyMetadata?.KeyId as string
  const sealed = await client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.alloc(32) }))
  const decrypt = { CiphertextBlob: Buffer.from(sealed.CiphertextBlob as Uint8Array).toString('base64') }
  const generate = { KeyId, KeySpec: 'AES_256' }
  const document = Buffer.from(await new TestEnclave(kms).document()).toString('base64')
  const Recipient = { AttestationDocument: document, KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
  return [
    ['Decrypt', 'Decrypt', decrypt],
    ['Decrypt, Recipient', 'Decrypt', { ...decrypt, Recipient }],
    ['GenerateDataKey', 'GenerateDataKey', generate],
    ['GenerateDataKey, Recipient', 'GenerateDataKey', { ...generate, Recipient }],
  ]
}

/** Of this hour: a signature is good for five minutes, and a row takes less. */
function signed(kms: KmsProcess, operation: string, input: object): Buffer {
  const body = Buffer.from(JSON.stringify(input))
  const host = `127.0.0.1:${kms.port}`
  const target = `TrentService.${operation}`
  const headers = signRequest(kms.credential, { host, target, body, region: REGION, nowMs: Date.now() })
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([
    Buffer.from(`POST / HTTP/1.1\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`),
    body,
  ])
}

async function bodyLength(kms: KmsProcess, operation: string, bytes: Buffer): Promise<number> {
  const end = bytes.indexOf('\r\n\r\n')
  const headers = Object.fromEntries(
    bytes
      .toString('latin1', 0, end)
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(': ') as [string, string]),
  )
  const { host: _, 'content-length': __, ...rest } = headers
  const url = `http://127.0.0.1:${kms.port}`
  const response = await fetch(url, { method: 'POST', headers: rest, body: new Uint8Array(bytes.subarray(end + 4)) })
  const body = await response.arrayBuffer()
  if (!response.ok) throw new Error(`${operation}: ${Buffer.from(body)}`)
  return body.byteLength
}

async function compare(ours: number, plain: number, bytes: Buffer, connections: number, quick: boolean) {
  const sides = await Promise.all([ours, plain].map((port) => open(port, bytes, connections)))
  const rounds = quick ? 8 : 40
  for (let round = 0; round < rounds; round++)
    for (const { calls, side } of sides) {
      const parts = await Promise.all(calls.map((call) => sampleNs(CHUNK, call)))
      side.latencies.push(...parts.flat())
      side.rates.push(await rateOver(quick ? 50 : 100, calls))
    }
  for (const { close } of sides) close()
  const [first, second] = sides as [(typeof sides)[0], (typeof sides)[0]]
  return { ours: first.side, plain: second.side }
}

async function open(port: number, bytes: Buffer, connections: number) {
  const lanes = Array.from({ length: connections }, () => new Lane(port))
  const calls: Call[] = lanes.map((lane) => async () => {
    const [reply] = await lane.exchange([bytes])
    if (reply?.status !== 200) throw new Error(`answered by ${reply?.status} ${reply?.type}`)
  })
  for (const call of calls) for (let i = 0; i < WARM_UP; i++) await call()
  const side: Side = { latencies: [], rates: [] }
  return { calls, side, close: () => lanes.forEach((lane) => void lane.close()) }
}

class PlainHttp {
  readonly port: number
  readonly #process: ChildProcess

  private constructor(port: number, process: ChildProcess) {
    this.port = port
    this.#process = process
  }

  static async start(length: number): Promise<PlainHttp> {
    const file = join(import.meta.dirname, 'plain-http.ts')
    const child = fork(file, [CONTENT_TYPE, String(length)], { execArgv: ['--no-warnings'] })
    const [port] = (await once(child, 'message')) as [number]
    return new PlainHttp(port, child)
  }

  async stop(): Promise<void> {
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }
}

/** At most 100 columns. */
export function kmsTable(rows: readonly KmsRow[]): string {
  const cell = (texts: string[]) => texts.map((text, at) => (at === 0 ? text.padEnd(27) : text.padStart(9))).join('  ')
  const ms = (ns: number) => `${(ns / 1e6).toFixed(2)} ms`
  const side = ({ latencies, rates }: Side) => {
    const { p50, p99 } = spreadOf(latencies)
    return [ms(p50), ms(p99), spreadOf(rates).p50.toFixed(0)]
  }
  const goals = rows
    .filter(({ what, connections }) => connections === 1 && what.includes('Recipient'))
    .map(({ what, ours }) => {
      const { p50 } = spreadOf(ours.latencies)
      return `${p50 <= GOAL_P50_NS ? 'met   ' : 'MISSED'}  ${what}: p50 ${ms(p50)}, wanted ${ms(GOAL_P50_NS)} or less`
    })
  return [
    `${' '.repeat(40)}${'wasmclave kms'.padEnd(33)}plain node:http`,
    cell(['', 'at once', 'p50', 'p99', '/s', 'p50', 'p99', '/s']),
    ...rows.map(({ what, connections, ours, plain }) =>
      cell([what, String(connections), ...side(ours), ...side(plain)]),
    ),
    '',
    ...goals,
  ]
    .map((line) => line.trimEnd())
    .join('\n')
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
  const rows = await runKms(values.quick, (line) => process.stderr.write(`${line}\n`))
  process.stdout.write(`${kmsTable(rows)}\n`)
}
