/**
 * Landlock (linux/landlock.h): this process and its children reach the files beneath the named folders and no others, whoever's they
 * are. Files and descriptors that are open already stay so. Absent before Linux 5.13 and where the kernel was started without it.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { native, systemCall } from './native.ts'
import { numberOf, type SystemCall, thisArchitecture } from './syscalls.ts'

const CREATE_RULESET_VERSION = 1
const RULE_PATH_BENEATH = 1

// LANDLOCK_ACCESS_FS_*
const EXECUTE = 1 << 0
const READ_FILE = 1 << 2
const READ_DIR = 1 << 3
/** The first version knows bits 0 to 12; REFER came with 2, TRUNCATE with 3, IOCTL_DEV with 5. */
const BITS_BY_VERSION = [0, 13, 14, 15, 15, 16]
const READ = EXECUTE | READ_FILE | READ_DIR
/** O_PATH, asm-generic/fcntl.h: node:fs has no name for it. */
const O_PATH = 0o10000000

export type Folders = { read: string[]; write: string[] }

/** Version of the kernel's Landlock; 0 where it has none. */
export function landlockVersion(): number {
  if (native() === undefined) return 0
  return Math.max(0, call('landlock_create_ruleset', 0, 0, CREATE_RULESET_VERSION))
}

/** @returns whether it took hold */
export function restrictFiles({ read, write }: Folders): boolean {
  const libc = native()
  const version = landlockVersion()
  if (libc === undefined || version === 0) return false
  const handled = 2 ** (BITS_BY_VERSION[Math.min(version, BITS_BY_VERSION.length - 1)] as number) - 1
  const attributes = Buffer.alloc(8)
  attributes.writeBigUInt64LE(BigInt(handled))
  const ruleset = call('landlock_create_ruleset', libc.address(attributes), attributes.length, 0)
  if (ruleset < 0) return false
  try {
    const allowed =
      read.every((path) => allowBeneath(ruleset, path, READ)) &&
      write.every((path) => allowBeneath(ruleset, path, handled))
    return allowed && call('landlock_restrict_self', ruleset, 0) === 0
  } finally {
    closeSync(ruleset)
  }
}

// struct landlock_path_beneath_attr, packed: u64 access, s32 descriptor
function allowBeneath(ruleset: number, path: string, access: number): boolean {
  const libc = native()
  const fd = openSync(path, O_PATH | constants.O_DIRECTORY)
  try {
    const rule = Buffer.alloc(12)
    rule.writeBigUInt64LE(BigInt(access), 0)
    rule.writeInt32LE(fd, 8)
    return libc !== undefined && call('landlock_add_rule', ruleset, RULE_PATH_BENEATH, libc.address(rule), 0) === 0
  } finally {
    closeSync(fd)
  }
}

function call(name: SystemCall, ...args: (number | bigint)[]): number {
  const architecture = thisArchitecture()
  const number = architecture === undefined ? null : numberOf(name, architecture)
  return number === null ? -1 : systemCall(number, ...args)
}
