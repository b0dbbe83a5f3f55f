// The log of a real host: opened with it or not at all, of one host alone, in front of every launch, and whole after kill -9.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { makeDevelopmentHost, readGenesis } from '../../host/cli/development.ts'
import { type NitroProcess, startNitro } from '../../host/cli/nitro-process.ts'
import { AdminSession, adminRequest, developmentSigner } from '../../host/cli/running-host.ts'
import { native } from '../../host/confine/native.ts'
import { disk } from '../../host/disk/durable.ts'
import { Journal } from '../../host/log/journal.ts'
import { parseCheckpoint } from '../../host/log/proofs/checkpoint.ts'
import { type Entry, parseEntry } from '../../host/log/proofs/entry.ts'
import type { DataFolder } from '../../host/nitro/data-folder.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

t.setTimeout(170_000)

function folder(t: Test): DataFolder {
  const { folder } = makeDevelopmentHost(mkdtempSync(join(tmpdir(), 'wc-')))
  t.teardown(() => rmSync(folder.root, { recursive: true, force: true }))
  return folder
}

async function start(t: Test, folder: DataFolder): Promise<NitroProcess> {
  const nitro = await startNitro({ folder, port: 0, origins: [], onEvent: () => {} })
  t.teardown(() => nitro.stop())
  return nitro
}

async function kill(nitro: NitroProcess): Promise<void> {
  nitro.process.kill('SIGKILL')
  await nitro.exited
}

const request = (folder: DataFolder, { port }: NitroProcess) =>
  adminRequest(
    { gateway: `ws://127.0.0.1:${port}`, folder },
    { action: 'describe-enclaves', parameters: { metadata: false } },
  )

/** RLIMIT_FSIZE of another process: its writes behind so many bytes fail. Node ignores SIGXFSZ. */
function limitFilesOf(pid: number, bytes: number | undefined): void {
  const RLIMIT_FSIZE = 1
  const limit = new BigUint64Array([bytes === undefined ? 2n ** 64n - 1n : BigInt(bytes), 2n ** 64n - 1n])
  if (native()?.prlimit(pid, RLIMIT_FSIZE, new Uint8Array(limit.buffer), 0n) !== 0) throw new Error('prlimit failed')
}

function entriesOf(folder: DataFolder): Entry[] {
  const { journal, entries } = Journal.open(join(folder.nitro, 'log', 'journal'), disk)
  journal.close()
  return entries.map(parseEntry)
}

t.test('begins with the genesis as it was signed, and keeps key and log to itself', async (t) => {
  const data = folder(t)
  const nitro = await start(t, data)
  t.same(await request(data, nitro), [])
  const genesis = JSON.parse(readFileSync(join(data.nitro, 'genesis.json'), 'utf8'))
  const [first, intent, outcome] = entriesOf(data)
  t.match(first, { kind: 'genesis', subject: 'host', subjectSequence: 0, genesis })
  t.match(
    [intent, outcome],
    [
      { kind: 'intent', action: 'describe-enclaves' },
      { kind: 'outcome', of: 1, code: null },
    ],
  )
  for (const name of ['log.key', 'log.lock', 'log/journal'])
    t.equal(statSync(join(data.nitro, name)).mode & 0o077, 0, name)
  t.match(readGenesis(data).genesis.logKey, /^[0-9a-f]{64}$/)
})

t.test('refuses a second host on the folder, and lets the next one in after kill -9', async (t) => {
  const data = folder(t)
  const first = await start(t, data)
  await t.rejects(start(t, data), { code: 'ERR_HOST_LOCKED' })
  t.same(await request(data, first), [], 'the first is unharmed')
  await kill(first)
  const second = await start(t, data)
  t.same(await request(data, second), [])
  t.equal(entriesOf(data).filter(({ kind }) => kind === 'genesis').length, 1)
})

