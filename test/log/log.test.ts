import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { publicKeyFromRaw } from '../../host/control/keys.ts'
import { type Disk, disk } from '../../host/disk/durable.ts'
import { Log, type Logged } from '../../host/log/log.ts'
import { openCheckpoint } from '../../host/log/proofs/checkpoint.ts'
import { type EntryDraft, HOST, MAX_ENTRY_BYTES, parseEntry } from '../../host/log/proofs/entry.ts'
import { leafHash } from '../../host/log/proofs/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../host/log/proofs/merkle.ts'
import { sha256 } from '../../host/log/tree.ts'

const { privateKey } = generateKeyPairSync('ed25519')
const root = mkdtempSync(join(tmpdir(), 'wasmclave-log-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
let folders = 0
const fresh = () => join(root, String(folders++))

function open(folder: string, options: { disk?: Disk; key?: KeyObject; now?: () => number } = {}): Log {
  return new Log({
    folder: join(folder, 'log'),
    lockFile: join(folder, 'log.lock'),
    name: 'test.example/log',
    key: privateKey,
    now: Date.now,
    ...options,
  })
}
const intent = (i: number, subject = HOST): EntryDraft => ({
  kind: 'intent',
  subject,
  action: 'terminate-enclave',
  request: String(i).padStart(64, '0'),
  kid: 'k',
  role: 'operator',
  approvedBy: [],
})
const ed25519 = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
  verify(null, message, publicKeyFromRaw(key), signature)

/** Everything a client would check of an answer. */
function checkLogged(t: Test, log: Log, logged: Logged): void {
  const checkpoint = openCheckpoint(sha256, ed25519, logged.checkpoint, log.noteKey)
  const hashes = log.inclusionProof(logged.index, Number(checkpoint.size))
  const proof = { index: BigInt(logged.index), size: checkpoint.size, hashes }
  t.doesNotThrow(() => verifyInclusion(sha256, proof, leafHash(sha256, logged.bytes), checkpoint.root))
}

t.test('answers with an entry that its checkpoint proves, numbered within its subject', async (t) => {
  const log = open(fresh())
  const all = await Promise.all(
    Array.from({ length: 300 }, (_, i) => log.append(intent(i, i % 3 === 0 ? HOST : `enclave-${i % 3}`))),
  )
  for (const [i, logged] of all.entries()) {
    t.equal(logged.index, i)
    t.equal(logged.entry.subjectSequence, Math.floor(i / 3))
    checkLogged(t, log, logged)
  }
  t.same(log.entriesOf(HOST).slice(0, 3), [0, 3, 6])
  const before = log.checkpoint
  await log.append(intent(300))
  const [old, now] = [before, log.checkpoint].map((note) => openCheckpoint(sha256, ed25519, note, log.noteKey))
  if (old === undefined || now === undefined) return t.fail('two checkpoints')
  const proof = { oldSize: old.size, newSize: now.size, hashes: log.consistencyProof(Number(old.size)) }
  t.doesNotThrow(() => verifyConsistency(sha256, proof, old.root, now.root))
})

t.test('is the same log after a restart', async (t) => {
  const folder = fresh()
  const log = open(folder)
  for (let i = 0; i < 5; i++) await log.append(intent(i))
  const { checkpoint } = log
  log.close()
  const again = open(folder)
  t.equal(again.size, 5)
  t.same(again.checkpoint, checkpoint, 'Ed25519 signs the same bytes the same')
  t.equal((await again.append(intent(5))).entry.subjectSequence, 5)
})

t.test('refuses an entry that is too large or of no subject, and takes what came with it', async (t) => {
  const log = open(fresh())
  const large = log.append({ ...intent(0), action: 'x'.repeat(MAX_ENTRY_BYTES) } as EntryDraft)
  const odd = log.append({ ...intent(0), subject: '../x' })
  const good = log.append(intent(0))
  await t.rejects(large, { code: 'ERR_LOG_ENTRY' })
  await t.rejects(odd, { code: 'ERR_LOG_ENTRY' })
  t.equal((await good).index, 0)
})

t.test('keeps the later time where the clock goes back a little, and stops where it goes back much', async (t) => {
  let now = 1_000_000
  const log = open(fresh(), { now: () => now })
  await log.append(intent(0))
  now -= 60_000
  t.equal((await log.append(intent(1))).entry.timeMs, 1_000_000)
  now -= 1
  await t.rejects(log.append(intent(2)), { code: 'ERR_LOG_CLOCK' })
  now = 2_000_000
  await t.rejects(log.append(intent(3)), { code: 'ERR_LOG_CLOCK' }, 'and stays stopped until it is started again')
})

/** Lets the n-th step of the disk go wrong in one of four ways. */
function faulty(n: number, how: 'fails' | 'fails but was done' | 'torn'): { disk: Disk; fired(): boolean } {
  let calls = 0
  let fired = false
  const step =
    <A extends unknown[]>(run: (...args: A) => void, torn?: (...args: A) => void) =>
    (...args: A) => {
      if (++calls !== n) return run(...args)
      fired = true
      if (how === 'fails but was done') run(...args)
      if (how === 'torn') (torn ?? run)(...args)
      throw Object.assign(new Error(how), { code: 'EIO' })
    }
  return {
    fired: () => fired,
    disk: {
      write: step(disk.write, (path, bytes) => disk.write(path, bytes.subarray(0, bytes.length >> 1))),
      writeAt: step(disk.writeAt, (file, bytes, at) => disk.writeAt(file, bytes.subarray(0, bytes.length >> 4), at)),
      append: step(disk.append, (file, bytes) => disk.append(file, bytes.subarray(0, bytes.length - 5))),
      rename: step(disk.rename),
      syncFolder: step(disk.syncFolder),
    },
  }
}

for (const how of ['fails', 'fails but was done', 'torn'] as const)
  t.test(`survives every durable step that ${how}: what was answered stays, the rest is absent or whole`, async (t) => {
    for (let n = 1; ; n++) {
      const folder = fresh()
      const fault = faulty(n, how)
      const answered: Logged[] = []
      let log: Log | undefined
      try {
        log = open(folder, { disk: fault.disk })
      } catch (error) {
        t.match(error, { code: 'EIO' }, 'a host does not start without its log')
      }
      for (let i = 0; log !== undefined && i < 4; i++) {
        try {
          answered.push(await log.append(intent(i)))
        } catch (error) {
          t.match(error, { code: 'ERR_LOG_WRITE' })
        }
      }
      if (!fault.fired()) {
        t.ok(n > 14, `${n - 1} steps were tried`)
        t.equal(answered.length, 4)
        break
      }
      t.ok(answered.length < 4, 'a step that fails is answered by an error')
      if (log !== undefined) await t.rejects(log.append(intent(9)), { code: 'ERR_LOG_WRITE' }, 'nothing more is taken')
      log?.close()
      const again = open(folder)
      t.ok(again.size >= answered.length && again.size <= 4)
      for (const { index, bytes } of answered) t.same(again.entry(index), bytes)
      for (let i = 0; i < again.size; i++) t.match(parseEntry(again.entry(i) as Uint8Array), intent(i))
      const next = await again.append(intent(7))
      checkLogged(t, again, next)
      again.close()
    }
  })

async function logOf(count: number): Promise<string> {
  const folder = fresh()
  const log = open(folder)
  for (let i = 0; i < count; i++) await log.append(intent(i))
  log.close()
  return folder
}

t.test('refuses to start on a journal that was cut, by any number of entries, and touches nothing', async (t) => {
  const folder = await logOf(4)
  const journal = join(folder, 'log', 'journal')
  const whole = readFileSync(journal)
  for (let length = 0; length < whole.length; length += 7) {
    writeFileSync(journal, whole)
    truncateSync(journal, length)
    t.throws(() => open(folder), { code: 'ERR_LOG_ROLLBACK' }, `${length} bytes`)
    t.equal(readFileSync(journal).length, length)
  }
  writeFileSync(journal, whole)
  open(folder).close()
  writeFileSync(journal, Buffer.concat([whole, Buffer.from([0, 0, 0, 9, 1])]))
  t.equal(open(folder).size, 4, 'what a crash tore behind the last entry is cut off')
  t.same(readFileSync(journal), whole)
})

t.test('refuses to start on every flipped bit of the journal', async (t) => {
  const folder = await logOf(2)
  const journal = join(folder, 'log', 'journal')
  const whole = readFileSync(journal)
  for (let bit = 0; bit < whole.length * 8; bit += 3) {
    const altered = Buffer.from(whole)
    altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7))
    writeFileSync(journal, altered)
    t.throws(() => open(folder), { code: /^ERR_LOG_(ROLLBACK|CORRUPT)$/ })
  }
})

