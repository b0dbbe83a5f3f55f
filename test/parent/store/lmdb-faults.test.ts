import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { native } from '../../../host/confine/native.ts'
import { errorCode } from '../../../host/errors.ts'
import { LmdbEngine } from '../../../host/parent/store/lmdb.ts'
import { Committer, faultsIn } from '../../kit/engine-fate.ts'
import { everything, hashOf, kept, place, source, storeId } from '../../kit/engine-world.ts'

const root = mkdtempSync(join(tmpdir(), 'wasmclave-faults-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const freshFolder = () => mkdtempSync(join(root, 's-'))
const code = async (work: Promise<unknown>) => errorCode(await work.then(() => undefined).catch((error) => error))
const id = storeId(1)
const ROOT = join(import.meta.dirname, '../../..')

t.test('runs as the parent does: permission model, no ffi after the start, Landlock', async (t) => {
  const folder = freshFolder()
  const flags = ['--permission', '--allow-net', '--allow-ffi', '--allow-addons']
  const reads = ['host', 'test', 'assembly', 'node_modules', 'package.json'].map((path) => join(ROOT, path))
  for (const path of [...reads, folder]) flags.push(`--allow-fs-read=${path}`)
  flags.push(`--allow-fs-write=${folder}`, '--disable-sigusr1', '--disable-proto=delete')
  const child = new Committer(folder, 2, 30, { flags })
  t.same(await child.exited, { code: 0, signal: null }, child.lines.join())
  t.same(child.acknowledged, [30, 30])
  t.same(await faultsIn(folder, [30, 30]), [])
  t.equal(statSync(join(folder, 'records.mdb')).mode & 0o777, 0o600)
})

const noFlock = native() === undefined && 'no flock here'

t.test('keeps a second process out, and lets it in when the first was killed', { skip: noFlock }, async (t) => {
  const folder = freshFolder()
  const first = new Committer(folder, 1, 1_000_000)
  await first.ready
  t.equal(await code(LmdbEngine.open(folder)), 'ERR_STORE_LOCKED')
  await first.kill()
  const engine = await LmdbEngine.open(folder)
  t.equal(await code(LmdbEngine.open(folder)), 'ERR_STORE_LOCKED', 'twice in one process neither')
  await engine.close()
  await (await LmdbEngine.open(folder)).close()
})

t.test('refuses what is no store, and opens an empty folder beside it', async (t) => {
  const folder = freshFolder()
  writeFileSync(join(folder, 'records.mdb'), Buffer.alloc(65536, 7))
  t.equal(await code(LmdbEngine.open(folder)), 'ERR_STORE_BROKEN')
  rmSync(join(folder, 'records.mdb'))
  await (await LmdbEngine.open(folder)).close()
})

t.test('refuses a commit that does not fit any more, takes what removes, and then fits again', async (t) => {
  const maxBytes = 8_000_000
  const folder = freshFolder()
  const engine = await LmdbEngine.open(folder, { maxBytes })
  let n = 0
  await engine.commit(id, undefined, kept(0), [])
  const put = async (at: number) => {
    const change = { place: place(at), record: Buffer.alloc(200_000, at) }
    const result = await engine.commit(id, hashOf(kept(n)), kept(n + 1), [change])
    if (result === 'durable') n++
  }
  let refused: unknown
  let written = 0
  while (refused === undefined && written < 100) {
    const error = await put(written).catch((error) => error)
    if (error === undefined) written++
    else refused = error
  }
  t.equal(errorCode(refused), 'ERR_STORE_FULL')
  t.match((refused as Error).message, /the store has \d+ left/)
  t.ok(written >= 15 && written <= 40, `${written} records of 200 kB`)
  t.equal((await everything(engine, id)).records.length, written)
  t.same(hashOf(await engine.head(id)), hashOf(kept(n)))
  const removed = Array.from({ length: 10 }, (_, at) => ({ place: place(at), record: undefined }))
  t.equal(await engine.commit(id, hashOf(kept(n)), kept(n + 1), removed), 'durable')
  n++
  t.equal(await put(1000).catch((error) => error), undefined)
  for (let round = 0; round < 60; round++) await put(1000 + (round % 5))
  t.ok(statSync(join(folder, 'records.mdb')).size <= 2 * maxBytes)
  t.equal(
    await code(engine.replace(storeId(2), kept(1), source([{ place: place(1), record: Buffer.alloc(7_000_000) }]))),
    'ERR_STORE_FULL',
  )
  t.equal(await engine.head(storeId(2)), undefined)
  await engine.close()
})

t.test('gives up a load that is not taken in time, and takes the next', async (t) => {
  const engine = await LmdbEngine.open(freshFolder(), { loadMs: 100 })
  await engine.commit(id, undefined, kept(1), [{ place: place(1), record: Buffer.from('r') }])
  t.equal(await code(engine.load(id, () => new Promise(() => {}))), 'ERR_STORE_UNAVAILABLE')
  t.equal((await everything(engine, id)).records.length, 1)
  await engine.close()
})

t.test('sweeps what a crash left of a replacement', async (t) => {
  const folder = freshFolder()
  const first = await LmdbEngine.open(folder)
  await first.commit(id, undefined, kept(1), [{ place: place(1), record: Buffer.from('stays') }])
  // Left behind as by a crash: the source never ends, and the engine is closed over it.
  let laid: () => void = () => {}
  const down = new Promise<void>((resolve) => {
    laid = resolve
  })
  const left = first.replace(
    id,
    kept(2),
    never(() => laid()),
  )
  const other = first.replace(
    storeId(2),
    kept(2),
    never(() => {}),
  )
  await down
  await first.close()
  left.catch(() => {})
  other.catch(() => {})
  const engine = await LmdbEngine.open(folder)
  t.equal((await everything(engine, id)).records.length, 1)
  t.equal(await engine.head(storeId(2)), undefined)
  await engine.close()
  const { open } = await import('lmdb')
  const raw = open({ path: join(folder, 'records.mdb'), noSubdir: true, keyEncoding: 'binary', encoding: 'binary' })
  t.equal(raw.getCount(), 3, 'one record, what is kept, and its condition')
  await raw.close()

  async function* never(twoChunks: () => void) {
    for (let at = 0; at < 3; at++) {
      if (at === 2) twoChunks()
      yield Array.from({ length: 50 }, (_, n) => ({ place: place(at * 50 + n), record: Buffer.from('left') }))
    }
    await new Promise(() => {})
  }
})

const noStrace = spawnSync('strace', ['-V']).status !== 0 && 'no strace here'

t.test(
  'ends at an error of the n-th write or sync, and its successor finds every commit whole',
  { skip: noStrace },
  async (t) => {
    let ended = 0
    for (const [calls, error, first, step] of [
      ['fdatasync', 'EIO', 2, 2],
      ['fdatasync', 'ENOSPC', 3, 2],
      ['pwrite64', 'EIO', 4, 13],
      ['pwrite64', 'ENOSPC', 5, 9],
      ['writev', 'ENOSPC', 1, 5],
      ['writev', 'EIO', 2, 4],
    ] as const)
      for (let when = first; when < first + 2 * step; when += step) {
        const folder = freshFolder()
        const trace = ['-f', '-qq', '-o', '/dev/null', '-P', join(folder, 'records.mdb')]
        const inject = ['-e', `trace=${calls}`, '-e', `inject=${calls}:error=${error}:when=${when}`]
        const child = new Committer(folder, 2, 25, { before: ['strace', ...trace, ...inject] })
        const name = `${error} at ${calls} ${when}`
        if ((await child.exited).signal !== null) ended++
        t.same(await faultsIn(folder, child.acknowledged), [], name)
        const successor = new Committer(folder, 2, 2)
        t.same(await successor.exited, { code: 0, signal: null }, `the successor after ${name}`)
      }
    t.ok(ended >= 8, `${ended} of 12 were ended by the error`)
  },
)

const mount = join(freshFolder(), 'small')
mkdirSync(mount)
const mounted =
  process.getuid?.() === 0 && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'none', mount]).status === 0
const noMount = !mounted && 'wants root, for a small tmpfs'

t.test('survives a disk that is full, and goes on when there is room', { skip: noMount }, async (t) => {
  t.teardown(() => spawnSync('umount', [mount]))
  writeFileSync(join(mount, 'filler'), Buffer.alloc(1_000_000))
  const engine = await LmdbEngine.open(mount)
  let n = 0
  await engine.commit(id, undefined, kept(0), [])
  const errors = new Set<string | undefined>()
  const put = async (at: number) => {
    const change = { place: place(at), record: Buffer.alloc(50_000, at) }
    const error = await engine.commit(id, hashOf(kept(n)), kept(n + 1), [change]).then(
      () => undefined,
      (error) => error,
    )
    if (error === undefined) n++
    return errorCode(error)
  }
  for (let at = 0; at < 60; at++) {
    const failed = await put(at)
    errors.add(failed)
    if (failed !== undefined)
      t.same(hashOf(await engine.head(id)), hashOf(kept(n)), 'the head says that it was not written')
  }
  t.same([...errors], [undefined, 'ERR_STORE_FULL'])
  t.equal((await everything(engine, id)).records.length, n)
  rmSync(join(mount, 'filler'))
  t.equal(await put(1000), undefined)
  await engine.close()
})