t.test('does not start without its log, its key, or on the log of another genesis', async (t) => {
  const data = folder(t)
  await kill(await start(t, data))
  const key = readFileSync(join(data.nitro, 'log.key'))
  const journal = readFileSync(join(data.nitro, 'log', 'journal'))
  const refused = (code: string) => t.rejects(start(t, data), { code })
  writeFileSync(join(data.nitro, 'log', 'journal'), journal.subarray(0, journal.length >> 1))
  await refused('ERR_LOG_ROLLBACK')
  writeFileSync(join(data.nitro, 'log', 'journal'), journal)
  rmSync(join(data.nitro, 'log.key'))
  await refused('ERR_LOG_KEY')
  const other = folder(t)
  writeFileSync(join(data.nitro, 'log.key'), readFileSync(join(other.nitro, 'log.key')))
  await refused('ERR_LOG_KEY')
  writeFileSync(join(data.nitro, 'log.key'), key)
  await kill(await start(t, data))
})

t.test('puts the launch into PCR17 by its entry, and a checkpoint that covers it', async (t) => {
  const host = await HostUnderTest.start()
  t.teardown(() => host.stop())
  const { measurements } = await host.launch('echo', host.sign(imageOf('echo')))
  const enclave = await host.connect('echo', measurements)
  const { logIndex, checkpoint } = enclave.evidence.admission
  enclave.close()
  const entry = entriesOf(host.folder)[logIndex as number]
  t.match(entry, { kind: 'intent', action: 'run-enclave', subject: 'echo', role: 'operator' })
  t.ok(parseCheckpoint((checkpoint as string).split('\n\n')[0]?.concat('\n') as string).size > (logIndex as number))
  t.match(entriesOf(host.folder)[(logIndex as number) + 1], {
    kind: 'outcome',
    of: logIndex,
    code: null,
    admitted: { owners: [/^[0-9a-f]{64}$/] },
  })
})

t.test('does nothing once the log cannot be written, and says so', async (t) => {
  const host = await HostUnderTest.start()
  t.teardown(() => host.stop())
  const image = host.sign(imageOf('echo'))
  await host.launch('echo', image)
  const before = statSync(join(host.folder.nitro, 'log', 'journal')).size
  limitFilesOf(host.nitroPid, 1)
  const end = { action: 'terminate-enclave', parameters: { name: 'echo' } } as const
  await t.rejects(host.request(end), { code: 'ERR_LOG_WRITE' })
  limitFilesOf(host.nitroPid, undefined)
  await t.rejects(host.request(end), { code: 'ERR_LOG_WRITE' }, 'until the host starts again')
  t.equal(statSync(join(host.folder.nitro, 'log', 'journal')).size, before)
  const enclave = await host.connect('echo', signedMeasurements(image))
  enclave.close()
  t.pass('the enclave runs on: nothing was half done')
})

t.test(
  'survives kill -9 while requests run: what was answered is in the log, and what was intended is closed',
  async (t) => {
    const data = folder(t)
    const answered: number[] = []
    for (let round = 0; round < 6; round++) {
      const nitro = await start(t, data)
      const host = { gateway: `ws://127.0.0.1:${nitro.port}`, folder: data }
      const before = entriesOf(data)
      const open = before.filter(
        (entry, index) =>
          entry.kind === 'intent' && !before.some((other) => other.kind === 'outcome' && other.of === index),
      )
      t.same(open, [], `round ${round}: every intent has its outcome`)
      for (const index of answered) t.equal(before[index]?.kind, 'outcome', `entry ${index} was answered`)
      let killed = false
      const clients = Array.from({ length: 4 }, async () => {
        const session = new AdminSession(host, developmentSigner(data, 'operator'))
        try {
          while (!killed) {
            await session.request({ action: 'describe-log', parameters: {} })
            answered.push(session.lastIndex as number)
          }
        } catch (error) {
          if (!killed) t.fail(String(error))
        } finally {
          session.close()
        }
      })
      // At another moment each round, and not before something was answered
      const due = answered.length + 4
      for (let i = 0; i < 500 && answered.length < due; i++) await wait(10 + round)
      killed = true
      await kill(nitro)
      await Promise.all(clients)
    }
    t.ok(answered.length >= 24, `${answered.length} requests were answered`)
  },
)
