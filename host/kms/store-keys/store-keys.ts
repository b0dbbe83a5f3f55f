/**
 * The keys that seal enclaves' stores, and the stores' register (PROTOCOLS 5, assembly/abi/STORE.md). A class of keys of its own: no ARN, no
 * alias, no policy; governed by the owner's grant alone, used by this exchange alone. One sealed file a store.
 */
import { type KeyObject, randomBytes, sign } from 'node:crypto'
import { mkdir, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import {
  REFUSED_LIMIT,
  REFUSED_SYNTAX,
  REFUSED_UNAVAILABLE,
  REGISTER_REWRAP_DUE,
  RELEASE_RANDOM_BYTES,
  STORE_MESSAGE_MAX,
  STORE_REGISTER,
  STORE_RELEASE,
} from '../../../assembly/abi/store.ts'
import { FatalError, UnavailableError, WasmclaveError } from '../../errors.ts'
import { encodeCbor } from '../../wire/cbor.ts'
import { admitRelease } from './admit.ts'
import { type Disk, disk, FRESH, openFile, replaceFile, sealFile } from './disk.ts'
import { setupBaseS } from './hpke.ts'
import { IDENTITY, identityOf, newIdentity, publicHex } from './identity.ts'
import { encodeRegistered, encodeReleased, lengthPrefixed, parseRegister, parseRelease, sha384 } from './messages.ts'
import { decodeRecord, encodeRecord, type StoreRecord } from './record.ts'
import { encodeRefusal, refusingAs, StoreRefusal } from './refusal.ts'
import { applyRegister, authenticate } from './register.ts'
import { type ReleasePolicy, type VerifiedRelease, verifyRelease } from './release.ts'
import { createSlots, readSlots, writeSlot } from './slots.ts'

const RELEASE_LABEL = Buffer.from('wasmclave/release\0', 'latin1')
const REGISTER_LABEL = Buffer.from('wasmclave/register\0', 'latin1')
const STORE_FILE = /^([0-9a-f]{64})\.store$/
const MAX_STORES = 10_000
/** Documents being verified at once: each costs a handful of P-384 verifications. */
const MAX_RELEASING = 64
const DEFAULT_MAX_AGE_SECONDS = 300

export type StoreKeysOptions = Omit<ReleasePolicy, 'kmsKey' | 'maxDocumentAgeSeconds'> & {
  /** 32 bytes; what wraps every file here. The caller keeps it. */
  rootKey: Uint8Array
  maxDocumentAgeSeconds?: number
  now?: () => number
  /** The clock of documents is shifted, as a development host's may be: their order says nothing, and is neither judged nor kept. */
  clockIsShifted?: boolean
  /** Told once, when a write left the disk in a state that is not known: nothing is answered from then on, and a new start reads it. */
  onFatal?: (error: FatalError) => void
  disk?: Disk
}

/** What may be shown of a store. */
export type StoreSummary = {
  storeId: string
  generation: number
  grantVersion: number
  securityVersion: number
  kekVersion: number
  held: boolean
}

export class StoreKeys {
  readonly #folder: string
  readonly #options: StoreKeysOptions
  readonly #disk: Disk
  readonly #now: () => number
  readonly #key: KeyObject
  readonly #policy: ReleasePolicy
  readonly #known: Set<string>
  readonly #records = new Map<string, StoreRecord>()
  /** Of the record that is on disk. */
  readonly #sequences = new Map<string, bigint>()
  /** The last piece of work on each store: the next one waits for it. */
  readonly #queues = new Map<string, Promise<unknown>>()
  #releasing = 0
  #broken = false

  private constructor(folder: string, options: StoreKeysOptions, key: KeyObject, known: Set<string>) {
    this.#folder = folder
    this.#options = options
    this.#disk = options.disk ?? disk
    this.#now = options.now ?? Date.now
    this.#key = key
    this.#known = known
    this.#policy = {
      attestationRoots: options.attestationRoots,
      genesisDigest: options.genesisDigest,
      kmsKey: publicHex(key),
      maxDocumentAgeSeconds: options.maxDocumentAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS,
    }
  }

  /**
   * @param folder of this class alone, made with mode 0700
   * @throws FatalError ERR_KMS_FILE, ERR_KMS_IDENTITY
   */
  static async open(folder: string, options: StoreKeysOptions): Promise<StoreKeys> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const names = await readdir(folder)
    // What a crash left half written: it was never in its place.
    for (const name of names.filter((each) => each.endsWith(FRESH))) await unlink(join(folder, name))
    const known = new Set(names.flatMap((name) => STORE_FILE.exec(name)?.[1] ?? []))
    const path = join(folder, IDENTITY)
    if (names.includes(IDENTITY))
      return new StoreKeys(folder, options, identityOf(await openFile(options.rootKey, path)), known)
    // A new key under old stores: no owner's grant would name it.
    if (known.size > 0)
      throw new FatalError(
        'ERR_KMS_IDENTITY',
        `${path} is missing, and there are ${known.size} stores whose grants name it`,
      )
    const { key, der } = newIdentity()
    await replaceFile(options.disk ?? disk, path, sealFile(options.rootKey, path, der))
    return new StoreKeys(folder, options, key, known)
  }

  /** Ed25519 key that grants name as `kmsKey`, hex. */
  get publicKey(): string {
    return this.#policy.kmsKey
  }

  /** Answers one message of a kernel; hostile ones too. Rejects for a fault of this program alone. */
  async handle(message: Uint8Array): Promise<Uint8Array> {
    try {
      if (this.#broken) throw new UnavailableError('ERR_KMS_DISK', 'this KMS must be started anew')
      if (message.length > STORE_MESSAGE_MAX)
        throw new StoreRefusal(REFUSED_SYNTAX, 'ERR_RELEASE_SYNTAX', `${message.length} bytes in one message`)
      if (message[0] === STORE_RELEASE) return await this.#release(message)
      if (message[0] === STORE_REGISTER) return await this.#register(message)
      throw new StoreRefusal(REFUSED_SYNTAX, 'ERR_RELEASE_SYNTAX', `no message of type ${message[0] ?? '(empty)'}`)
    } catch (error) {
      if (!(error instanceof WasmclaveError)) throw error
      const refusal = error instanceof StoreRefusal ? error.refusal : REFUSED_UNAVAILABLE
      return encodeRefusal(refusal, error.code, error.message)
    }
  }

  /** Asks holders to have their keys wrapped anew: one store's, or all. @throws UnavailableError, FatalError */
  async requestRewrap(storeId?: string): Promise<void> {
    for (const id of storeId === undefined ? this.#known : [storeId].filter((each) => this.#known.has(each)))
      await this.#exclusively(id, async () => {
        const record = (await this.#load(id)) as StoreRecord
        if (!record.rewrapDue) await this.#save({ ...record, rewrapDue: true })
      })
  }

  /** What there is, without any key. */
  async describe(): Promise<StoreSummary[]> {
    const found: StoreSummary[] = []
    for (const id of [...this.#known].sort()) {
      // In its turn: what was read before a write must not come back after it.
      const record = (await this.#exclusively(id, () => this.#load(id))) as StoreRecord
      const { storeId, register, grantVersion, securityVersion, kek, holder } = record
      const generation = Number(register.generation)
      found.push({
        storeId,
        generation,
        grantVersion,
        securityVersion,
        kekVersion: kek.version,
        held: holder !== undefined,
      })
    }
    return found
  }

  async #release(message: Uint8Array): Promise<Uint8Array> {
    if (this.#releasing >= MAX_RELEASING) throw new UnavailableError('ERR_KMS_BUSY', 'too many releases at once')
    this.#releasing++
    try {
      const request = await parseRelease(message)
      const release = await verifyRelease(request, this.#policy, this.#now())
      const { transcript } = request
      const sender = await refusingAs(REFUSED_SYNTAX, () =>
        setupBaseS(request.publicKey, Buffer.concat([RELEASE_LABEL, transcript])),
      )
      const registerKey = sender.export(Buffer.concat([REGISTER_LABEL, transcript]), 32)
      return await this.#exclusively(release.grant.storeId, async () => {
        const before = await this.#load(release.grant.storeId)
        if (before === undefined && this.#known.size >= MAX_STORES)
          throw new StoreRefusal(REFUSED_LIMIT, 'ERR_STORE_LIMIT', `this KMS has ${MAX_STORES} stores`)
        const { record, dek } = admitRelease(before, request, this.#dated(release), registerKey)
        try {
          await this.#save(record)
          // CRASH: the record names a holder that was never answered: it asks again, with a newer document.
          const { generation, head } = record.register
          const plaintext = encodeCbor([
            dek,
            record.wrappedDek,
            [generation, head, record.grantVersion, record.securityVersion],
            flagsOf(record),
            new Uint8Array(randomBytes(RELEASE_RANDOM_BYTES)),
          ])
          const sealed = sender.seal(new Uint8Array(0), plaintext)
          plaintext.fill(0)
          return encodeReleased(sender.enc, sealed, this.#sign(transcript, sender.enc, sealed))
        } finally {
          dek.fill(0)
        }
      })
    } finally {
      this.#releasing--
    }
  }

  // A document of a shifted clock would keep out all those of the true one, or be kept out by them.
  #dated(release: VerifiedRelease): VerifiedRelease {
    return this.#options.clockIsShifted ? { ...release, documentMs: undefined } : release
  }

  async #register(message: Uint8Array): Promise<Uint8Array> {
    const request = parseRegister(message)
    return this.#exclusively(request.storeId, async () => {
      const before = await this.#load(request.storeId)
      const { registerKey } = authenticate(before, request)
      const { record, changed, status, wrappedDek } = applyRegister(before as StoreRecord, request)
      if (changed) {
        await this.#save(record)
        // CRASH: the register has moved and nobody was told: the next K1, or the next R1, finds it so.
      } else this.#records.set(record.storeId, record)
      return encodeRegistered(
        request,
        { status, register: record.register, flags: flagsOf(record), wrappedDek },
        registerKey,
      )
    })
  }

  #sign(transcript: Uint8Array, enc: Uint8Array, sealed: Uint8Array): Uint8Array {
    const signed = sha384(transcript, lengthPrefixed(enc), lengthPrefixed(sealed))
    return new Uint8Array(sign(null, Buffer.concat([RELEASE_LABEL, signed]), this.#key))
  }

  async #load(storeId: string): Promise<StoreRecord | undefined> {
    const held = this.#records.get(storeId)
    if (held !== undefined || !this.#known.has(storeId)) return held
    const { sequence, plaintext } = await readSlots(this.#options.rootKey, this.#path(storeId))
    const record = decodeRecord(plaintext)
    this.#records.set(storeId, record)
    this.#sequences.set(storeId, sequence)
    return record
  }

  // On disk first; memory follows. Where the disk's state is not known, nothing is said any more.
  async #save(record: StoreRecord): Promise<void> {
    const path = this.#path(record.storeId)
    const { rootKey } = this.#options
    const before = this.#sequences.get(record.storeId)
    const sequence = before === undefined ? 0n : before + 1n
    const plaintext = encodeRecord(record)
    try {
      if (before === undefined) await createSlots(this.#disk, rootKey, path, plaintext)
      else await writeSlot(this.#disk, rootKey, path, sequence, plaintext)
    } catch (error) {
      if (error instanceof FatalError && !this.#broken) {
        this.#broken = true
        this.#options.onFatal?.(error)
      }
      throw error
    } finally {
      plaintext.fill(0)
    }
    this.#known.add(record.storeId)
    this.#records.set(record.storeId, record)
    this.#sequences.set(record.storeId, sequence)
  }

  #path(storeId: string): string {
    return join(this.#folder, `${storeId}.store`)
  }

  /** One piece of work on a store at a time, in the order of asking. */
  async #exclusively<T>(storeId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(storeId)
    const mine = (async () => {
      await before?.catch(() => {})
      if (this.#broken) throw new UnavailableError('ERR_KMS_DISK', 'this KMS must be started anew')
      return work()
    })()
    this.#queues.set(storeId, mine)
    try {
      return await mine
    } finally {
      if (this.#queues.get(storeId) === mine) this.#queues.delete(storeId)
    }
  }
}

function flagsOf(record: StoreRecord): number {
  return record.rewrapDue ? REGISTER_REWRAP_DUE : 0
}
