/** On what was measured, when, and how finely the clock tells. */
import { cpus, loadavg, totalmem } from 'node:os'
import { timerResolutionNs } from './clock.ts'
import type { Machine } from './result.ts'

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    runtime: `Node ${process.version}`,
    v8: process.versions.v8,
    date: new Date().toISOString(),
    timerResolutionNs: timerResolutionNs(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

export function machineText(machine: Machine): string {
  const { cpu, cores, platform, runtime, v8, date, timerResolutionNs: resolution, load } = machine
  return `${cpu}, ${cores} cores, ${platform}; ${runtime}, V8 ${v8}; ${date}; timer ${resolution} ns; load ${load}`
}
