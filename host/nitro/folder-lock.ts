/**
 * One host a folder: an exclusive flock that the kernel gives back when the process ends, however it ends. Two sequencers on one log
 * would each sign a tree of their own.
 */
import { openSync } from 'node:fs'
import { native } from '../confine/native.ts'
import { FatalError } from '../errors.ts'

// asm-generic/fcntl.h, the same on x86-64 and arm64
const LOCK_EX = 2
const LOCK_NB = 4
/** asm-generic/errno-base.h: EAGAIN, which is EWOULDBLOCK */
const EAGAIN = 11

/**
 * Held until this process ends; Node opens files so that no child has them too.
 * @throws FatalError ERR_HOST_LOCKED, ERR_HOST_PLATFORM
 */
export function lockFolder(path: string): void {
  const libc = native()
  if (libc === undefined)
    throw new FatalError(
      'ERR_HOST_PLATFORM',
      `a host locks its folder by flock, which this ${process.platform} has not`,
    )
  const file = openSync(path, 'a', 0o600)
  if (libc.flock(file, LOCK_EX | LOCK_NB) === 0) return
  const errno = libc.errno()
  throw new FatalError(
    'ERR_HOST_LOCKED',
    errno === EAGAIN ? `another host runs on this folder: it holds ${path}` : `flock of ${path} failed, errno ${errno}`,
  )
}
