// The key store over a disk that fails: each step of each change fails, fails although it was done, or tears. What a restart then finds is the
// state before or the state after, whole; and a file that is damaged stops the start by its name.
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openBlob, sealBlob } from '../../host/kms/crypto/blob.ts'
import { type KeyDisk, keyDisk } from '../../host/kms/keys/key-disk.ts'
import { materialOf } from '../../host/kms/keys/key-maker.ts'
import { type Key, KeyStore } from '../../host/kms/keys/key-store.ts'
import type { KeyRecord } from '../../host/kms/keys/record.ts'
import { makeMaterial } from '../../host/kms/keys/spec.ts'
import { defaultPolicy } from '../../host/kms/policy/index.ts'

const ACCOUNT = '000000000000'
const scratch = mkdtempSync(join(tmpdir(), 'wasmclave-keys-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

const MODES = ['fails', 'fails although it was done', 'tears'] as const
type Mode = (typeof MODES)[number]

/** A disk whose n-th step, from 1, does not end well. What follows works: the process goes on. */
class FailingDisk implements KeyDisk {
  steps = 0
  readonly #at: number
  readonly #mode: Mode

  constructor(at: number, mode: Mode) {
    this.#at = at
    this.#mode = mode
  }

  write = (path: string, bytes: Uint8Array) =>
    this.#step(
      () => keyDisk.write(path, bytes),
      () => writeFileSync(path, bytes.subarray(0, bytes.length >> 1), { mode: 0o600 }),
    )
  append = () => {
    throw new Error('the key store appends to nothing')
  }
  writeAt = () => {
    throw new Error('the key store writes whole files')
  }
  rename = (from: string, to: string) => this.#step(() => keyDisk.rename(from, to))
  syncFolder = (path: string) => this.#step(() => keyDisk.syncFolder(path))
  erase = (path: string) =>
    this.#step(
      () => keyDisk.erase(path),
      () => writeFileSync(path, Buffer.alloc(10)),
    )

  #step(work: () => void, torn: () => void = () => {}): void {
    this.steps++
    if (this.steps !== this.#at) return work()
    if (this.#mode === 'fails although it was done') work()
    if (this.#mode === 'tears') torn()
    throw Object.assign(new Error('input/output error'), { code: 'EIO' })
  }
}

async function recordOf(description: string): Promise<KeyRecord> {
  return {
    keyId: randomUUID(),
    spec: 'SYMMETRIC_DEFAULT',
    usage: 'ENCRYPT_DECRYPT',
    description,
    createdMs: 1,
    enabled: true,
    deletionMs: null,
    policy: defaultPolicy(ACCOUNT),
    tags: [],
    rotation: null,
    materials: [materialOf(await makeMaterial('SYMMETRIC_DEFAULT'), 1, 'CREATED')],
  }
}

const fixture = join(scratch, 'fixture')
const before = new KeyStore(fixture, ACCOUNT)
const first = before.add(await recordOf('first'))
const second = before.add(await recordOf('second'))
before.setAlias({ name: 'alias/first', keyId: first.keyId, createdMs: 1, updatedMs: 1 })
before.setAlias({ name: 'alias/second', keyId: second.keyId, createdMs: 1, updatedMs: 1 })
const blob = sealBlob(first.keyId, first.materials[0] as KeyRecord['materials'][0], [], Buffer.from('content'))
const third = await recordOf('third')
const material = materialOf(await makeMaterial('SYMMETRIC_DEFAULT'), 2, 'ON_DEMAND')

const CHANGES: Record<string, (store: KeyStore) => void> = {
  'a new key': (store) => void store.add(structuredKey(third)),
  'a new policy': (store) => {
    const key = store.get(first.keyId) as Key
    store.change(key, { policy: key.policy.replace('key-default-1', 'changed') })
  },
  rotation: (store) => {
    const key = store.get(first.keyId) as Key
    store.change(key, { materials: [...key.materials, material] })
  },
  'a new alias': (store) => store.setAlias({ name: 'alias/new', keyId: first.keyId, createdMs: 2, updatedMs: 2 }),
  'an alias less': (store) => store.removeAlias('alias/first'),
  'a key erased': (store) => store.erase(store.get(second.keyId) as Key),
}

// A store zeroes the secrets of what it erases, and this one is used again.
function structuredKey(record: KeyRecord): KeyRecord {
  return {
    ...record,
    materials: record.materials.map((each) => ({ ...each, secret: Buffer.from(each.secret) })),
  }
}

const stateOf = (store: KeyStore) =>
  JSON.stringify([store.all.map(({ parsedPolicy: _, ...record }) => record), store.aliases])
const opened = (folder: string) => new KeyStore(folder, ACCOUNT)
function copy(): string {
  const folder = mkdtempSync(join(scratch, 'case-'))
  cpSync(fixture, folder, { recursive: true })
  return folder
}

for (const [what, change] of Object.entries(CHANGES))
  t.test(`${what}: each step that fails leaves the state before or after, and the store goes on`, async (t) => {
    const old = stateOf(opened(copy()))
    const whole = copy()
    const counting = new FailingDisk(0, 'fails')
    change(new KeyStore(whole, ACCOUNT, counting))
    const fresh = stateOf(opened(whole))
    t.not(fresh, old)
    t.ok(counting.steps >= 3, `${counting.steps} steps`)
    for (const mode of MODES)
      for (let at = 1; at <= counting.steps; at++) {
        const folder = copy()
        const store = new KeyStore(folder, ACCOUNT, new FailingDisk(at, mode))
        t.throws(() => change(store), { code: 'EIO' }, `step ${at} ${mode}`)
        // As after a crash there and then, which leaves the folder as it is now.
        const crashed = mkdtempSync(join(scratch, 'crash-'))
        cpSync(folder, crashed, { recursive: true })
        const found = opened(crashed)
        // An erasure is two changes, its aliases first: between them the key is there without them.
        const between = what === 'a key erased' && found.all.length === 2 && found.aliases.length === 1
        t.ok([old, fresh].includes(stateOf(found)) || between, `step ${at} ${mode}: before or after`)
        const key = found.get(first.keyId) as Key
        t.equal(openBlob(blob, key.materials[0] as KeyRecord['materials'][0], []).toString(), 'content')
        t.notOk(
          readdirSync(join(crashed, 'keys')).some((name) => name.endsWith('.new')),
          'nothing unfinished is kept',
        )
        // The process itself, which was told of a failure, does it again.
        change(store)
        t.equal(stateOf(opened(folder)), fresh, `step ${at} ${mode}: done again`)
        for (const each of [folder, crashed]) rmSync(each, { recursive: true })
      }
  })

t.test('the root key is made whole or not at all, and no key is sealed by one that is gone', async (t) => {
  for (const mode of MODES)
    for (let at = 1; at <= 3; at++) {
      const folder = mkdtempSync(join(scratch, 'root-'))
      t.throws(() => new KeyStore(folder, ACCOUNT, new FailingDisk(at, mode)), { code: 'EIO' })
      const store = opened(folder)
      const key = store.add(await recordOf('only'))
      t.equal(opened(folder).get(key.keyId)?.description, 'only', `step ${at} ${mode}`)
    }
  const folder = copy()
  rmSync(join(folder, 'root.key'))
  t.throws(() => opened(folder), { code: 'ERR_KMS_ROOT_KEY', message: /root\.key is missing/ })
  t.notOk(existsSync(join(folder, 'root.key')), 'no other one is made over keys that it does not open')
  writeFileSync(join(folder, 'root.key'), Buffer.alloc(32, 7), { mode: 0o600 })
  t.throws(() => opened(folder), { code: 'ERR_KMS_KEY_FILE' })
  for (const [bytes, mode] of [
    [31, 0o600],
    [33, 0o600],
    [32, 0o640],
    [32, 0o604],
  ] as const) {
    rmSync(join(folder, 'root.key'))
    writeFileSync(join(folder, 'root.key'), Buffer.alloc(bytes), { mode })
    t.throws(() => opened(folder), { code: 'ERR_KMS_ROOT_KEY' }, `${bytes} bytes, mode ${mode.toString(8)}`)
  }
})

t.test('a file that is damaged anywhere stops the start, by its name; put back, all is well', async (t) => {
  const folder = copy()
  for (const name of [`${first.keyId}.key`, 'aliases']) {
    const path = join(folder, 'keys', name)
    const right = readFileSync(path)
    const refused = (bytes: Uint8Array, what: string) => {
      writeFileSync(path, bytes)
      t.throws(
        () => opened(folder),
        { code: 'ERR_KMS_KEY_FILE', message: new RegExp(path.replaceAll('.', '.')) },
        `${name}, ${what}`,
      )
    }
    for (let at = 0; at < right.length; at += 7) {
      const flipped = Buffer.from(right)
      flipped[at] = (flipped[at] as number) ^ (1 << (at & 7))
      refused(flipped, `byte ${at}`)
    }
    for (const length of [0, 1, 33, right.length >> 1, right.length - 1])
      refused(right.subarray(0, length), `${length} bytes of it`)
    refused(Buffer.concat([right, Buffer.of(0)]), 'a byte more')
    refused(readFileSync(join(folder, 'keys', `${second.keyId}.key`)), 'the file of another key')
    writeFileSync(path, right)
    t.equal(opened(folder).all.length, 2)
  }
})
