// `wasmclave host` under test, as the command that people start, on a folder of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export type Ready = {
  event: 'ready'
  gateway: string
  proxy: string | null
  kms: string | null
  metrics: string | null
  data: string
  enclaves: unknown[]
}

export class Daemon {
  readonly data: string
  readonly process: ChildProcess
  readonly ready: Ready
  readonly exited: Promise<number>

  private constructor(data: string, process: ChildProcess, ready: Ready, exited: Promise<number>) {
    this.data = data
    this.process = process
    this.ready = ready
    this.exited = exited
  }

  static async start(data = mkdtempSync(join(tmpdir(), 'wc-')), options: string[] = []): Promise<Daemon> {
    const child = spawn(
      'node',
      ['host/cli/bootstrap.cjs', 'host', '--data', data, '--port', '0', '--development', '--json', ...options],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const exited = new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? 1)))
    const ready = await new Promise<Ready>((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const event = JSON.parse(line) as Ready
        if (event.event === 'ready') resolve(event)
      })
      exited.then((code) => reject(new Error(`host ended with ${code}`)))
    })
    return new Daemon(data, child, ready, exited)
  }

  /** @returns its exit code */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.process.kill(signal)
    const code = await this.exited
    rmSync(this.data, { recursive: true, force: true })
    return code
  }
}
