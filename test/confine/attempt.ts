// A process that locks itself down as an enclave's does, keeps ffi, and tries what it is told: for seccomp.test.ts.
import { writeSync } from 'node:fs'
import { enclaveFilter } from '../../host/confine/filter.ts'
import { becomeUndumpable, filterSystemCalls, limitResources, refuseNewPrivileges } from '../../host/confine/limits.ts'
import { native, systemCall } from '../../host/confine/native.ts'
import { type Architecture, numberOf, type SystemCall, thisArchitecture } from '../../host/confine/syscalls.ts'

const architecture = thisArchitecture() as Architecture
// At once: the next call may be the last
const say = (value: unknown) => writeSync(1, `${JSON.stringify(value)}\n`)
const path = Buffer.from('/etc/hostname\0')
const scratch = Buffer.alloc(256)
const libc = native()
if (libc === undefined) throw new Error('no ffi')
const at = (bytes: Uint8Array) => libc.address(bytes)
const call = (name: SystemCall, ...args: (number | bigint)[]) =>
  systemCall(numberOf(name, architecture) as number, ...args)

const ATTEMPTS: Record<string, () => number> = {
  openat: () => call('openat', -100, at(path), 0, 0),
  socket: () => call('socket', 2, 1, 0),
  connect: () => call('connect', 99, at(scratch), 16),
  // CLONE_THREAD without CLONE_SIGHAND: invalid, where it is not refused before
  'a new thread': () => call('clone', 0x10000, 0, 0, 0, 0),
  clone3: () => call('clone3', at(scratch), 0),
  'prctl PR_SET_DUMPABLE': () => call('prctl', 4, 1),
  'prctl PR_GET_DUMPABLE': () => call('prctl', 3),
  'tgkill to itself': () => call('tgkill', process.pid, process.pid, 0),
  'tgkill to another': () => call('tgkill', process.ppid, process.ppid, 0),
  execve: () => call('execve', at(path), 0, 0),
  // A request that does not exist, should it be let through: no test stops its own runner
  ptrace: () => call('ptrace', 9999, process.ppid, 0, 0),
  process_vm_readv: () => call('process_vm_readv', process.ppid, 0, 0, 0, 0),
  io_uring_setup: () => call('io_uring_setup', 1, at(scratch)),
  bpf: () => call('bpf', 0, 0, 0),
  perf_event_open: () => call('perf_event_open', at(scratch), 0, -1, -1, 0),
  pidfd_open: () => call('pidfd_open', process.ppid, 0),
  userfaultfd: () => call('userfaultfd', 0),
  unshare: () => call('unshare', 0),
  mount: () => call('mount', 0, 0, 0, 0, 0),
  setns: () => call('setns', 99, 0),
  keyctl: () => call('keyctl', 0, 0, 0, 0, 0),
}

/** What a tenant needs of the engine, under the filter. */
async function work(): Promise<string[]> {
  const done: string[] = []
  let sum = 0
  for (let i = 0; i < 5_000_000; i++) sum += i % 7
  if (sum > 0) done.push('compiled code')
  for (let i = 0; i < 200; i++) new Uint8Array(1_000_000).fill(i)
  done.push('collection')
  await WebAssembly.compile(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
  done.push('asynchronous compilation')
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 100 })
  if (memory.grow(50) === 1) done.push('growth')
  const deep = (): number => 1 + deep()
  try {
    deep()
  } catch {
    done.push('stack overflow')
  }
  await new Promise((resolve) => setTimeout(resolve, 5))
  done.push('timer')
  return done
}

const [, , what = '', locked = 'locked'] = process.argv
if (locked === 'locked') {
  const start = performance.now()
  const layers = {
    rlimits: limitResources(),
    undumpable: becomeUndumpable(),
    noNewPrivileges: refuseNewPrivileges(),
    seccomp: filterSystemCalls(enclaveFilter(architecture, process.pid)),
  }
  say({ layers, tookMs: performance.now() - start })
}
if (what === 'work') say({ done: await work() })
else if (what === 'wait') {
  say({ waits: process.pid })
  setInterval(() => {}, 1000)
} else say({ result: (ATTEMPTS[what] as () => number)() })
