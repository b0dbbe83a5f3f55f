import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { StoreEngine } from '../../../host/parent/store/engine.ts'
import { LmdbEngine } from '../../../host/parent/store/lmdb.ts'
import { MemoryEngine } from '../../kit/memory-engine.ts'
import { engineSuite } from './engine-suite.ts'

const root = mkdtempSync(join(tmpdir(), 'wasmclave-lmdb-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const folders = new WeakMap<StoreEngine, string>()
const freshFolder = () => mkdtempSync(join(root, 's-'))

async function open(folder = freshFolder(), options = {}): Promise<LmdbEngine> {
  const engine = await LmdbEngine.open(folder, options)
  folders.set(engine, folder)
  return engine
}

await engineSuite(t, 'model', async () => new MemoryEngine())
await engineSuite(
  t,
  'LMDB',
  () => open(),
  async (engine) => {
    await engine.close()
    return open(folders.get(engine))
  },
)
