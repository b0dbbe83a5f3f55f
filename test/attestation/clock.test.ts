// A shifted or frozen clock: evidence of another time, which says so itself; on a development host alone; and no trace of it afterwards.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { clockWarning, parseClock } from '../../host/cli/clock.ts'
import { developmentKey, makeDevelopmentHost, readGenesis } from '../../host/cli/development.ts'
import { startNitro } from '../../host/cli/nitro-process.ts'
import { signGenesis } from '../../host/control/genesis.ts'
import type { ClockSetting } from '../../host/nitro/clock.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'
import { appraise, checkRecords, parseAttestationDocument, parseBootRecord } from '../../host/verifier/index.ts'
import { decodeCbor } from '../../host/wire/cbor.ts'
import { HostUnderTest, imageOf, runCli } from '../kit/host.ts'

t.setTimeout(120_000)
const HOUR = 3_600_000

/** A host with this clock, an enclave, and a function that fetches evidence of it. */
async function start(t: Test, clock?: ClockSetting) {
  const host = await HostUnderTest.start(clock === undefined ? {} : { clock })
  t.teardown(() => host.stop())
  // What `attest` reads to find the host.
  writeFileSync(host.folder.hostFile, JSON.stringify({ pid: process.pid, gateway: host.gateway, proxy: null }))
  const { measurements } = await host.launch('echo', host.sign(imageOf('echo')))
  const attest = async () => {
    const files = { document: join(host.folder.root, 'doc.cbor'), records: join(host.folder.root, 'records.cbor') }
    const { code, stderr } = await runCli([
      'attest',
      '--data',
      host.folder.root,
      '--enclave-name',
      'echo',
      '--output',
      files.document,
      '--records',
      files.records,
    ])
    if (code !== 0) throw new Error(stderr)
    const document = parseAttestationDocument(new Uint8Array(readFileSync(files.document)))
    const [grantChain, admissionRecord, bootRecord] = decodeCbor(new Uint8Array(readFileSync(files.records))) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    await checkRecords(document, { grantChain, admissionRecord, bootRecord })
    return { document, boot: parseBootRecord(bootRecord) }
  }
  const root = readFileSync(host.folder.rootCertificate, 'utf8')
  return { host, measurements, attest, root }
}

t.test(
  'evidence of a clock that is ahead is of that time, refused now, and says that the clock is shifted',
  async (t) => {
    const { host, measurements, attest, root } = await start(t, { aheadMs: 400 * HOUR })
    const before = Date.now() + 400 * HOUR
    const { document, boot } = await attest()
    t.ok(document.timestampMs >= before && document.timestampMs <= Date.now() + 400 * HOUR)
    t.equal(boot.clock, 'shifted')
    t.match(await appraise(document, { root }, new Date(document.timestampMs)), { authentic: true })
    await t.rejects(appraise(document, { root }, new Date()), { code: 'ERR_EVIDENCE_DATES' })
    await t.rejects(host.connect('echo', measurements), { code: 'ERR_EVIDENCE_DATES' })
  },
)

t.test('evidence of a frozen clock is of one time', async (t) => {
  const frozenMs = Date.parse('2030-01-02T03:04:05Z')
  const { attest, root } = await start(t, { frozenMs })
  const [first, second] = [await attest(), await attest()]
  t.same([first.document.timestampMs, second.document.timestampMs], [frozenMs, frozenMs])
  t.equal(first.boot.clock, 'shifted')
  t.match(await appraise(first.document, { root }, new Date(frozenMs)), { authentic: true })
})

t.test('without it, evidence is of now and the boot record says so', async (t) => {
  const { host, measurements, attest, root } = await start(t)
  const { document, boot } = await attest()
  t.equal(boot.clock, 'host')
  t.match(await appraise(document, { root, maxAgeSeconds: 60 }, new Date()), { authentic: true })
  ;(await host.connect('echo', measurements)).close()
})

t.test('what was signed while the clock was ahead is signed anew once it is not', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-pki-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const now = Date.now()
  const leafAt = (ms: number) =>
    new Pki(folder, 'i-0123456789abcdef0', () => ms).leaf('i-0123456789abcdef0-enc018aa8b8e2285d13')
  for (const ms of [now, now + 400 * HOUR, now, now - HOUR, now]) {
    for (const der of [...leafAt(ms).cabundle, leafAt(ms).certificate]) {
      const { validFrom, validTo, subject } = new X509Certificate(der)
      t.ok(
        Date.parse(validFrom) <= ms && ms < Date.parse(validTo),
        `${subject.split('CN=')[1]} at ${new Date(ms).toISOString()}`,
      )
    }
  }
})

t.test('a host that is not for development refuses to shift its clock, and starts without', async (t) => {
  const { folder } = makeDevelopmentHost(mkdtempSync(join(tmpdir(), 'wc-')))
  t.teardown(() => rmSync(folder.root, { recursive: true, force: true }))
  const { genesis } = readGenesis(folder)
  const production = { ...genesis, development: false }
  const approvers = ['approver-1', 'approver-2'].map((name) => developmentKey(folder, name))
  writeFileSync(join(folder.nitro, 'genesis.json'), signGenesis(production, approvers))
  const options = { folder, port: 0, origins: [], onEvent: () => {} }
  await t.rejects(startNitro({ ...options, clock: { aheadMs: HOUR } }), { code: 'ERR_HOST_CLOCK' })
  await t.rejects(startNitro({ ...options, clock: { frozenMs: Date.now() } }), { code: 'ERR_HOST_CLOCK' })
  const nitro = await startNitro({ ...options, clock: { aheadMs: 0 } })
  t.ok(nitro.port > 0)
  await nitro.stop()
})

t.test('--clock reads offsets and times, within the root’s life', async (t) => {
  const now = Date.parse('2026-03-04T05:06:07Z')
  const rows: [string, ClockSetting][] = [
    ['+4h', { aheadMs: 4 * HOUR }],
    ['-90s', { aheadMs: -90_000 }],
    ['+0s', { aheadMs: 0 }],
    ['-2d', { aheadMs: -48 * HOUR }],
    ['+30m', { aheadMs: 1_800_000 }],
    ['frozen:2030-01-02T03:04:05Z', { frozenMs: Date.parse('2030-01-02T03:04:05Z') }],
    ['frozen:2030-01-02T03:04:05.678+01:00', { frozenMs: Date.parse('2030-01-02T02:04:05.678Z') }],
    ['frozen:2019-10-28T13:28:05Z', { frozenMs: Date.parse('2019-10-28T13:28:05Z') }],
    ['frozen:2049-09-30T23:59:59Z', { frozenMs: Date.parse('2049-09-30T23:59:59Z') }],
  ]
  for (const [text, setting] of rows) t.same(parseClock(text, now), setting, text)
  for (const text of [
    '',
    '4h',
    '+4',
    '+4y',
    '+-4h',
    '+4.5h',
    '4',
    'frozen',
    'frozen:',
    'frozen:now',
    'frozen:2030-01-02',
    'frozen:2030-13-02T03:04:05Z',
    'frozen:2019-10-28T13:28:04Z',
    'frozen:2049-10-01T00:00:00Z',
    '-9999d',
    '+9999d',
  ])
    t.throws(() => parseClock(text, now), { code: 'ERR_USAGE_CLOCK' }, text)
  t.match(clockWarning({ frozenMs: now }, true), /^.\[31m.*stands still at 2026-03-04T05:06:07\.000Z.*\[0m$/)
  t.match(clockWarning({ aheadMs: HOUR }, false), /^The clock of NSM and KMS is shifted/)
})
