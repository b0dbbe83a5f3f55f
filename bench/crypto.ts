/** The crypto suite beside every peer that npm has for it. */
import { nodeCrypto } from '../host/bench/node-crypto.ts'
import type { Peer } from '../host/bench/operation.ts'
import { ours } from '../host/bench/ours.ts'
import type { Core } from '../host/core/index.ts'
import { hashWasm } from './peers/hash-wasm.ts'
import { libsodium } from './peers/libsodium.ts'
import { noble } from './peers/noble.ts'
import { stablelib } from './peers/stablelib.ts'
import { webCrypto } from './peers/webcrypto.ts'

export function allPeers(core: Core): Peer[] {
  return [ours(core), nodeCrypto, webCrypto, noble, libsodium, hashWasm, stablelib]
}
