/**
 * Bounds on an enclave that runs. The parent says when one is late; nitro looks at its CPU time itself, so that a lying parent can kill
 * nobody and a starved enclave is not blamed. A slow poll catches what the parent does not say, and memory above the grant.
 */
import { readFileSync } from 'node:fs'

/** USER_HZ, proc(5): 100 on all Linux that Node runs on. */
const TICK_MS = 10
const PAGE_BYTES = 4096
const POLL_MS = 500
/** Node itself, beside what the guest was granted. */
const PROCESS_BYTES = 160 * 1024 * 1024

/** Share of its deadline that a late enclave must have spent on a CPU: less, and it was the machine that was busy. */
const SPINNING = 0.5

export type Watched = { pid: number; memoryBytes: number; kill(reason: 'deadline' | 'memory'): void }

type Sample = { cpuMs: number; atMs: number }

export class Watchdog {
  readonly #deadlineMs: number
  readonly #watched = new Map<number, { subject: Watched; samples: Sample[] }>()
  readonly #timer: NodeJS.Timeout

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs
    this.#timer = setInterval(() => this.#poll(), POLL_MS)
    this.#timer.unref()
  }

  watch(slot: number, subject: Watched): void {
    const cpuMs = readCpuMs(subject.pid) ?? 0
    this.#watched.set(slot, { subject, samples: [{ cpuMs, atMs: performance.now() }] })
  }

  forget(slot: number): void {
    this.#watched.delete(slot)
  }

  /** The parent says that `slot` has not answered for so long. */
  late(slot: number, waitedMs: number): void {
    const entry = this.#watched.get(slot)
    if (entry === undefined) return
    const cpuMs = readCpuMs(entry.subject.pid)
    if (cpuMs === undefined) return
    const now = performance.now()
    // CPU used since the last poll before the wait began tells spinning from starving.
    const before = [...entry.samples].reverse().find((sample) => sample.atMs <= now - waitedMs) ?? entry.samples[0]
    const used = before === undefined ? cpuMs : cpuMs - before.cpuMs
    if (used >= this.#deadlineMs * SPINNING || waitedMs > 10 * this.#deadlineMs) entry.subject.kill('deadline')
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #poll(): void {
    const now = performance.now()
    for (const { subject, samples } of this.#watched.values()) {
      const cpuMs = readCpuMs(subject.pid)
      if (cpuMs !== undefined) samples.push({ cpuMs, atMs: now })
      while (samples.length > 64) samples.shift()
      const resident = readResidentBytes(subject.pid)
      if (resident !== undefined && resident > PROCESS_BYTES + subject.memoryBytes) subject.kill('memory')
    }
  }
}

/** User and system time of all threads, fields 14 and 15 of /proc/PID/stat. */
export function readCpuMs(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return undefined
  }
}

export function readResidentBytes(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * PAGE_BYTES
  } catch {
    return undefined
  }
}
