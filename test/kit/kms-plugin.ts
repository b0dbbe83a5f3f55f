// `wasmclave kms-plugin` under test, as the process that people start beside a kube-apiserver.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import type { Measurements } from '../../host/nitro/eif/measure.ts'
import type { HostUnderTest } from './host.ts'

export type PluginEvent = Record<string, unknown> & { event: string }

export class PluginUnderTest {
  readonly process: ChildProcess
  readonly events: PluginEvent[] = []
  /** All that it said. */
  output = ''
  readonly exited: Promise<number>

  private constructor(args: string[]) {
    // Without bootstrap.cjs, which would be a process before it: what is killed here is the plugin itself.
    this.process = spawn(
      process.execPath,
      ['--no-warnings', '--disable-sigusr1', 'host/cli/index.ts', 'kms-plugin', ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.exited = new Promise((resolve) => this.process.once('close', (code) => resolve(code ?? 1)))
    this.process.stderr?.on('data', (chunk) => {
      this.output += chunk
    })
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.output += `${line}\n`
      this.events.push(JSON.parse(line))
    })
  }

  static async start(args: string[]): Promise<PluginUnderTest> {
    const plugin = new PluginUnderTest(args)
    const ended = plugin.exited.then((code) => {
      throw new Error(`the plugin ended with ${code}: ${plugin.output}`)
    })
    ended.catch(() => {})
    await Promise.race([ended, until(() => plugin.events.some(({ event }) => event === 'ready'))])
    return plugin
  }

  get ready(): PluginEvent {
    return this.events.find(({ event }) => event === 'ready') as PluginEvent
  }

  /** @returns its exit code */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.process.kill(signal)
    return this.exited
  }
}

/** What the command line reads to find a host and what should run there: a test's host serves from this process. */
export function announce(host: HostUnderTest, name: string, measurements: Measurements): void {
  const { folder, gateway } = host
  writeFileSync(folder.hostFile, JSON.stringify({ pid: process.pid, gateway, proxy: null, kms: null }), { mode: 0o600 })
  writeFileSync(join(folder.customer, `${name}.pcrs.json`), JSON.stringify(measurements), { mode: 0o600 })
}

const LONG_MS = 120_000

/** Fulfils once this holds, however slow the machine. @throws after two minutes */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + LONG_MS
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${LONG_MS} ms: ${holds}`)
    await wait(50)
  }
}
