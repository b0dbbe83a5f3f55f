/**
 * Unix sockets that only their owner reaches: mode 0600 in a folder of mode 0700. A socket that somebody left is removed where nobody
 * answers on it; one that is served, or anything that is no socket, is left alone. Abstract sockets have no mode, and are refused.
 */
import { chmodSync, lstatSync, mkdirSync, type Stats, statSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, isAbsolute } from 'node:path'
import { RefusedError, UsageError } from '../errors.ts'

/** sun_path of unix(7), without its NUL. */
const MAX_PATH_BYTES = 107
const OTHERS = 0o077

/** @param endpoint `unix:///PATH`, as kube-apiserver's configuration names it. @returns PATH. @throws UsageError ERR_KMS_PLUGIN_LISTEN */
export function parseListen(endpoint: string): string {
  const path = endpoint.startsWith('unix://') ? endpoint.slice('unix://'.length) : ''
  if (!isAbsolute(path) || path.startsWith('/@') || path.includes('\0'))
    throw new UsageError('ERR_KMS_PLUGIN_LISTEN', `${endpoint}: unix:///PATH is meant; abstract sockets have no owner`)
  const length = Buffer.byteLength(path)
  if (length > MAX_PATH_BYTES)
    throw new UsageError(
      'ERR_KMS_PLUGIN_LISTEN',
      `${path} has ${length} bytes, a socket's path at most ${MAX_PATH_BYTES}`,
    )
  return path
}

/** Makes place for a socket. @throws RefusedError ERR_KMS_PLUGIN_FOLDER, ERR_KMS_PLUGIN_SOCKET */
export async function claimSocket(path: string): Promise<void> {
  const folder = dirname(path)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode, uid } = statSync(folder)
  if ((mode & OTHERS) !== 0 || uid !== process.getuid?.())
    throw new RefusedError(
      'ERR_KMS_PLUGIN_FOLDER',
      `${folder} has mode 0${(mode & 0o777).toString(8)} and is of user ${uid}: 0700 and ${process.getuid?.()} are wanted`,
    )
  const found = statusOf(path)
  if (found === undefined) return
  if (!found.isSocket()) throw new RefusedError('ERR_KMS_PLUGIN_SOCKET', `${path} is there, and no socket`)
  if (await isServed(path)) throw new RefusedError('ERR_KMS_PLUGIN_SOCKET', `${path} is served by another process`)
  unlinkSync(path)
}

/** Runs what binds a socket so that it is never there with a wider mode. */
export async function bindPrivately(path: string, bind: () => Promise<void>): Promise<void> {
  const before = process.umask(0o177)
  try {
    await bind()
  } finally {
    process.umask(before)
  }
  chmodSync(path, 0o600)
}

export function removeSocket(path: string): void {
  if (statusOf(path)?.isSocket()) unlinkSync(path)
}

function statusOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // Refused: nobody listens. Anything else may be somebody, and is left alone.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
