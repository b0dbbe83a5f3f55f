/** 5. Nobody has access to content in backups of the store, nor to any plaintext key that protects it. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type Attempt, impossible, refused, sharedTwin, through } from '../attempt.ts'
import { formsOf, holdsCanary } from '../canary.ts'
import type { Claim } from '../claim.ts'
import { ask as askHost } from '../doors.ts'
import { callKms } from '../kms-door.ts'
import type { Target } from '../target.ts'

/** Of the KMS's root key. */
const KEY_BYTES = 32
/** Entropy of bytes that nobody can read, in bits a byte, over a sample as large as the store's. */
const MIN_ENTROPY = 7

export const sealedBackups: Claim = {
  number: 5,
  statement: 'No one has access to content in backups of the store, nor to any plaintext key that protects it',
  attempts: (target) => [...copies(target), ...storeKeys(target), ...clearKeys(target)],
}

const found = (target: Target) =>
  sharedTwin('the same search, in a copy that is not sealed', async () => {
    const text = JSON.stringify({ [target.canary.name]: target.canary.value })
    return holdsCanary(Buffer.from(text), target.canary) ? through('found') : refused('not found')
  })

/** A copy of the store as an operator could take it: all files of its folder. */
function copies(target: Target): Attempt[] {
  const twin = found(target)
  const search = (what: string, holds: (bytes: Buffer) => boolean): Attempt => ({
    what: `search a copy of the store for ${what}`,
    attack: async () => {
      const files = filesOf(target.folder.store)
      if (files.length === 0) return impossible('the store has no files')
      const bytes = files.reduce((sum, [, content]) => sum + content.length, 0)
      const hit = files.find(([, content]) => holds(content))
      return hit === undefined
        ? refused(`${files.length} files of ${bytes} bytes, without it`)
        : through(`${hit[0]} holds it`)
    },
    twin,
  })
  const { name, value } = target.canary
  const any = (text: string) => (bytes: Buffer) => formsOf(text).some((form) => bytes.includes(form))
  return [
    {
      what: 'take a backup as an operator, and search it for the canary',
      attack: async () => {
        const { code, file } = await askHost(target, 'operator', {
          action: 'take-backup',
          parameters: { name: target.enclave },
        })
        if (code !== undefined || file.length === 0) return impossible(`no backup came: ${code}`)
        return holdsCanary(file, target.canary) ? through('it holds it') : refused(`${file.length} bytes, without it`)
      },
      twin,
    },
    search('the canary', (bytes) => holdsCanary(bytes, target.canary)),
    search('the name of the record alone', any(name)),
    search('the hash of the name, by which it could be guessed', (bytes) =>
      bytes.includes(createHash('sha256').update(name).digest()),
    ),
    search('the hash of the value', (bytes) => bytes.includes(createHash('sha256').update(value).digest())),
    search('the path of the record', any(target.shelf.path)),
  ]
}

