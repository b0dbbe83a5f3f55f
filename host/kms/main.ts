/**
 * The KMS process: its own folder, loopback, and nothing else. Started by nitro, which holds its stdin open and so ends it by ending; takes
 * its settings as one line of JSON there, tells events as lines of JSON on stdout. Nothing of it passes the parent.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { FatalError, WasmclaveError } from '../errors.ts'
import { ACCOUNT } from './account.ts'
import { AuditTrail } from './audit/trail.ts'
import { confine } from './confine.ts'
import { parseCredentials } from './http/credentials.ts'
import { KmsServer } from './http/server.ts'
import { KeyStore } from './keys/key-store.ts'
import { RootKey } from './keys/root-key.ts'
import { Kms } from './kms.ts'
import { listenForStoreKeys, StoreKeys, storeKeysPlace } from './store-keys/index.ts'

export type KmsSettings = {
  /** DIR/kms, mode 0700. */
  folder: string
  address: string
  port: number
  region: string
  /** SHA-256 of each attestation root that is trusted, hex: those of the admin policy, the host's own among them. */
  roots: string[]
  /** Seconds, or null for as long as a document's leaf is valid. */
  maxDocumentAge: number | null
  /** Milliseconds by which the KMS's clock is ahead of the host's; a frozen one stands still at its time. */
  clock: { aheadMs: number } | { frozenMs: number }
  /** Keys of enclaves' stores, where genesis names this KMS for them: its key, genesis' digest, and the socket in the parent's folder. */
  stores: { key: string; genesisDigest: string; socket: string } | null
}

const TICK_MS = 60_000

const tell = (event: Record<string, unknown>) => process.stdout.write(`${JSON.stringify(event)}\n`)

function fail(error: unknown): never {
  const known = error instanceof WasmclaveError
  tell({
    event: 'failed',
    code: known ? error.code : 'ERR_KMS_INTERNAL',
    message: known ? error.message : String((error as Error)?.stack ?? error),
  })
  process.exit(1)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

const lines = createInterface({ input: process.stdin })
// Nitro holds stdin open: its end is ours, also when it was killed.
lines.on('close', () => process.exit(0))
lines.once('line', (line) => {
  start(JSON.parse(line) as KmsSettings).catch(fail)
})

async function start(settings: KmsSettings): Promise<void> {
  // Before the rest: it is the one path outside of the folder, and from here on there is none. Whoever dials waits for the keys.
  const stores = Promise.withResolvers<StoreKeys>()
  if (settings.stores !== null)
    await listenForStoreKeys(settings.stores.socket, async (message) => (await stores.promise).handle(message), fail)
  const layers = confine(settings.folder)
  const credentialsFile = join(settings.folder, 'credentials')
  if (!existsSync(credentialsFile))
    throw new FatalError(
      'ERR_KMS_CREDENTIALS',
      `${credentialsFile} is missing: "wasmclave up" makes a development host, with its credentials`,
    )
  const credentials = parseCredentials(readFileSync(credentialsFile, 'utf8'), ACCOUNT)
  const { clock } = settings
  const now = () => ('frozenMs' in clock ? clock.frozenMs : Date.now() + clock.aheadMs)
  const kms = new Kms({
    place: { account: ACCOUNT, region: settings.region },
    store: new KeyStore(settings.folder, ACCOUNT),
    trail: new AuditTrail(settings.folder),
    recipients: {
      roots: settings.roots,
      maxDocumentAge: settings.maxDocumentAge,
    },
    now,
    onFailure: (error) =>
      tell({ event: 'error', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  })
  const tick = () => void kms.tick().catch(fail)
  tick()
  setInterval(tick, TICK_MS)
  if (settings.stores !== null) stores.resolve(await openStores(settings, settings.stores, now))
  const port = await new KmsServer(kms, credentials).listen(settings.address, settings.port)
  tell({ event: 'listening', port, layers })
}

/** @throws FatalError ERR_KMS_IDENTITY, ERR_KMS_FILE */
async function openStores(
  settings: KmsSettings,
  { key, genesisDigest }: NonNullable<KmsSettings['stores']>,
  now: () => number,
): Promise<StoreKeys> {
  // The key store has been opened: the root key is there.
  const { folder, rootKey } = storeKeysPlace(settings.folder, RootKey.open(join(settings.folder, 'root.key'), false))
  const { clock } = settings
  const keys = await StoreKeys.open(folder, {
    rootKey,
    attestationRoots: settings.roots,
    genesisDigest,
    now,
    clockIsShifted: 'frozenMs' in clock || clock.aheadMs !== 0,
    onFatal: fail,
  })
  if (keys.publicKey !== key)
    throw new FatalError('ERR_KMS_IDENTITY', `the key in ${folder} is ${keys.publicKey}, genesis names ${key}`)
  return keys
}
