// The bench itself: what it measures is the same work, and what it prints is what it measured. How long anything takes is not asserted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { allPeers } from '../bench/crypto.ts'
import { tinybenchSampler } from '../bench/tinybench-sampler.ts'
import { batchOf, clockSampler } from '../host/bench/clock.ts'
import { runContest } from '../host/bench/contest.ts'
import { runCrypto } from '../host/bench/crypto.ts'
import { checksOf } from '../host/bench/goals.ts'
import { resultPage } from '../host/bench/page.ts'
import { resultJson } from '../host/bench/report.ts'
import { type BenchResult, parseResult, RESULT_FORMAT, type Row } from '../host/bench/result.ts'
import { quantile, spreadOf } from '../host/bench/spread.ts'
import { resultTable, TABLE_WIDTH } from '../host/bench/table.ts'
import { digits, valueText } from '../host/bench/text.ts'
import { loadCore } from '../host/core/index.ts'
import { runCli } from './kit/host.ts'

t.setTimeout(170_000) // two quick runs of the bench, on a machine that may be busy

const pace = { sampler: tinybenchSampler, resolutionNs: 1, timeMs: 1, warmUpMs: 1, rounds: 2 }

/** A result with every row of the crypto suite, measured for a moment. */
const measured: Row[] = []
await runCrypto(allPeers(await loadCore()), pace, true, (row) => measured.push(row))

const RESULT: BenchResult = {
  format: RESULT_FORMAT,
  quick: true,
  machine: {
    cpu: 'A <Processor> & Co',
    cores: 2,
    memoryBytes: 2 ** 33,
    platform: 'linux x64',
    runtime: 'Node v26',
    v8: '14',
    date: '2026-01-02T03:04:05.000Z',
    timerResolutionNs: 40,
    load: 0.1,
  },
  rows: measured,
  checks: checksOf({ rows: measured }),
}

t.test('measures every contender of every row, ours among them', async (t) => {
  t.ok(measured.length > 25, `${measured.length} rows`)
  for (const { subject, label, entries } of measured) {
    t.equal(entries.filter((entry) => entry.ours).length, 1, `${subject}, ${label}`)
    t.ok(entries.length > 1, 'has a peer')
    for (const { who, spread } of entries) {
      const { p25, p50, p75, p99, samples } = spread
      t.ok(samples >= 2 && p25 > 0 && p25 <= p50 && p50 <= p75 && p75 <= p99, `${who}: ${p25} ${p50} ${p75} ${p99}`)
    }
  }
  const peers = new Set(measured.flatMap(({ entries }) => entries.map(({ who }) => who)))
  t.same([...peers].sort(), ['@noble', '@stablelib', 'WebCrypto', 'hash-wasm', 'libsodium', 'node:crypto', 'wasmclave'])
})

t.test('rejects a comparison whose contenders do not answer alike', async (t) => {
  const one = { who: 'one', ours: true, call: () => Uint8Array.of(1) }
  const other = (byte: number) => ({ who: 'other', ours: false, call: async () => Uint8Array.of(byte).buffer })
  await t.rejects(runContest('bytes', [one, other(2)], pace), { code: 'ERR_BENCH_ANSWER' })
  t.equal((await runContest('bytes', [one, other(1)], pace)).length, 2)
})

for (const [name, sampler] of [
  ['tinybench', tinybenchSampler],
  ['the plain clock', clockSampler],
] as const)
  t.test(`samples by ${name} are the mean of a batch`, async (t) => {
    let calls = 0
    for (const wait of [false, true]) {
      calls = 0
      const call = () => {
        calls++
        return wait ? Promise.resolve() : undefined
      }
      const samples = await sampler(call, { batch: 8, timeMs: 1, wait })
      t.ok(samples.length >= 2)
      t.equal(calls % 8, 0)
      t.ok(calls >= 8 * samples.length, `${calls} calls, ${samples.length} samples`)
    }
  })

t.test('batches are as long as the timer needs', async (t) => {
  t.equal(batchOf(1000, 50), 10)
  t.equal(batchOf(10_000, 50), 1)
  t.equal(batchOf(0, 50), 10_000)
})

