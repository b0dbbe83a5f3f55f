/**
 * Seccomp filters as classic BPF (linux/filter.h, linux/seccomp.h). What an enclave's process may ask of the kernel is a list: memory, its
 * two descriptors, time, signals to itself, its end. What only an attacker would ask kills it; all else is refused with EPERM.
 */
import { type Architecture, numberOf, type SystemCall } from './syscalls.ts'

// linux/bpf_common.h
const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER_OR_EQUAL = 0x35
const RETURN = 0x06

// Offsets in struct seccomp_data; arguments are little-endian 64-bit words, of which these calls read the low half
const NUMBER_AT = 0
const ARCHITECTURE_AT = 4
const FIRST_ARGUMENT_AT = 16

const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const ERRNO = 0x00050000
const EPERM = 1
const ENOSYS = 38

/** linux/audit.h */
const AUDIT_ARCHITECTURE: Record<Architecture, number> = { x64: 0xc000003e, arm64: 0xc00000b7 }
/** Calls of the x32 ABI have this bit, asm/unistd.h. */
const X32_BIT = 0x40000000

// linux/prctl.h
const PR_GET_DUMPABLE = 3
const PR_SET_NAME = 15
const PR_SET_VMA = 0x53564d41

/** The most frequent come first: a filter is walked from its beginning. */
const ALLOWED: readonly SystemCall[] = [
  'read',
  'write',
  'futex',
  'madvise',
  'mprotect',
  'mmap',
  'munmap',
  'clock_gettime',
  'epoll_pwait',
  'epoll_wait',
  'epoll_ctl',
  'close',
  'fstat',
  'fcntl',
  'ioctl',
  'brk',
  'mremap',
  'pkey_mprotect',
  'rt_sigaction',
  'rt_sigprocmask',
  'rt_sigreturn',
  'sigaltstack',
  'restart_syscall',
  'sched_yield',
  'sched_getaffinity',
  'sched_getparam',
  'sched_getscheduler',
  'nanosleep',
  'clock_nanosleep',
  'clock_getres',
  'gettimeofday',
  'getpid',
  'gettid',
  'getrandom',
  'getrusage',
  'sysinfo',
  'membarrier',
  'exit',
  'exit_group',
]

/** Nothing in an enclave's process asks for these, and whoever does is not answered. */
const FATAL: readonly SystemCall[] = [
  'execve',
  'execveat',
  'ptrace',
  'process_vm_readv',
  'process_vm_writev',
  'io_uring_setup',
  'io_uring_enter',
  'io_uring_register',
  'bpf',
  'perf_event_open',
  'pidfd_open',
  'pidfd_getfd',
  'pidfd_send_signal',
  'userfaultfd',
  'kexec_load',
  'init_module',
  'finit_module',
  'mount',
  'unshare',
  'setns',
  'add_key',
  'request_key',
  'keyctl',
]

type Instruction = [code: number, jumpTrue: number, jumpFalse: number, value: number]

/** For the process of an enclave, `pid` being its own: it may signal no other. */
export function enclaveFilter(architecture: Architecture, pid: number): Uint8Array {
  const prctl = numberOf('prctl', architecture) as number
  const tgkill = numberOf('tgkill', architecture) as number
  return encode([
    ...ofArchitecture(architecture),
    ...ALLOWED.flatMap((name) => when(architecture, name, ALLOW)),
    [JUMP_EQUAL, 0, 8, prctl],
    [LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT],
    ...equal(PR_GET_DUMPABLE, ALLOW),
    ...equal(PR_SET_NAME, ALLOW),
    ...equal(PR_SET_VMA, ALLOW),
    [RETURN, 0, 0, ERRNO | EPERM],
    [JUMP_EQUAL, 0, 4, tgkill],
    [LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT],
    ...equal(pid, ALLOW),
    [RETURN, 0, 0, KILL_PROCESS],
    ...FATAL.flatMap((name) => when(architecture, name, KILL_PROCESS)),
    [RETURN, 0, 0, ERRNO | EPERM],
  ])
}

/** For host processes and all they start: no io_uring, past which seccomp sees nothing. libuv falls back to epoll. */
export function noIoUringFilter(architecture: Architecture): Uint8Array {
  return encode([
    ...ofArchitecture(architecture),
    ...when(architecture, 'io_uring_setup', ERRNO | ENOSYS),
    [RETURN, 0, 0, ALLOW],
  ])
}

// Leaves the call's number loaded; calls of another architecture's table kill.
function ofArchitecture(architecture: Architecture): Instruction[] {
  return [
    [LOAD_WORD, 0, 0, ARCHITECTURE_AT],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURE[architecture]],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD_WORD, 0, 0, NUMBER_AT],
    ...(architecture === 'x64'
      ? ([
          [JUMP_GREATER_OR_EQUAL, 0, 1, X32_BIT],
          [RETURN, 0, 0, KILL_PROCESS],
        ] as Instruction[])
      : []),
  ]
}

function when(architecture: Architecture, name: SystemCall, action: number): Instruction[] {
  const number = numberOf(name, architecture)
  return number === null ? [] : equal(number, action)
}

function equal(value: number, action: number): Instruction[] {
  return [
    [JUMP_EQUAL, 0, 1, value],
    [RETURN, 0, 0, action],
  ]
}

// struct sock_filter: u16 code, u8 jt, u8 jf, u32 k
function encode(instructions: Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(8 * instructions.length)
  for (const [index, [code, jumpTrue, jumpFalse, value]] of instructions.entries()) {
    bytes.writeUInt16LE(code, 8 * index)
    bytes.writeUInt8(jumpTrue, 8 * index + 2)
    bytes.writeUInt8(jumpFalse, 8 * index + 3)
    bytes.writeUInt32LE(value >>> 0, 8 * index + 4)
  }
  return new Uint8Array(bytes)
}
