/**
 * What nitro says of the machinery itself (PCR18): digests of the Node binary and of the two bundles, as they are spawned,
 * the flags, and the isolation layers in force. Nitro hashes the bytes it spawns; what only the child knows is `reported`.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

export type BootDigests = { node: string; nitro: string; enclave: string }

/** SHA-384 of each file, lower-case hex. Reads the Node binary (about 120 MB) once a start. */
export async function measureBinaries(files: { node: string; nitro: string; enclave: string }): Promise<BootDigests> {
  const [node, nitro, enclave] = await Promise.all([
    digestFile(files.node),
    digestFile(files.nitro),
    digestFile(files.enclave),
  ])
  return { node, nitro, enclave }
}

async function digestFile(path: string): Promise<string> {
  const hash = createHash('sha384')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