t.test('refuses lock and checkpoint that do not fit each other, beside those that a crash leaves', async (t) => {
  const older = await logOf(2)
  const newer = fresh()
  cpSync(older, newer, { recursive: true })
  const log = open(newer)
  await log.append(intent(2))
  log.close()
  const mixed = fresh()
  const mix = (parts: { journal: string; checkpoint: string; lock: string }) => {
    rmSync(mixed, { recursive: true, force: true })
    cpSync(join(parts.journal, 'log', 'journal'), join(mixed, 'log', 'journal'), { recursive: true })
    cpSync(join(parts.checkpoint, 'log', 'checkpoint'), join(mixed, 'log', 'checkpoint'))
    cpSync(join(parts.lock, 'log.lock'), join(mixed, 'log.lock'))
    return mixed
  }
  t.throws(() => open(mix({ journal: newer, checkpoint: newer, lock: older })), { code: 'ERR_LOG_LOCK' })
  t.throws(() => open(mix({ journal: older, checkpoint: older, lock: newer })), { code: 'ERR_LOG_ROLLBACK' })
  t.equal(open(mix({ journal: newer, checkpoint: older, lock: newer })).size, 3, 'stopped before it published')
  t.equal(open(mix({ journal: newer, checkpoint: older, lock: older })).size, 3, 'stopped before the lock')
  const fork = fresh()
  const other = open(fork)
  for (let i = 0; i < 3; i++) await other.append(intent(100 + i))
  other.close()
  t.throws(() => open(mix({ journal: fork, checkpoint: fork, lock: newer })), { code: 'ERR_LOG_CORRUPT' })
  t.throws(() => open(mix({ journal: newer, checkpoint: fork, lock: newer })), { code: 'ERR_LOG_CORRUPT' })
  rmSync(join(mixed, 'log.lock'))
  t.throws(() => open(mixed), { code: 'ERR_LOG_LOCK' }, 'no lock beside a log')
})

t.test('refuses a log of another key', async (t) => {
  const folder = await logOf(1)
  t.throws(() => open(folder, { key: generateKeyPairSync('ed25519').privateKey }), { code: 'ERR_LOG_CORRUPT' })
  t.equal(open(folder).size, 1)
})
