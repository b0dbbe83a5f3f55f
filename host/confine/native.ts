/**
 * System calls by `node:ffi`, for what a process gives up on Linux. Undefined elsewhere, and where the process may not use ffi: then the
 * layer is absent, and whoever asks says so. After `permission.drop('ffi')` nothing here works any more, which is the point.
 */
import { createRequire } from 'node:module'

type Functions = {
  prctl(option: number, a: bigint, b: bigint, c: bigint, d: bigint): number
  setrlimit(resource: number, limit: Uint8Array): number
  prlimit(pid: number, resource: number, limit: Uint8Array, old: bigint): number
  syscall(number: bigint, a: bigint, b: bigint, c: bigint, d: bigint, e: bigint, f: bigint): bigint
  fsync(fd: number): number
  fdatasync(fd: number): number
  flock(fd: number, operation: number): number
  __errno_location(): bigint
}
export type Native = Functions & {
  /** Of the last call that failed. */
  errno(): number
  /** Address of a buffer, for structures that hold pointers. Keep the buffer alive. */
  address(bytes: Uint8Array): bigint
}

const INT = 'i32'
const DEFINITIONS = {
  prctl: { arguments: [INT, 'u64', 'u64', 'u64', 'u64'], return: INT },
  setrlimit: { arguments: [INT, 'pointer'], return: INT },
  prlimit: { arguments: [INT, INT, 'pointer', 'u64'], return: INT },
  syscall: { arguments: ['u64', 'u64', 'u64', 'u64', 'u64', 'u64', 'u64'], return: 'i64' },
  fsync: { arguments: [INT], return: INT },
  fdatasync: { arguments: [INT], return: INT },
  flock: { arguments: [INT, INT], return: INT },
  __errno_location: { arguments: [], return: 'u64' },
}

let loaded: Native | undefined

export function native(): Native | undefined {
  if (loaded !== undefined || process.platform !== 'linux') return loaded
  try {
    const ffi = createRequire('file:///')('node:ffi') as {
      dlopen(path: string | null, definitions: object): { functions: Functions }
      getInt32(pointer: bigint): number
      getRawPointer(bytes: Uint8Array): bigint
    }
    const { functions } = ffi.dlopen(null, DEFINITIONS)
    loaded = {
      ...functions,
      errno: () => ffi.getInt32(functions.__errno_location()),
      address: (bytes) => ffi.getRawPointer(bytes),
    }
  } catch {
    loaded = undefined
  }
  return loaded
}

/** A system call by its number. @returns what it returned; negative errno where it failed */
export function systemCall(number: number, ...args: (number | bigint)[]): number {
  const libc = native()
  if (libc === undefined) throw new Error('no system calls here')
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = args.map((arg) => BigInt.asUintN(64, BigInt(arg)))
  const result = Number(libc.syscall(BigInt(number), a, b, c, d, e, f))
  return result === -1 ? -libc.errno() : result
}
