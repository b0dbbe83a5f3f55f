/** One kubectl: runs it against the server with a home of its own, within bounds, and notes whether it said what it should. */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tally } from './tally.ts'

const COMMAND_MS = 60_000

export type Expected = {
  /** 0 unless said. */
  exit?: number
  /** The whole of stdout, or what it matches. */
  out?: string | RegExp
  err?: RegExp
}
export type Output = { exit: number; out: string; err: string }

export class Kubectl {
  readonly namespace: string
  /** Of its version: 1.MINOR. */
  readonly minor: number
  readonly folder: string
  readonly #binary: string
  readonly #kubeconfig: string
  readonly #suite: string
  readonly #tally: Tally

  constructor(version: string, binary: string, kubeconfig: string, folder: string, tally: Tally) {
    this.#suite = `kubectl ${version}`
    this.minor = Number(version.split('.')[1])
    this.#binary = binary
    this.#kubeconfig = kubeconfig
    this.#tally = tally
    this.namespace = `v${version.replace('.', '-')}`
    this.folder = join(folder, this.namespace)
    mkdirSync(this.folder, { recursive: true })
  }

  /** Writes a manifest. @returns its path */
  file(name: string, content: unknown): string {
    const path = join(this.folder, name)
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content), { mode: 0o755 })
    return path
  }

  /** @param line arguments, split at spaces; more that hold spaces in `more` */
  run(line: string, more: string[] = [], env: Record<string, string> = {}): Promise<Output> {
    return new Promise((resolve) => {
      const args = [...line.split(' '), ...more]
      const child = spawn(this.#binary, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: this.folder,
        timeout: COMMAND_MS,
        env: { PATH: process.env.PATH ?? '', HOME: this.folder, KUBECONFIG: this.#kubeconfig, ...env },
      })
      let out = ''
      let err = ''
      child.stdout.on('data', (chunk) => {
        out += chunk
      })
      child.stderr.on('data', (chunk) => {
        err += chunk
      })
      child.once('error', (error) => resolve({ exit: -1, out, err: error.message }))
      child.once('close', (code) => resolve({ exit: code ?? -1, out, err }))
    })
  }

  /** Runs a command in the script's namespace and notes whether it did what is expected. */
  async expect(
    line: string,
    expected: Expected,
    more: string[] = [],
    env: Record<string, string> = {},
  ): Promise<Output> {
    const output = await this.run(`-n ${this.namespace} ${line}`, more, env)
    const { exit = 0, out = /^/, err = /^/ } = expected
    const ok =
      output.exit === exit &&
      (typeof out === 'string' ? output.out === out : out.test(output.out)) &&
      err.test(output.err)
    const found = `exit ${output.exit}, wanted ${exit}\nstdout ${output.out}\nstderr ${output.err}\nwanted ${out} and ${err}`
    this.#tally.note(ok, this.#suite, `kubectl ${line} ${more.join(' ')}`, found)
    return output
  }

  note(ok: boolean, what: string, found = ''): void {
    this.#tally.note(ok, this.#suite, what, found)
  }
}
