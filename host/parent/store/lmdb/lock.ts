/**
 * One process opens a store folder: flock(2), which the kernel gives back when the process dies, however it dies. LMDB itself would let
 * two in, safely; but two parents answer for one store. LIMIT: without node:ffi (macOS) nobody is kept out.
 */
import { closeSync, openSync } from 'node:fs'
import { native, systemCall } from '../../../confine/native.ts'
import { numberOf, thisArchitecture } from '../../../confine/syscalls.ts'
import { UnavailableError } from '../../../errors.ts'

// asm-generic/fcntl.h
const LOCK_EX = 2
const LOCK_NB = 4

/** @returns how to give it back. @throws UnavailableError ERR_STORE_LOCKED */
export function lockFile(path: string): () => void {
  const file = openSync(path, 'a', 0o600)
  const architecture = thisArchitecture()
  if (native() !== undefined && architecture !== undefined) {
    const flock = numberOf('flock', architecture) as number
    if (systemCall(flock, file, LOCK_EX | LOCK_NB) !== 0) {
      closeSync(file)
      throw new UnavailableError('ERR_STORE_LOCKED', `another process has the store open: it holds ${path}`)
    }
  }
  return () => closeSync(file)
}
