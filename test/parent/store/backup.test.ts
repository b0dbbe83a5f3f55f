import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { errorCode } from '../../../host/errors.ts'
import {
  CHUNK,
  END,
  encodeHeader,
  encodeManifest,
  HEADER_BYTES,
  lp,
  MAX_CHUNK_BYTES,
  nextDigest,
  SECTION_BYTES,
  sectionHead,
  VERSION,
} from '../../../host/parent/store/backup/format.ts'
import { readBackup, verifyBackup } from '../../../host/parent/store/backup/read.ts'
import { restoreBackup } from '../../../host/parent/store/backup/restore.ts'
import { type WriteOptions, writeBackup } from '../../../host/parent/store/backup/write.ts'
import type { StoreEngine, StoreRecord } from '../../../host/parent/store/engine.ts'
import { LmdbEngine } from '../../../host/parent/store/lmdb.ts'
import { everything, hashOf, kept, place, source, storeId } from '../../kit/engine-world.ts'
import { MemoryEngine } from '../../kit/memory-engine.ts'

const id = storeId(1)
const code = async (work: Promise<unknown>) => errorCode(await work.then(() => undefined).catch((error) => error))

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}
const records = (count: number, size: number): StoreRecord[] =>
  Array.from({ length: count }, (_, n) => ({ place: place(n), record: Buffer.alloc(size + (n % 3), n + 1) }))
async function filled(count: number, size: number, engine: StoreEngine = new MemoryEngine()): Promise<StoreEngine> {
  await engine.replace(id, kept(1), source(records(count, size)))
  return engine
}
async function backup(engine: StoreEngine, options?: WriteOptions): Promise<Buffer> {
  const parts: Uint8Array[] = []
  await writeBackup(engine, id, async (bytes) => void parts.push(Uint8Array.from(bytes)), options)
  return Buffer.concat(parts)
}
/** The sections behind the header, each with its digest. */
function sections(file: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = HEADER_BYTES; at < file.length; ) {
    const end = at + SECTION_BYTES + file.readUInt32BE(at + 1) + 32
    found.push(file.subarray(at, end))
    at = end
  }
  return found
}
/** A file whose digests are right, whatever is in it. */
function crafted(bodies: [type: number, body: Buffer][], header = encodeHeader(id)): Buffer {
  let chain = nextDigest(header)
  const parts = [header]
  for (const [type, body] of bodies) {
    const head = sectionHead(type, body.length)
    chain = nextDigest(chain, head, body)
    parts.push(head, body, chain)
  }
  return Buffer.concat(parts)
}
const entry = (n: number, record = Buffer.from('r')) => Buffer.concat([place(n), lp(record)])
const noMac = Buffer.from([0])

t.test('comes back as it was, from LMDB and into it, taken in pieces of any size', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'wasmclave-backup-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const engine = await LmdbEngine.open(mkdtempSync(join(root, 's-')))
  for (const [count, size] of [
    [0, 0],
    [1, 0],
    [40, 3],
    [3000, 1100],
  ] as const) {
    await filled(count, size, engine)
    const before = await everything(engine, id)
    const steps: number[] = []
    const file = await backup(engine, { progress: ({ records }) => steps.push(records) })
    t.equal(steps.at(-1) ?? 0, count)
    await engine.replace(id, kept(9), source(records(5, 5)))
    const manifest = await restoreBackup(engine, id, () => pieces(file, 1 + (count % 977)))
    t.same(await everything(engine, id), before, `${count} records`)
    t.equal(manifest.records, count)
    t.same(manifest.headHash, hashOf(kept(1)))
  }
  await engine.close()
})

t.test('is of one moment while commits go on', async (t) => {
  const engine = await filled(0, 0)
  const fill = (value: number) =>
    Array.from({ length: 30 }, (_, n) => ({ place: place(n), record: Buffer.from([value]) }))
  await engine.commit(id, hashOf(kept(1)), kept(2), fill(2))
  let n = 2
  const parts: Uint8Array[] = []
  await writeBackup(engine, id, async (bytes) => {
    parts.push(Uint8Array.from(bytes))
    await engine.commit(id, hashOf(kept(n)), kept(n + 1), fill(n + 1))
    n++
  })
  t.ok(n > 3)
  const values = new Set<number>()
  for await (const chunk of readBackup(pieces(Buffer.concat(parts))))
    for (const { record } of chunk) values.add(record[0] as number)
  t.same([...values], [2])
})