t.test('quantiles are those of the sample', async (t) => {
  t.equal(quantile([1, 2, 3, 4, 5], 0.5), 3)
  t.equal(quantile([1, 2], 0.75), 1.75)
  const spread = spreadOf(Array.from({ length: 1001 }, (_, i) => 1001 - i))
  t.same([spread.p25, spread.p50, spread.p75, spread.p99, spread.samples], [251, 501, 751, 991, 1001])
  t.equal(
    spread.histogram?.counts.reduce((a, b) => a + b, 0),
    1001,
  )
  t.equal(spreadOf([5]).histogram, null)
})

t.test('figures have three digits and a unit', async (t) => {
  t.same([0.5, 9.994, 9.996, 99.96, 1234].map(digits), ['0.50', '9.99', '10.0', '100', '1234'])
  t.same(
    [12.3, 1234, 1.2e6, 3e9].map((ns) => valueText(ns, 'ns')),
    ['12.3 ns', '1.23 µs', '1.20 ms', '3.00 s'],
  )
  t.equal(valueText(10.9e6, 'B'), '10.9 MB')
  t.equal(valueText(123_456, '/s'), '123 k/s')
})

t.test('the table keeps within its width', async (t) => {
  const lines = resultTable(RESULT).split('\n')
  t.ok(lines.length > 60)
  t.same(
    lines.filter((line) => line.length > TABLE_WIDTH),
    [],
  )
})

t.test('the page needs nothing but itself, and escapes what it shows', async (t) => {
  const page = resultPage(RESULT)
  t.notMatch(page, /<script|<link|<img|<iframe|@import|url\(|https?:/i)
  t.match(page, 'A &lt;Processor&gt; &amp; Co')
  t.notMatch(page, 'A <Processor>')
  t.notMatch(page, /NaN|undefined|Infinity/)
  t.ok((page.match(/<svg /g) ?? []).length > 10)
  for (const query of ['prefers-color-scheme: dark', 'media print']) t.match(page, query)
  for (const { entries } of measured) for (const { who } of entries) t.ok(page.includes(who))
})

t.test('a result survives its file, and what is none is refused', async (t) => {
  t.same(parseResult(resultJson(RESULT)), RESULT)
  t.throws(() => parseResult('{'), { code: 'ERR_BENCH_RESULT' })
  t.throws(() => parseResult('{"format":"wasmclave-bench/0"}'), { code: 'ERR_BENCH_RESULT' })
})

t.test('a guard tells of a kernel that is slower than it can be, at its bound', async (t) => {
  const spread = (p50: number) => ({ samples: 1, p25: p50, p50, p75: p50, p99: p50, histogram: null })
  const guard = (noble: number) => {
    const entries = [
      { who: 'wasmclave', ours: true, batch: 1, spread: spread(1000) },
      { who: '@noble', ours: false, batch: 1, spread: spread(noble) },
    ]
    const row = {
      suite: 'crypto',
      subject: 'AES-256-GCM seal',
      label: '16 KiB',
      unit: 'ns',
      bytes: 16_384,
      note: '',
      entries,
    }
    return checksOf({ rows: [row as Row] }).find(({ kind }) => kind === 'guard')
  }
  t.match(guard(5999), { met: false, advice: /slower than its source can/ })
  t.match(guard(6000), { met: true, advice: '' })
  t.match(guard(6001), { met: true, advice: '' })
})

t.test(
  '`wasmclave bench` measures with the package alone, and writes what it is asked for',
  { timeout: 170_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'wasmclave-bench-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    const [json, html] = [join(folder, 'r.json'), join(folder, 'r.html')]
    const { code, stdout } = await runCli(['bench', '--quick', '--json', json, '--html', html])
    t.equal(code, 0)
    t.match(stdout, 'AES-256-GCM seal')
    const result = parseResult(readFileSync(json, 'utf8'))
    const who = new Set(result.rows.flatMap(({ entries }) => entries.map((entry) => entry.who)))
    t.same([...who].sort(), ['node:crypto', 'wasmclave'])
    t.match(readFileSync(html, 'utf8'), /^<!doctype html>/)
    const growth = result.rows.filter(({ subject }) => subject.startsWith('Growth'))
    t.same(
      growth.map(({ entries }) => entries[0]?.spread.p50),
      [0, 0],
      'keys leave nothing behind',
    )
    const refused = await runCli(['bench', '--quick', '--json', join(folder, 'no', 'r.json')])
    t.not(refused.code, 0)
    t.match(refused.stderr, 'ERR_FILE_WRITE')
  },
)