/** The keys that seal stores are of a class that the AWS API does not know. */
function storeKeys(target: Target): Attempt[] {
  const twin = sharedTwin('a key that the API made: it is listed', async () => {
    const made = await callKms(target, 'CreateKey', {})
    const id = (made.answer.KeyMetadata as { KeyId: string } | undefined)?.KeyId
    if (id === undefined) return refused(made.text)
    const { text } = await callKms(target, 'ListKeys', {})
    await callKms(target, 'ScheduleKeyDeletion', { KeyId: id, PendingWindowInDays: 7 })
    return text.includes(id) ? through('listed') : refused('not listed')
  })
  const kept = () => filesOf(join(target.folder.kms, 'stores')).map(([path]) => path)
  const idOf = (path: string) => path.slice(path.lastIndexOf('/') + 1).replace(/\..*$/, '')
  const ask = (what: string, operation: string, input: (id: string) => Record<string, unknown>): Attempt => ({
    what: `KMS: ${what}`,
    attack: async () => {
      const ids = kept().map(idOf)
      if (ids.length === 0) return impossible('the KMS keeps no store key')
      for (const id of ids) {
        const { status, text } = await callKms(target, operation, input(id))
        if (status === 200) return through(`${operation} answered ${text.slice(0, 80)}`)
      }
      return refused(`refused for each of ${ids.length}`)
    },
    twin,
  })
  const record = (id: string) => {
    const path = kept().find((each) => idOf(each) === id)
    return path === undefined
      ? ''
      : readFileSync(join(target.folder.kms, 'stores', path))
          .subarray(0, 4096)
          .toString('base64')
  }
  return [
    {
      what: 'KMS: list all keys, and find one of a store',
      attack: async () => {
        const ids = kept().map(idOf)
        if (ids.length === 0) return impossible('the KMS keeps no store key')
        const { text } = await callKms(target, 'ListKeys', { Limit: 1000 })
        return ids.some((id) => text.includes(id)) ? through('listed') : refused(`none of ${ids.length} is listed`)
      },
      twin,
    },
    ask('describe the key of a store', 'DescribeKey', (id) => ({ KeyId: id })),
    ask('encrypt under the key of a store', 'Encrypt', (id) => ({ KeyId: id, Plaintext: 'AAAA' })),
    ask('decrypt the wrapped key of a store', 'Decrypt', (id) => ({ CiphertextBlob: record(id) })),
    ask('give the key of a store another policy', 'PutKeyPolicy', (id) => ({
      KeyId: id,
      PolicyName: 'default',
      Policy: '{}',
    })),
    ask('delete the key of a store', 'ScheduleKeyDeletion', (id) => ({ KeyId: id })),
    ask('give the key of a store an alias', 'CreateAlias', (id) => ({ AliasName: 'alias/theirs', TargetKeyId: id })),
  ]
}

/** Key material in clear would lie in a file as it is. On a development host the root key does, and is named. */
function clearKeys(target: Target): Attempt[] {
  const entropy = (bytes: Buffer) => {
    const counts = new Array<number>(256).fill(0)
    for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1
    return counts.reduce(
      (sum, count) => (count === 0 ? sum : sum - (count / bytes.length) * Math.log2(count / bytes.length)),
      0,
    )
  }
  const rootKey = join(target.folder.kms, 'root.key')
  return [
    {
      what: 'find the root key of the KMS in any other file than its own',
      attack: async () => {
        if (!existsSync(rootKey)) return impossible('there is no root key in a file')
        const key = readFileSync(rootKey).subarray(0, KEY_BYTES)
        const hit = ['nitro', 'store', 'kms', 'development', 'customer']
          .flatMap((name) =>
            filesOf(join(target.folder.root, name)).map(([path, bytes]) => [join(name, path), bytes] as const),
          )
          .find(([path, bytes]) => path !== join('kms', 'root.key') && bytes.includes(key))
        return hit === undefined ? refused('in none') : through(`${hit[0]} holds it`)
      },
      twin: {
        what: 'in its own file it is found',
        run: async () => (existsSync(rootKey) ? through('found') : refused('not found')),
      },
    },
    {
      what: 'read a record of a store key, which is text or noise',
      attack: async () => {
        const files = filesOf(join(target.folder.kms, 'stores'))
        const all = Buffer.concat(files.map(([, bytes]) => bytes))
        if (all.length < 256) return impossible(`${all.length} bytes are too few to tell`)
        const bits = entropy(all)
        return bits >= MIN_ENTROPY - 256 / all.length
          ? refused(`${bits.toFixed(2)} bits a byte: noise`)
          : through(`${bits.toFixed(2)} bits a byte`)
      },
      twin: {
        what: 'the genesis, which is text',
        run: async () => {
          const bits = entropy(readFileSync(join(target.folder.nitro, 'genesis.json')))
          return bits < MIN_ENTROPY - 1
            ? through(`${bits.toFixed(2)} bits a byte: text`)
            : refused(`${bits.toFixed(2)} bits`)
        },
      },
      optional: true,
    },
  ]
}

function filesOf(folder: string): [path: string, content: Buffer][] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      return [relative(folder, path), readFileSync(path)]
    })
}