t.test('carries a mac of its manifest, and none where nobody gives one', async (t) => {
  const engine = await filled(3, 10)
  let seen: Uint8Array | undefined
  const file = await backup(engine, {
    authenticate: async (manifest) => {
      seen = Uint8Array.from(manifest)
      return Buffer.alloc(32, 5)
    },
  })
  const { manifest, mac } = await verifyBackup(pieces(file))
  t.same(mac, Buffer.alloc(32, 5))
  t.same(seen && Buffer.from(seen), encodeManifest(manifest), 'who reads it can compute the mac again')
  t.equal((await verifyBackup(pieces(await backup(engine)))).mac, undefined)
  await t.rejects(backup(engine, { authenticate: async () => Buffer.alloc(31) }), RangeError)
})

t.test('refuses a backup with any byte flipped, and accepts it as it was', async (t) => {
  const file = await backup(await filled(12, 20), { authenticate: async () => Buffer.alloc(32, 1) })
  await verifyBackup(pieces(file))
  const codes = new Map<string | undefined, number>()
  for (let at = 0; at < file.length; at++)
    for (const bit of [1, 128]) {
      const altered = Buffer.from(file)
      altered[at] = (altered[at] as number) ^ bit
      const found = await code(verifyBackup(pieces(altered)))
      codes.set(found, (codes.get(found) ?? 0) + 1)
    }
  t.notOk(codes.has(undefined), 'every one is refused')
  const known = ['ERR_BACKUP_DIGEST', 'ERR_BACKUP_FORMAT', 'ERR_BACKUP_VERSION', 'ERR_BACKUP_TRUNCATED']
  t.same(
    [...codes.keys()].filter((found) => !known.includes(found as string)),
    [],
  )
  t.comment(`${file.length} bytes: ${[...codes].map((pair) => pair.join(' ')).join(', ')}`)
})

t.test('refuses a backup that ends anywhere before its end, or goes on after it', async (t) => {
  const file = await backup(await filled(12, 20))
  const codes = new Set<string | undefined>()
  for (let length = 0; length < file.length; length++)
    codes.add(await code(verifyBackup(pieces(file.subarray(0, length)))))
  t.same([...codes], ['ERR_BACKUP_TRUNCATED'])
  t.equal(await code(verifyBackup(pieces(Buffer.concat([file, Buffer.alloc(1)])))), 'ERR_BACKUP_FORMAT')
})

t.test('refuses sections that are swapped, left out, doubled or of another backup', async (t) => {
  const file = await backup(await filled(20, 20))
  const header = file.subarray(0, HEADER_BYTES)
  const [a, b, c, end] = sections(file) as [Buffer, Buffer, Buffer, Buffer]
  t.equal(sections(file).length, 4)
  const other = sections(await backup(await filled(20, 21)))
  const verify = (...parts: Buffer[]) => code(verifyBackup(pieces(Buffer.concat([header, ...parts]))))
  t.equal(await verify(a, b, c, end), undefined)
  t.equal(await verify(b, a, c, end), 'ERR_BACKUP_DIGEST')
  t.equal(await verify(a, c, end), 'ERR_BACKUP_DIGEST')
  t.equal(await verify(a, b, b, c, end), 'ERR_BACKUP_DIGEST')
  t.equal(await verify(a, other[1] as Buffer, c, end), 'ERR_BACKUP_DIGEST')
  t.equal(await verify(a, b, c, other[3] as Buffer), 'ERR_BACKUP_DIGEST')
  t.equal(await verify(...(other as Buffer[])), undefined, 'all of another one, of the same store, is one')
})

