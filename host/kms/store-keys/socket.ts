/**
 * Where parents reach the store keys: a unix socket in the parent's folder, beside the enclaves' own. It is the one path outside of DIR/kms
 * that the KMS may touch, and the parent dials it, again when it must. Who dials gains nothing by it: a message counts by its evidence or
 * its MAC, and a parent that puts another socket in its place cuts off its own enclaves.
 */
import { unlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { serveStoreKeys } from './connection.ts'

/** The host's parent, its successor while it still closes, and a few parents of other hosts. */
const MAX_CONNECTIONS = 16

/** @param handle `StoreKeys.handle` */
export async function listenForStoreKeys(
  path: string,
  handle: (message: Uint8Array) => Promise<Uint8Array>,
  onFault: (error: unknown) => void,
): Promise<void> {
  try {
    // Left behind by a host that was killed. A link is removed, and never followed.
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const server = createServer({ allowHalfOpen: true }, (socket) => serveStoreKeys(socket, handle, onFault))
  server.maxConnections = MAX_CONNECTIONS
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // The folder is the parent's, mode 0700: no mode of the socket's own is needed.
    server.listen(path, resolve)
  })
}
