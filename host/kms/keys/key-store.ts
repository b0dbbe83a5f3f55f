/**
 * Customer keys and their aliases: in memory for use, on disk sealed by the root key, one file a key and one for all aliases. Each change is
 * durable before it is answered. A file that does not open stops the start: a key that is not what it was must not pass for it.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '../../disk/durable.ts'
import { FatalError } from '../../errors.ts'
import { decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import { Fault } from '../fault.ts'
import { MAX_KEYS } from '../limits.ts'
import { type Policy, parsePolicy } from '../policy/index.ts'
import { eraseDurably, eraseUnfinished, type KeyDisk, keyDisk, UNFINISHED } from './key-disk.ts'
import { decodeRecord, encodeRecord, type KeyRecord } from './record.ts'
import { RootKey } from './root-key.ts'

const ALIASES = 'aliases'
const KEY_FILE = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.key$/

/** A key with its policy parsed. Never changed in place: a change is another one. */
export type Key = Readonly<KeyRecord> & { readonly parsedPolicy: Policy }

export type Alias = { name: string; keyId: string; createdMs: number; updatedMs: number }

export class KeyStore {
  readonly #folder: string
  readonly #account: string
  readonly #root: RootKey
  readonly #disk: KeyDisk
  readonly #keys = new Map<string, Key>()
  #aliases = new Map<string, Alias>()

  /** @param folder of the KMS alone, mode 0700 @throws FatalError ERR_KMS_ROOT_KEY, ERR_KMS_KEY_FILE, ERR_KMS_KEY_FORMAT */
  constructor(folder: string, account: string, on: KeyDisk = keyDisk) {
    this.#disk = on
    this.#folder = join(folder, 'keys')
    this.#account = account
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const files = readdirSync(this.#folder).filter((name) => {
      if (!name.endsWith(UNFINISHED)) return true
      eraseUnfinished(join(this.#folder, name), on)
      return false
    })
    this.#root = RootKey.open(join(folder, 'root.key'), files.length === 0, on)
    for (const file of files) {
      const keyId = KEY_FILE.exec(file)?.[1]
      if (keyId !== undefined) this.#load(keyId)
    }
    if (files.includes(ALIASES)) this.#loadAliases()
  }

  /** By key id, ascending: the order of pages. */
  get all(): Key[] {
    return [...this.#keys.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1))
  }

  get(keyId: string): Key | undefined {
    return this.#keys.get(keyId)
  }

  /** By name, ascending. */
  get aliases(): Alias[] {
    return [...this.#aliases.values()].sort(byName)
  }

  alias(name: string): Alias | undefined {
    return this.#aliases.get(name)
  }

  aliasesOf(keyId: string): Alias[] {
    return [...this.#aliases.values()].filter((alias) => alias.keyId === keyId).sort(byName)
  }

  /** @throws Fault LimitExceededException */
  add(record: KeyRecord): Key {
    if (this.#keys.size >= MAX_KEYS)
      throw new Fault('LimitExceededException', `this KMS holds ${MAX_KEYS} keys already, its limit`)
    return this.#put(record)
  }

  change(key: Key, changes: Partial<KeyRecord>): Key {
    const { parsedPolicy: _, ...record } = key
    return this.#put({ ...record, ...changes })
  }

  setAlias(alias: Alias): void {
    this.#putAliases(new Map(this.#aliases).set(alias.name, alias))
  }

  removeAlias(name: string): void {
    const aliases = new Map(this.#aliases)
    aliases.delete(name)
    this.#putAliases(aliases)
  }

  /** For good: material, file, and the aliases that led to it. Where it failed half-way, it goes on from there. */
  erase(key: Key): void {
    const kept = [...this.#aliases].filter(([, alias]) => alias.keyId !== key.keyId)
    if (kept.length < this.#aliases.size) this.#putAliases(new Map(kept))
    // CRASH: the key is there without aliases, and its time is over: the next tick erases it.
    eraseDurably(this.#path(key.keyId), this.#disk)
    this.#keys.delete(key.keyId)
    for (const material of key.materials) material.secret.fill(0)
  }

  #put(record: KeyRecord): Key {
    const key = { ...record, parsedPolicy: parsePolicy(record.policy, this.#account) }
    const plaintext = encodeRecord(record)
    writeDurably(this.#path(record.keyId), this.#root.seal(`key ${record.keyId}`, plaintext), this.#disk)
    plaintext.fill(0)
    this.#keys.set(record.keyId, key)
    return key
  }

  #putAliases(aliases: Map<string, Alias>): void {
    const rows = [...aliases.values()].map(({ name, keyId, createdMs, updatedMs }) => [
      name,
      keyId,
      createdMs,
      updatedMs,
    ])
    writeDurably(join(this.#folder, ALIASES), this.#root.seal(ALIASES, encodeCbor(rows)), this.#disk)
    this.#aliases = aliases
  }

  #load(keyId: string): void {
    const path = this.#path(keyId)
    const plaintext = this.#open(`key ${keyId}`, path, readFileSync(path))
    const record = decodeRecord(plaintext)
    plaintext.fill(0)
    this.#keys.set(keyId, { ...record, parsedPolicy: parsePolicy(record.policy, this.#account) })
  }

  #loadAliases(): void {
    const path = join(this.#folder, ALIASES)
    const rows = decodeCbor(this.#open(ALIASES, path, readFileSync(path))) as [string, string, number, number][]
    for (const [name, keyId, createdMs, updatedMs] of rows)
      if (this.#keys.has(keyId)) this.#aliases.set(name, { name, keyId, createdMs, updatedMs })
  }

  #open(name: string, path: string, sealed: Uint8Array): Buffer {
    const opened = this.#root.open(name, sealed)
    if (opened === undefined)
      throw new FatalError(
        'ERR_KMS_KEY_FILE',
        `${path} was torn or altered, or another root key sealed it: restore it, or move it away to go on without it`,
      )
    return opened
  }

  #path(keyId: string): string {
    return join(this.#folder, `${keyId}.key`)
  }
}

function byName(a: Alias, b: Alias): number {
  return a.name < b.name ? -1 : 1
}
