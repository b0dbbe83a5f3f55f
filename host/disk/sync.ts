/**
 * fsync and fdatasync. Node refuses both to a process under its permission model, as every process of the host is: there the C library's
 * own are called. A process that has neither cannot promise durability, and must not start to.
 */
import { fdatasyncSync, fsyncSync } from 'node:fs'
import { native } from '../confine/native.ts'

export function syncFile(fd: number): void {
  sync('fsync', fd, fsyncSync)
}

/** Data, and as much of the rest as it takes to read it again. */
export function syncData(fd: number): void {
  sync('fdatasync', fd, fdatasyncSync)
}

function sync(name: 'fsync' | 'fdatasync', fd: number, byNode: (fd: number) => void): void {
  if ((process as unknown as { permission?: object }).permission === undefined) return byNode(fd)
  const libc = native()
  if (libc === undefined) throw Object.assign(new Error(`${name} needs node:ffi here`), { code: 'ENOSYS' })
  if (libc[name](fd) !== 0) throw Object.assign(new Error(`${name} failed, errno ${libc.errno()}`), { code: 'EIO' })
}
