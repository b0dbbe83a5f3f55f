/** The host's log (PROTOCOLS.md 7): opened under the key that the genesis names, with the genesis itself as entry 0, or not at all. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Genesis } from '../control/genesis.ts'
import { rawPublicKey } from '../control/keys.ts'
import { ControlState } from '../control/state.ts'
import { FatalError } from '../errors.ts'
import { Log } from '../log/log.ts'
import { logOrigin } from '../log/proofs/checkpoint.ts'
import { HOST, parseEntry } from '../log/proofs/entry.ts'
import { decodeCanonicalJson, encodeCanonicalJson } from '../wire/canonical-json.ts'

export type HostLog = { log: Log; key: KeyObject; state: ControlState }

/** @param genesisBytes as signed. @throws FatalError ERR_LOG_KEY, ERR_LOG_GENESIS, and what Log throws */
export async function openHostLog(
  nitroFolder: string,
  genesisBytes: Uint8Array,
  { genesis, digest }: { genesis: Genesis; digest: string },
): Promise<HostLog> {
  const key = readLogKey(nitroFolder, genesis)
  const state = new ControlState(genesis)
  const log = new Log({
    folder: join(nitroFolder, 'log'),
    lockFile: join(nitroFolder, 'log.lock'),
    name: logOrigin(digest),
    key,
    now: Date.now,
    onEntry: (index, entry) => state.take(index, entry),
  })
  if (log.size === 0) await log.append({ kind: 'genesis', subject: HOST, genesis: decodeCanonicalJson(genesisBytes) })
  const first = parseEntry(log.entry(0) as Uint8Array)
  if (first.kind !== 'genesis' || !Buffer.from(encodeCanonicalJson(first.genesis)).equals(genesisBytes))
    throw new FatalError('ERR_LOG_GENESIS', `entry 0 of the log in ${nitroFolder} is not this host's genesis`)
  return { log, key, state }
}

function readLogKey(nitroFolder: string, genesis: Genesis): KeyObject {
  const path = join(nitroFolder, 'log.key')
  if (genesis.logKey === null || !existsSync(path))
    throw new FatalError(
      'ERR_LOG_KEY',
      genesis.logKey === null
        ? 'the genesis names no key of a log, as development hosts once did: make a new host in another folder'
        : `${path} is missing`,
    )
  const key = createPrivateKey(readFileSync(path))
  const found = Buffer.from(rawPublicKey(key)).toString('hex')
  if (found !== genesis.logKey)
    throw new FatalError('ERR_LOG_KEY', `${path} is ${found}, the genesis names ${genesis.logKey}`)
  return key
}
