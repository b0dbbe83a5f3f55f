/** hash-wasm: hashes in Wasm, by its kept hashers, which are its fast way. */
import { createHMAC, createSHA256, createSHA384, createSHA512 } from 'hash-wasm'
import type { Answer, Operation, Peer } from '../../host/bench/operation.ts'

const HASHERS = { sha256: createSHA256, sha384: createSHA384, sha512: createSHA512 }

export const hashWasm: Peer = { who: 'hash-wasm', ours: false, prepare }

async function prepare(operation: Operation): Promise<(() => Answer) | undefined> {
  if (operation.kind !== 'digest' && operation.kind !== 'hmac') return undefined
  const { data } = operation
  const hasher = HASHERS[operation.hash]()
  const kept = operation.kind === 'digest' ? await hasher : await createHMAC(hasher, operation.key)
  return () => kept.init().update(data).digest('binary')
}
