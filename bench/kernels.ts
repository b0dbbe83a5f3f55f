/**
 * The hand-ordered kernels of the core beside the same source at the compiler's level 3, all else equal: what it brings that they are
 * compiled apart and merged (host/build.ts). No guard looks at these rows: the difference is near what a busy machine's medians wander.
 */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Pace, runContest } from '../host/bench/contest.ts'
import type { Operation } from '../host/bench/operation.ts'
import { ours } from '../host/bench/ours.ts'
import type { Row } from '../host/bench/result.ts'
import { type Core, loadCoreFrom } from '../host/core/index.ts'
import { readCore } from '../host/core/module.ts'
import { FatalError } from '../host/errors.ts'

const SUBJECT = 'Kernels in an order of their own'
const BYTES = 16 * 1024

export async function runKernels(pace: Pace, onRow: (row: Row) => void): Promise<void> {
  const contenders = [
    { who: 'wasmclave', ours: true, core: loadCoreFrom(await readCore('relaxed')) },
    { who: 'compiled at level 3', ours: false, core: coreAtLevel3() },
  ]
  for (const [label, operation] of operations()) {
    const calls = []
    for (const { core, ...names } of contenders) {
      const call = await ours(core).prepare(operation)
      if (call !== undefined) calls.push({ ...names, call })
    }
    const entries = await runContest(`${SUBJECT}, ${label}`, calls, pace)
    const note = '16 KiB; the same source, and nothing else differs'
    onRow({ suite: 'crypto', subject: SUBJECT, label, unit: 'ns', bytes: null, note, entries })
  }
}

function operations(): [label: string, operation: Operation][] {
  const data = randomBytes(BYTES)
  const keyed = { key: randomBytes(32), nonce: randomBytes(12), data }
  return [
    ['AES-256-GCM', { kind: 'seal', cipher: 'aes-256-gcm', ...keyed }],
    ['ChaCha20-Poly1305', { kind: 'seal', cipher: 'chacha20-poly1305', ...keyed }],
    ['SHA-256', { kind: 'digest', hash: 'sha256', data }],
    ['SHA-384', { kind: 'digest', hash: 'sha384', data }],
  ]
}

/** @throws FatalError ERR_BENCH_BUILD */
function coreAtLevel3(): Core {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-kernels-'))
  try {
    const file = join(folder, 'core.wasm')
    const { status } = spawnSync(process.execPath, ['host/build.ts', '--level-3', file], { stdio: 'inherit' })
    if (status !== 0) throw new FatalError('ERR_BENCH_BUILD', 'the core did not build at level 3')
    return loadCoreFrom(readFileSync(file))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
