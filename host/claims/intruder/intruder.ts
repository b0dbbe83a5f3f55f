/** Sends an intruder out, and a victim that nothing protects, on which the same deeds succeed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Finding, impossible, refused, through } from '../attempt.ts'
import type { Order, Report, Task } from './tasks.ts'

const TIME_MS = 60_000
/** A user with no rights but everybody's; Linux's overflow uid. */
const NOBODY = 65_534

const source = import.meta.url.endsWith('.ts')
const program = fileURLToPath(new URL(source ? './main.ts' : './main.js', import.meta.url))

/** The strongest user that is not root: the process's own, or, where that is root, nobody. */
export function intruderOf(uid: number): number {
  return uid === 0 ? NOBODY : uid
}

export async function intrude(uid: number, task: Task): Promise<Finding> {
  return (await intrudeAll(uid, [task]))[0] as Finding
}

/** One intruder, one task after the other. */
export async function intrudeAll(uid: number, tasks: Task[]): Promise<Finding[]> {
  const report = await send({ uid, gid: uid, tasks })
  return tasks.map((_, index) => {
    if ('impossible' in report) return impossible(report.impossible)
    const answer = report.answers[index]
    if (answer === undefined) return impossible('no answer')
    return answer.done ? through(answer.saw) : refused(answer.saw)
  })
}

function send(order: Order): Promise<Report> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', program], { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
    const timer = setTimeout(() => child.kill('SIGKILL'), TIME_MS)
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    child.once('close', () => {
      clearTimeout(timer)
      try {
        resolve(JSON.parse(said) as Report)
      } catch {
        resolve({ impossible: 'the intruder ended without an answer' })
      }
    })
    child.stdin.on('error', () => {})
    child.stdin.end(JSON.stringify(order))
  })
}

/** A process of the same user that is not locked: what an intruder can do to it, a locked one must refuse. */
export class Victim {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(uid: number): Promise<Victim> {
    const asRoot = process.getuid?.() === 0
    // As root it becomes the user by itself, as the program may lie where that user cannot read. A change of user makes a process
    // undumpable, until it executes a program or says otherwise: it says so.
    const become = asRoot
      ? `process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
         const ffi = process.getBuiltinModule('node:ffi');
         ffi.dlopen(null, { prctl: { arguments: ['i32', 'u64', 'u64', 'u64', 'u64'], return: 'i32' } }).functions.prctl(4, 1n, 0n, 0n, 0n);`
      : ''
    const child = spawn(
      process.execPath,
      ['--no-warnings', '-e', `${become} console.log('ready'); setInterval(() => {}, 1000)`],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { VICTIM: 'unlocked' },
      },
    )
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once('data', () => resolve())
      child.once('exit', (code) => reject(new Error(`the victim ended with ${code}`)))
    })
    return new Victim(child)
  }

  get pid(): number {
    return this.#child.pid as number
  }

  stop(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The deeds on a victim: what twins run. */
export async function onVictim(uid: number, tasks: (pid: number) => Task[]): Promise<Finding[]> {
  const victim = await Victim.start(uid)
  try {
    return await intrudeAll(uid, tasks(victim.pid))
  } finally {
    victim.stop()
  }
}

/** A socket that everybody may open. */
export async function onOpenSocket(uid: number): Promise<Finding> {
  const folder = mkdtempSync(join(tmpdir(), 'wc-'))
  const path = join(folder, 'open.sock')
  const server = createServer((socket) => socket.destroy())
  try {
    await new Promise<void>((resolve) => server.listen({ path, writableAll: true, readableAll: true }, resolve))
    const { chmodSync } = await import('node:fs')
    chmodSync(folder, 0o755)
    return await intrude(uid, { kind: 'connect', path })
  } finally {
    server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
