/**
 * A fuzzer of the KMS process, from one seed: random bytes as requests, and mutants of valid ones. It counts answers, and looks for what must
 * not be: an answer of 500, an error that the process tells of itself, silence, a death, memory that grows.
 * `node host/cli/bootstrap.cjs --run test/kms/fuzz.ts --requests 1000000 --mutants 200000 --seed 1`
 */
import { parseArgs } from 'node:util'
import { signRequest } from '../../host/kms/http/sigv4.ts'
import { OPERATIONS } from '../../host/kms/operations/index.ts'
import { Seeded } from '../kit/seeded.ts'
import { REGION } from './kit.ts'
import { Lane } from './lane.ts'
import { makeCorpus, mutant, type Request } from './mutants.ts'
import { KmsProcess } from './process.ts'

const LANES = 8
/** Requests in one write. */
const PIPELINED = 100
const MAX_RANDOM_BODY = 300
const OPERATION_NAMES = [...OPERATIONS.keys()]
const REPORT_MS = 30_000

export type FuzzOptions = {
  seed: number
  /** Of random bytes. */
  requests: number
  /** Of valid requests. */
  mutants: number
  /** Ends the run early. */
  untilMs?: number
  onProgress?(line: string): void
}

export type FuzzResult = {
  sent: { random: number; mutants: number }
  /** By error name, by status where there is none; `closed` without an answer. */
  answers: Record<string, number>
  /** What must not be. */
  faults: string[]
  memory: { start: number; end: number; peak: number }
  tookMs: number
}

export async function fuzz(options: FuzzOptions): Promise<FuzzResult> {
  const kms = new KmsProcess()
  await kms.start()
  const start = performance.now()
  const answers: Record<string, number> = {}
  const faults: string[] = []
  const sent = { random: 0, mutants: 0 }
  try {
    const corpus = await makeCorpus(kms)
    const memory = { start: kms.memory.now, end: 0, peak: 0 }
    const over = () => options.untilMs !== undefined && performance.now() - start > options.untilMs
    const count = (name: string, times = 1) => {
      answers[name] = (answers[name] ?? 0) + times
    }
    const lane = async (index: number) => {
      const random = new Seeded(options.seed * LANES + index)
      const lane = new Lane(kms.port)
      while (!over()) {
        const mutants =
          sent.mutants * options.requests < sent.random * options.mutants || sent.random >= options.requests
        if (mutants && sent.mutants >= options.mutants) break
        // What may end the connection comes last and alone: Node drops the answers that are still due.
        const batch = Array.from({ length: PIPELINED }, (_, at) => {
          const odd = at === PIPELINED - 1
          return mutants ? mutantRequest(kms, corpus, random, odd) : randomRequest(kms, random, odd)
        })
        sent[mutants ? 'mutants' : 'random'] += batch.length
        const replies = [...(await lane.exchange(batch.slice(0, -1))), ...(await lane.exchange(batch.slice(-1)))]
        lane.close()
        for (const { status, type } of replies) {
          count(type === '' ? String(status) : type)
          if (status >= 500 || Number.isNaN(status)) faults.push(`an answer of ${status} ${type}`)
        }
        // The rest went with a connection that one of them ended.
        if (replies.length < batch.length) count('closed', batch.length - replies.length)
      }
      lane.close()
    }
    const timer = setInterval(() => options.onProgress?.(`${progress(sent)}, ${memoryOf(kms)}`), REPORT_MS)
    await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index))).finally(() => clearInterval(timer))
    const alive = new Lane(kms.port)
    const [last] = await alive.exchange([httpOf(signed(kms, 'ListKeys', Buffer.from('{}')))])
    alive.close()
    if (last?.status !== 200) faults.push(`after all, a valid request is answered by ${last?.status}`)
    Object.assign(memory, { end: kms.memory.now, peak: kms.memory.peak })
    faults.push(...kms.errors)
    return { sent, answers, faults, memory, tookMs: performance.now() - start }
  } finally {
    await kms.stop()
  }
}

