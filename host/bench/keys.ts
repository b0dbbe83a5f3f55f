/** Keys by the thousand: what a live one costs in memory, and that set-up and destruction leave nothing behind. */
import { randomBytes } from 'node:crypto'
import { type Core, loadCore } from '../core/index.ts'
import { FatalError } from '../errors.ts'
import type { Row } from './result.ts'
import { single } from './spread.ts'

const LIVE_KEYS = 1000
/** Memory grows by pages of 64 KiB: of this many thousands of keys, one is told to 2 KiB. */
const THOUSANDS = 32
const MANY = 1_000_000
const MANY_QUICK = 20_000
const ALGORITHMS = [
  ['AES-256-GCM', (core: Core, key: Uint8Array) => core.aes256gcm(key)],
  ['ChaCha20-Poly1305', (core: Core, key: Uint8Array) => core.chacha20poly1305(key)],
] as const

export async function runKeys(quick: boolean, onRow: (row: Row) => void): Promise<void> {
  const key = randomBytes(32)
  for (const [name, make] of ALGORITHMS) {
    const { core, memoryBytes } = await loadWatched()
    const before = memoryBytes()
    const live = Array.from({ length: LIVE_KEYS * THOUSANDS }, () => make(core, key))
    const bytes = (memoryBytes() - before) / THOUSANDS
    for (const each of live) each.destroy()
    onRow(row('Memory of 1,000 live keys', name, 'of the core, with what its allocator adds', bytes))
    const settled = memoryBytes()
    const count = quick ? MANY_QUICK : MANY
    for (let i = 0; i < count; i++) make(core, key).destroy()
    const what = `Growth over ${count.toLocaleString('en')} key set-ups and destroys`
    onRow(row(what, name, 'of the core’s memory; 0 is right', memoryBytes() - settled))
  }
}

function row(subject: string, label: string, note: string, bytes: number): Row {
  const entries = [{ who: 'wasmclave', ours: true, batch: 1, spread: single(bytes) }]
  return { suite: 'crypto', subject, label, unit: 'B', bytes: null, note, entries }
}

// A core with its linear memory in sight. The public API rightly does not show it, so it is caught as the engine makes it.
async function loadWatched(): Promise<{ core: Core; memoryBytes(): number }> {
  const { Instance } = WebAssembly
  let memory: WebAssembly.Memory | undefined
  WebAssembly.Instance = new Proxy(Instance, {
    construct(target, args) {
      const instance = Reflect.construct(target, args) as WebAssembly.Instance
      if (instance.exports.memory instanceof WebAssembly.Memory) memory = instance.exports.memory
      return instance
    },
  })
  try {
    const core = await loadCore()
    if (memory === undefined) throw new FatalError('ERR_BENCH_MEMORY', 'the core was made without a memory of its own')
    const { buffer } = memory
    return { core, memoryBytes: () => (memory?.buffer ?? buffer).byteLength }
  } finally {
    WebAssembly.Instance = Instance
  }
}
