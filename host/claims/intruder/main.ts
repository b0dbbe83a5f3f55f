/**
 * Another process on the machine, of the user it is told to become: tries to get at a process or file of the host, and says how far it
 * came. Takes one order as JSON on stdin, answers with one line of JSON on stdout. It never prints what it read.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { getSystemErrorName } from 'node:util'
import { native, systemCall } from '../../confine/native.ts'
import { numberOf, type SystemCall, thisArchitecture } from '../../confine/syscalls.ts'
import type { Answer, Order, Report, Task } from './tasks.ts'

// linux/ptrace.h
const PTRACE_DETACH = 17
const PTRACE_SEIZE = 0x4206
const EFAULT = 14
const INSPECTOR_PORT = 9229
const LOOK_BYTES = 64
const INSPECTOR_PACE_MS = 100

async function main(): Promise<Report> {
  const order = JSON.parse(readFileSync(0, 'utf8')) as Order
  if (process.getuid?.() === 0 && order.uid !== 0) {
    process.setgroups?.([])
    process.setgid?.(order.gid)
    process.setuid?.(order.uid)
  }
  if (process.getuid?.() !== order.uid) return { impossible: `this user cannot become user ${order.uid}` }
  const answers: Answer[] = []
  for (const task of order.tasks) answers.push(await attempt(task))
  return { answers }
}

async function attempt(task: Task): Promise<Answer> {
  try {
    return await perform(task)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { done: false, saw: code ?? message }
  }
}

async function perform(task: Task): Promise<Answer> {
  switch (task.kind) {
    case 'read': {
      const fd = openSync(task.path, 'r')
      try {
        return { done: true, saw: `${readSync(fd, Buffer.alloc(LOOK_BYTES))} bytes read` }
      } finally {
        closeSync(fd)
      }
    }
    case 'open':
      closeSync(openSync(task.path, 'r'))
      return { done: true, saw: 'opened' }
    case 'write':
      closeSync(openSync(task.path, 'r+'))
      return { done: true, saw: 'opened for writing' }
    case 'list':
      return { done: true, saw: `${readdirSync(task.path).length} entries` }
    case 'connect':
      return connects({ path: task.path })
    case 'read-memory': {
      const local = vector(Buffer.alloc(LOOK_BYTES))
      const remote = Buffer.alloc(16)
      remote.writeBigUInt64LE(0x1000n, 0)
      remote.writeBigUInt64LE(BigInt(LOOK_BYTES), 8)
      const result = call('process_vm_readv', task.pid, local, 1, address(remote), 1, 0)
      // Allowed, and nothing at that address
      return result >= 0 || result === -EFAULT
        ? { done: true, saw: 'the kernel would have copied its memory' }
        : errno('process_vm_readv', result)
    }
    case 'attach': {
      const result = call('ptrace', PTRACE_SEIZE, task.pid, 0, 0)
      if (result < 0) return errno('ptrace', result)
      call('ptrace', PTRACE_DETACH, task.pid, 0, 0)
      return { done: true, saw: 'attached' }
    }
    case 'steal-descriptor': {
      const pidfd = call('pidfd_open', task.pid, 0)
      if (pidfd < 0) return errno('pidfd_open', pidfd)
      const stolen = call('pidfd_getfd', pidfd, task.fd, 0)
      return stolen < 0 ? errno('pidfd_getfd', stolen) : { done: true, saw: `has its descriptor ${task.fd}` }
    }
    case 'inspector': {
      process.kill(task.pid, 'SIGUSR1')
      for (let waited = 0; waited < task.waitMs; waited += INSPECTOR_PACE_MS) {
        await wait(INSPECTOR_PACE_MS)
        if ((await connects({ port: INSPECTOR_PORT, host: '127.0.0.1' })).done)
          return { done: true, saw: `an inspector listens on port ${INSPECTOR_PORT}` }
      }
      return { done: false, saw: `SIGUSR1 was sent, nothing listens on port ${INSPECTOR_PORT}` }
    }
  }
}

function connects(where: { path: string } | { port: number; host: string }): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect(where)
    socket.once('connect', () => {
      resolve({ done: true, saw: 'connected' })
      socket.destroy()
    })
    socket.once('error', (error) =>
      resolve({ done: false, saw: (error as NodeJS.ErrnoException).code ?? error.message }),
    )
  })
}

function call(name: SystemCall, ...args: (number | bigint)[]): number {
  return systemCall(numberOf(name, thisArchitecture() ?? 'x64') as number, ...args)
}

const kept: Uint8Array[] = []
function address(bytes: Uint8Array): bigint {
  kept.push(bytes)
  return (native() as NonNullable<ReturnType<typeof native>>).address(bytes)
}

/** struct iovec of one buffer. */
function vector(bytes: Uint8Array): bigint {
  const pair = Buffer.alloc(16)
  pair.writeBigUInt64LE(address(bytes), 0)
  pair.writeBigUInt64LE(BigInt(bytes.length), 8)
  return address(pair)
}

function errno(name: string, result: number): Answer {
  return { done: false, saw: `${name}: ${getSystemErrorName(result)}` }
}

main().then(
  (report) => process.stdout.write(`${JSON.stringify(report)}\n`),
  (error: Error) => process.stdout.write(`${JSON.stringify({ impossible: error.message })}\n`),
)