type Signed = { headers: Record<string, string>; body: Uint8Array }

function signed(kms: KmsProcess, operation: string, body: Uint8Array): Signed {
  const host = `127.0.0.1:${kms.port}`
  const target = `TrentService.${operation}`
  return { headers: signRequest(kms.credential, { host, target, body, region: REGION, nowMs: Date.now() }), body }
}

/** A body of bytes that is rightly signed; if odd, bytes alone, a body without a signature, or a signed one that says another thing. */
function randomRequest(kms: KmsProcess, random: Seeded, odd: boolean): Uint8Array {
  const body = random.bytes(random.below(MAX_RANDOM_BODY))
  const request = signed(kms, random.pick(OPERATION_NAMES), body)
  if (!odd) return httpOf(request)
  switch (random.below(3)) {
    case 0:
      // An end of headers, for which the endpoint would wait its time; line ends alone are no request yet.
      return Buffer.concat([Buffer.from('?'), body, Buffer.from('\r\n\r\n')])
    case 1:
      return httpOf({ headers: { host: 'x', authorization: body.toString('latin1').replace(/[\r\n\0]/g, '') }, body })
    default:
      return httpOf({ ...request, headers: mutateHeaders(request.headers, random) })
  }
}

function mutantRequest(kms: KmsProcess, corpus: Request[], random: Seeded, odd: boolean): Uint8Array {
  const request = random.pick(corpus)
  // Keys are written to disk: their bound is soon met, and is not what is looked for here.
  const each = request.operation === 'CreateKey' && !random.chance(5) ? random.pick(corpus) : request
  const made = signed(kms, random.chance(2) ? random.pick(OPERATION_NAMES) : each.operation, mutant(each, random))
  return httpOf(odd ? { ...made, headers: mutateHeaders(made.headers, random) } : made)
}

function mutateHeaders(headers: Record<string, string>, random: Seeded): Record<string, string> {
  const changed = { ...headers }
  const name = random.pick(Object.keys(changed))
  const value = changed[name] as string
  const at = random.below(value.length)
  switch (random.below(4)) {
    case 0:
      delete changed[name]
      break
    case 1:
      changed[name] = value.slice(0, at) + String.fromCharCode(0x21 + random.below(0x5e)) + value.slice(at + 1)
      break
    case 2:
      changed[name] = value + value
      break
    default:
      changed[`x-amz-${random.below(1000)}`] = value.slice(0, at)
  }
  return changed
}

function httpOf({ headers, body }: Signed): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `POST / HTTP/1.1\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

const MIB = 1024 * 1024
const progress = (sent: FuzzResult['sent']) => `${sent.random} of random bytes, ${sent.mutants} mutants`
const memoryOf = (kms: KmsProcess) => `${Math.round(kms.memory.now / MIB)} MiB resident`

export function tellResult({ sent, answers, faults, memory, tookMs }: FuzzResult): string {
  const rows = Object.entries(answers).sort(([, a], [, b]) => b - a)
  const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`
  return [
    `${progress(sent)} in ${(tookMs / 1000).toFixed(0)} s`,
    ...rows.map(([name, times]) => `  ${String(times).padStart(9)}  ${name === '200' ? 'answered' : name}`),
    `resident: ${mib(memory.start)} at first, ${mib(memory.end)} at last, ${mib(memory.peak)} at most`,
    `faults: ${faults.length === 0 ? 'none' : ''}`,
    ...faults.slice(0, 20).map((fault) => `  ${fault.slice(0, 1000)}`),
  ].join('\n')
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '1000000' },
      mutants: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
    },
  })
  const [requests, mutants, seed] = [values.requests, values.mutants, values.seed].map(Number) as [
    number,
    number,
    number,
  ]
  const onProgress = (line: string) => process.stderr.write(`${line}\n`)
  const result = await fuzz({ requests, mutants, seed, onProgress })
  process.stdout.write(`${tellResult(result)}\n`)
  process.exitCode = result.faults.length === 0 ? 0 : 1
}
