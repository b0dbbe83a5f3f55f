/** `wasmclave up --workload kubernetes` on a folder of its own and fixed ports, to be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = join(import.meta.dirname, '../..')
const READY_MS = 120_000

export class KubernetesServer {
  readonly data = mkdtempSync(join(tmpdir(), 'wcc-'))
  readonly kubeconfig = join(this.data, 'customer/kubeconfig')
  #port = 0
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()

  /** @returns when an enclave serves, appraised. The proxy's port stays what it was the first time. */
  async start(): Promise<void> {
    if (this.#port === 0) this.#port = await freePort()
    const args = ['--port', '0', '--proxy-port', String(this.#port), '--workload', 'kubernetes', '--data', this.data]
    const child = spawn('node', ['host/cli/bootstrap.cjs', 'up', '--json', ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    let stderr = ''
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()))
    const timer = setTimeout(() => child.kill('SIGTERM'), READY_MS)
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if ((JSON.parse(line) as { event: string }).event === 'ready') resolve()
      })
      this.#exited.then(() => reject(new Error(`up ended: ${stderr}`)))
    })
    clearTimeout(timer)
  }

  /** Of the command that started the host. */
  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Of the customer's proxy. */
  get proxyPid(): number {
    return below(this.pid).find(isProxy) ?? 0
  }

  /** kill -9 of every process that works on this folder but the customer's proxy, which ends when it has nobody to serve for. */
  async kill(): Promise<void> {
    for (const pid of [this.#child?.pid ?? 0, ...descendants(this.#child?.pid ?? 0)]) signal(pid, 'SIGKILL')
    await this.#exited
    // The port is free again once the proxy has gone.
    for (let i = 0; i < 200 && !(await isFree(this.#port)); i++) await sleep(50)
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM')
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), 20_000)
    await this.#exited
    clearTimeout(timer)
    rmSync(this.data, { recursive: true, force: true })
  }
}

/** All processes below one, the proxy left out. */
function descendants(root: number): number[] {
  return below(root).filter((pid) => !isProxy(pid))
}

function below(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent !== undefined && parent > 1 && (parent === root || isBelow(parent))
  }
  return [...parents.keys()].filter(isBelow)
}

function isProxy(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes('proxy')
  } catch {
    return false
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    if (pid > 0) process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
