/** What a process gives up for good: resource limits, being dumped or debugged by its own user, new privileges, system calls. */
import { native, systemCall } from './native.ts'
import { numberOf, thisArchitecture } from './syscalls.ts'

// asm-generic/resource.h, the same on x86-64 and arm64
const RLIMIT_FSIZE = 1
const RLIMIT_DATA = 2
const RLIMIT_CORE = 4
const RLIMIT_NPROC = 6
const RLIMIT_NOFILE = 7

// linux/prctl.h
const PR_SET_PDEATHSIG = 1
const PR_GET_DUMPABLE = 3
const PR_SET_DUMPABLE = 4
const PR_SET_NO_NEW_PRIVS = 38
const PR_GET_NO_NEW_PRIVS = 39
const SIGKILL = 9n

// linux/seccomp.h
const SECCOMP_SET_MODE_FILTER = 1
const SECCOMP_FILTER_FLAG_TSYNC = 1

/** Descriptors that an enclave's process may have: fewer than it has already, so that it opens none. */
const MAX_DESCRIPTORS = 3

/** No core file, no file written, no process, no new descriptor. @returns whether all took hold */
export function limitResources(): boolean {
  return (
    limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, MAX_DESCRIPTORS)
  )
}

/** Private writable memory of another process of ours, from now on. @returns whether it took hold */
export function limitDataOf(pid: number, bytes: number): boolean {
  return native()?.prlimit(pid, RLIMIT_DATA, limitPair(bytes), 0n) === 0
}

/** Not dumped, and /proc/PID is root's: no debugger of the same user attaches. @returns whether it took hold */
export function becomeUndumpable(): boolean {
  const libc = native()
  if (libc === undefined || libc.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n) !== 0) return false
  return libc.prctl(PR_GET_DUMPABLE, 0n, 0n, 0n, 0n) === 0
}

/** No program started from here has more rights than this one. @returns whether it took hold */
export function refuseNewPrivileges(): boolean {
  const libc = native()
  if (libc === undefined || libc.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n) !== 0) return false
  return libc.prctl(PR_GET_NO_NEW_PRIVS, 0n, 0n, 0n, 0n) === 1
}

/** The kernel kills this process with the one that started it. @returns whether it took hold */
export function dieWith(parentPid: number): boolean {
  if (native()?.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n) !== 0) return false
  // It may have died before
  if (process.ppid !== parentPid) process.exit(1)
  return true
}

/** Puts a filter on all threads. Wants `refuseNewPrivileges` first. @returns whether it took hold */
export function filterSystemCalls(filter: Uint8Array): boolean {
  const libc = native()
  const architecture = thisArchitecture()
  if (libc === undefined || architecture === undefined) return false
  // struct sock_fprog: u16 length, padding, pointer
  const program = Buffer.alloc(16)
  program.writeUInt16LE(filter.length / 8, 0)
  program.writeBigUInt64LE(libc.address(filter), 8)
  const seccomp = numberOf('seccomp', architecture) as number
  return systemCall(seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, libc.address(program)) === 0
}

function limit(resource: number, value: number): boolean {
  return native()?.setrlimit(resource, limitPair(value)) === 0
}

// struct rlimit: soft and hard
function limitPair(value: number): Uint8Array {
  const pair = Buffer.alloc(16)
  pair.writeBigUInt64LE(BigInt(value), 0)
  pair.writeBigUInt64LE(BigInt(value), 8)
  return pair
}
