/** What nitro does by `node:ffi`, as it has neither network permission nor native add-ons: dial a unix socket, mark descriptors. */
import { createRequire } from 'node:module'
import { FatalError } from '../../errors.ts'

// linux/socket.h, asm-generic/socket.h; the numbers are the same on x86-64 and arm64
const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_RCVTIMEO = 20
const CLOSE_RANGE_CLOEXEC = 4
const SUN_PATH_BYTES = 108

type Native = {
  socket(domain: number, type: number, protocol: number): number
  connect(fd: number, address: Uint8Array, length: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  close_range(first: number, last: number, flags: number): number
}

let loaded: Native | undefined

function native(): Native {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux')
    throw new FatalError(
      'ERR_HOST_PLATFORM',
      `hosts run on Linux; this is ${process.platform}. Clients and the verifier run everywhere`,
    )
  const ffi = createRequire(import.meta.url)('node:ffi') as {
    dlopen(path: string | null, definitions: object): { functions: Native }
  }
  loaded = ffi.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    connect: { arguments: ['i32', 'pointer', 'u32'], return: 'i32' },
    setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32' },
    close_range: { arguments: ['u32', 'u32', 'i32'], return: 'i32' },
  }).functions
  return loaded
}

/** A blocking descriptor to a unix socket, whose reads time out after `tickMs`. */
export function dialUnix(path: string, tickMs: number): number {
  const bytes = Buffer.from(path)
  if (bytes.length >= SUN_PATH_BYTES)
    throw new FatalError(
      'ERR_HOST_PATH',
      `the path of a socket has at most ${SUN_PATH_BYTES - 1} bytes: ${path}. Choose a shorter --data folder`,
    )
  const { socket, connect, setsockopt } = native()
  const fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new FatalError('ERR_HOST_SOCKET', 'socket() failed')
  const address = Buffer.alloc(2 + SUN_PATH_BYTES)
  address.writeUInt16LE(AF_UNIX, 0)
  bytes.copy(address, 2)
  if (connect(fd, address, address.length) !== 0) throw new FatalError('ERR_HOST_SOCKET', `no parent at ${path}`)
  const timeout = Buffer.alloc(16) // struct timeval of 64-bit words
  timeout.writeBigInt64LE(BigInt(Math.floor(tickMs / 1000)), 0)
  timeout.writeBigInt64LE(BigInt((tickMs % 1000) * 1000), 8)
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length) !== 0)
    throw new FatalError('ERR_HOST_SOCKET', 'setsockopt() failed')
  return fd
}

/** Whatever descriptors nitro was started with: no child gets them. */
export function closeDescriptorsOnExec(): void {
  native().close_range(3, 0xffff_ffff, CLOSE_RANGE_CLOEXEC)
}