t.test('refuses what its digests agree with and its format does not', async (t) => {
  const manifest = (changes: object = {}, body: Buffer = entry(1)) => {
    const chain = nextDigest(nextDigest(encodeHeader(id)), sectionHead(CHUNK, body.length), body)
    return Buffer.concat([encodeManifest({ store: id, kept: kept(1), records: 1, bytes: 1, chain, ...changes }), noMac])
  }
  const verify = (...bodies: [number, Buffer][]) => code(verifyBackup(pieces(crafted(bodies))))
  t.equal(await verify([CHUNK, entry(1)], [END, manifest()]), undefined)
  t.equal(await verify([CHUNK, entry(1)], [END, manifest({ records: 2 })]), 'ERR_BACKUP_COUNT')
  t.equal(await verify([CHUNK, entry(1)], [END, manifest({ bytes: 2 })]), 'ERR_BACKUP_COUNT')
  t.equal(await verify([CHUNK, entry(1)], [END, manifest({ chain: Buffer.alloc(32) })]), 'ERR_BACKUP_COUNT')
  t.equal(await verify([CHUNK, entry(1)], [END, manifest({ store: storeId(2) })]), 'ERR_BACKUP_FORMAT')
  t.equal(await verify([END, manifest({}, Buffer.alloc(0))]), 'ERR_BACKUP_COUNT')
  const two = (a: number, b: number) => Buffer.concat([entry(a), entry(b)])
  const of = (body: Buffer) => manifest({ records: 2, bytes: 2 }, body)
  t.equal(await verify([CHUNK, two(1, 2)], [END, of(two(1, 2))]), undefined)
  t.equal(await verify([CHUNK, two(2, 1)], [END, of(two(2, 1))]), 'ERR_BACKUP_ORDER')
  t.equal(await verify([CHUNK, two(1, 1)], [END, of(two(1, 1))]), 'ERR_BACKUP_ORDER')
  t.equal(await verify([CHUNK, Buffer.alloc(0)], [END, manifest()]), 'ERR_BACKUP_FORMAT')
  t.equal(await verify([CHUNK, Buffer.concat([place(1), Buffer.from([0, 0, 0, 2, 1])])]), 'ERR_BACKUP_FORMAT')
  t.equal(await verify([CHUNK, entry(1).subarray(0, 35)]), 'ERR_BACKUP_FORMAT')
  t.equal(await verify([3, entry(1)]), 'ERR_BACKUP_FORMAT')
  t.equal(await verify([CHUNK, entry(1)], [END, Buffer.concat([manifest(), noMac])]), 'ERR_BACKUP_FORMAT')
  const sized = (length: number) => Buffer.concat([encodeHeader(id), sectionHead(CHUNK, length)])
  t.equal(await code(verifyBackup(pieces(sized(MAX_CHUNK_BYTES)))), 'ERR_BACKUP_TRUNCATED')
  t.equal(await code(verifyBackup(pieces(sized(MAX_CHUNK_BYTES + 1)))), 'ERR_BACKUP_FORMAT')
})

t.test('refuses another version, naming both, a foreign file, and a backup of another store', async (t) => {
  const engine = await filled(3, 10)
  const file = await backup(engine)
  const later = Buffer.from(file)
  later.writeUInt32BE(VERSION + 1, 8)
  const error = await verifyBackup(pieces(later)).catch((error) => error)
  t.equal(errorCode(error), 'ERR_BACKUP_VERSION')
  t.match(error.message, /version 2.*version 1/)
  t.equal(await code(verifyBackup(pieces(Buffer.alloc(500, 'x')))), 'ERR_BACKUP_FORMAT')
  const before = await everything(engine, storeId(2))
  t.equal(await code(restoreBackup(engine, storeId(2), () => pieces(file))), 'ERR_BACKUP_STORE')
  t.same(await everything(engine, storeId(2)), before)
  t.equal(await code(restoreBackup(engine, id, () => pieces(file))), undefined)
  t.equal(await code(backup(new MemoryEngine())), 'ERR_BACKUP_EMPTY')
})

t.test('touches nothing when the file is exchanged between its two readings', async (t) => {
  const engine = await filled(3, 10)
  const first = await backup(engine)
  const second = await backup(await filled(4, 10))
  await engine.replace(id, kept(5), source(records(1, 1)))
  const before = await everything(engine, id)
  const files = [first, second]
  t.equal(await code(restoreBackup(engine, id, () => pieces(files.shift() as Buffer))), 'ERR_BACKUP_DIGEST')
  t.same(await everything(engine, id), before)
})
