/** The launch suite: from nothing, or from the pool, until a kernel answers; run-enclave as an operator sees it; memory of the idle. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Row } from '../host/bench/result.ts'
import { single, spreadOf } from '../host/bench/spread.ts'
import type { Slot } from '../host/nitro/pool/slot.ts'
import { type HostUnderTest, imageOf } from '../test/kit/host.ts'
import { Children } from './children.ts'
import { elapsedNs, sampleNs, takeTurns } from './samples.ts'

const KIB = 1024
/** The pool refills 50 ms after a child was taken, which is then ready and has rehearsed some 150 ms later; nothing is measured meanwhile. */
const SETTLE_MS = 350
const IDLE_CHILDREN = 8

export async function runLaunch(host: HostUnderTest, quick: boolean, onRow: (row: Row) => void): Promise<void> {
  const children = await Children.prepare('echo')
  try {
    onRow(await starts(children, quick))
    onRow(await idleMemory(children))
  } finally {
    await children.stop()
  }
  onRow(await runEnclave(host, quick))
}

async function starts(children: Children, quick: boolean): Promise<Row> {
  const warm = children.pool(2)
  const none = children.pool(0)
  const entries = await takeTurns(quick ? 10 : 60, [
    {
      who: 'warm, from the pool',
      ours: true,
      run: async () => {
        await wait(SETTLE_MS)
        const slot = await warm.take()
        const ns = await elapsedNs(() => children.boot(slot))
        await end(slot)
        return [ns]
      },
    },
    {
      who: 'cold',
      ours: true,
      run: async () => {
        let slot: Slot | undefined
        const ns = await elapsedNs(async () => {
          slot = await none.take()
          await children.boot(slot)
        })
        await end(slot as Slot)
        return [ns]
      },
    },
    {
      who: 'Node’s own start',
      run: () => sampleNs(1, () => once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore', env: {} }), 'exit')),
    },
  ])
  warm.stop()
  none.stop()
  return {
    ...DISTRIBUTION,
    subject: 'Launch until a kernel answers',
    label: 'echo',
    note: 'record handed over → kernel booted, workload serves',
    entries,
  }
}

const DISTRIBUTION = { suite: 'launch', unit: 'ns', bytes: null } as const

async function end(slot: Slot): Promise<void> {
  slot.kill()
  await slot.exited
}

async function runEnclave(host: HostUnderTest, quick: boolean): Promise<Row> {
  let number = 0
  const entries = await takeTurns(quick ? 8 : 40, [
    {
      who: 'run-enclave',
      ours: true,
      run: async () => {
        const name = `bench-${number++}`
        const image = host.sign(imageOf('echo', undefined, { name }))
        await wait(SETTLE_MS)
        const ns = await elapsedNs(() => host.launch(name, image))
        await host.request({ action: 'terminate-enclave', parameters: { name } })
        return [ns]
      },
    },
  ])
  return {
    ...DISTRIBUTION,
    subject: 'run-enclave, end to end',
    label: 'echo',
    note: 'grant, signed request, upload, admission, launch',
    entries,
  }
}

async function idleMemory(children: Children): Promise<Row> {
  const pool = children.pool(0)
  const slots: Slot[] = []
  for (let i = 0; i < IDLE_CHILDREN; i++) {
    const slot = await pool.take()
    await children.boot(slot)
    slots.push(slot)
  }
  await wait(500)
  const enclaves = slots.map((slot) => proportionalBytes(slot.pid))
  for (const slot of slots) await end(slot)
  pool.stop()
  return {
    ...DISTRIBUTION,
    subject: 'Memory of an idle enclave',
    label: `${IDLE_CHILDREN} at once`,
    unit: 'B',
    note: 'proportional set size (PSS); a worker thread is no isolation',
    entries: [
      { who: 'wasmclave, a process each', ours: true, batch: 1, spread: spreadOf(enclaves) },
      { who: 'worker thread', ours: false, batch: 1, spread: single(await workerBytes()) },
    ],
  }
}

async function workerBytes(): Promise<number> {
  const before = proportionalBytes(process.pid)
  const workers = Array.from({ length: IDLE_CHILDREN }, () => new Worker('setInterval(() => {}, 1e6)', { eval: true }))
  await Promise.all(workers.map((worker) => once(worker, 'online')))
  await wait(200)
  const each = (proportionalBytes(process.pid) - before) / IDLE_CHILDREN
  await Promise.all(workers.map((worker) => worker.terminate()))
  return Math.max(0, each)
}

function proportionalBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) * KIB
}
