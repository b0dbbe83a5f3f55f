/** 2. Nobody can read, copy, extract, modify or otherwise access content in an instance. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { connect, identityFromPem } from '../../client/index.ts'
import { type Attempt, type Finding, impossible, refused, sharedTwin, through } from '../attempt.ts'
import { holdsCanary } from '../canary.ts'
import type { Claim } from '../claim.ts'
import { get } from '../doors.ts'
import { searchProcessMemory } from '../process-memory.ts'
import type { HostProcess } from '../processes.ts'
import { Tap } from '../tap.ts'
import { policyFor, type Signer, type Target } from '../target.ts'

const STRANGERS: Signer[] = ['operator', 'approver-1', 'approver-2', 'stranger']
export const content: Claim = {
  number: 2,
  statement: 'No one can read, copy, extract, modify or otherwise access content in an instance',
  attempts: (target) => [
    ...files(target),
    ...proc(target),
    ...memory(target),
    ...keys(target),
    ...doors(target),
    ...wire(target),
  ],
}

/** @returns refused where the canary is not in these bytes */
function search(target: Target, bytes: Uint8Array, where: string): Finding {
  return holdsCanary(bytes, target.canary) ? through(`${where} holds it`) : refused(`${bytes.length} bytes, without it`)
}

function planted(target: Target) {
  return sharedTwin('the search, in what the owner reads over the attested session', async () => {
    const session = await target.connectAs('owner')
    try {
      const bytes = Buffer.from(await (await session.fetch(target.shelf.path)).arrayBuffer())
      return search(target, Buffer.concat([bytes, Buffer.from(target.canary.value)]), 'the answer')
    } finally {
      session.close()
    }
  })
}

/** All of the data folder but the customer's own. */
function files(target: Target): Attempt[] {
  const twin = planted(target)
  const folders = ['nitro', 'store', 'kms', 'development', '.'] as const
  return folders.map((name) => {
    const folder = join(target.folder.root, name)
    return {
      what: `search the files of the data folder: ${name === '.' ? 'the folder itself' : name}`,
      attack: async () => {
        let bytes = 0
        let count = 0
        for (const entry of readdirSync(folder, { recursive: name !== '.', withFileTypes: true })) {
          if (!entry.isFile()) continue
          const path = join(entry.parentPath, entry.name)
          const text = readFileSync(path)
          count++
          bytes += text.length
          if (holdsCanary(text, target.canary) || holdsCanary(Buffer.from(path), target.canary))
            return through(`${relative(target.folder.root, path)} holds it`)
        }
        return refused(`${count} files of ${bytes} bytes, without it`)
      },
      twin,
    }
  })
}

function proc(target: Target): Attempt[] {
  const twin = planted(target)
  return target.processes().map(({ kind, pid }) => ({
    what: `${kind} ${pid}: search arguments, environment and status`,
    attack: async () =>
      search(
        target,
        Buffer.concat(['cmdline', 'environ', 'comm', 'status'].map((file) => read(`/proc/${pid}/${file}`))),
        'it',
      ),
    twin,
  }))
}

/** Memory of the host's processes but the enclave's, which only root reads. */
function memory(target: Target): Attempt[] {
  const enclaves = target.processes().filter(({ kind }) => kind === 'enclave')
  const twin = sharedTwin('the same search, in the memory of the enclave itself', async () => {
    for (const enclave of enclaves) {
      const found = searchMemory(target, enclave)
      if (found.got !== 'refused') return found
    }
    return refused('in no enclave')
  })
  return target
    .processes()
    .filter(({ kind }) => kind !== 'enclave')
    .map((process) => ({
      what: `${process.kind} ${process.pid}: search its memory, as root`,
      attack: async () => searchMemory(target, process),
      twin,
      optional: true,
    }))
}

function searchMemory(target: Target, { pid }: HostProcess): Finding {
  const found = searchProcessMemory(pid, target.canary)
  if (found.refusal !== undefined) return impossible(`only root can: ${found.refusal}`)
  if (found.at !== undefined) return through(`its memory holds it, at ${found.at}`)
  return found.searchedBytes === 0
    ? impossible('nothing of it could be read')
    : refused(`${Math.round(found.searchedBytes / 1_048_576)} MiB, without it`)
}

/** Keys that are not the owner's. */
function keys(target: Target): Attempt[] {
  const twin = sharedTwin("a session by the owner's key reads it", async () => sessionBy(target, 'owner'))
  return STRANGERS.map((signer) => ({
    what: `open a session by the key of ${signer}`,
    attack: () => sessionBy(target, signer),
    twin,
  }))
}

async function sessionBy(target: Target, who: 'owner' | Signer): Promise<Finding> {
  try {
    const session = await target.connectAs(who)
    const has = await target.shelf.has(session)
    session.close()
    return has ? through('it reads the content') : refused('a session, and no content')
  } catch (error) {
    return refused((error as { code?: string }).code ?? String(error))
  }
}

/** Plain HTTP at the gateway, where a session is due. */
function doors(target: Target): Attempt[] {
  const twin = planted(target)
  const paths = [
    '/',
    target.shelf.path,
    `/enclaves/${target.enclave}`,
    `/enclaves/${target.enclave}${target.shelf.path}`,
    '/metrics',
    '/admin',
    '/debug/vars',
    '/store',
  ]
  return paths.map((path) => ({
    what: `GET ${path.replace(target.canary.name, 'NAME')} at the gateway, without a session`,
    attack: async () => {
      const { status, body } = await get(target, path)
      const found = search(target, body, 'the answer')
      return found.got === 'through' ? found : refused(`HTTP ${status}, ${found.saw}`)
    },
    twin,
  }))
}

/** Whoever sits on the wire: listens, and flips a bit. */
function wire(target: Target): Attempt[] {
  return [
    {
      what: 'tap the wire between client and enclave while the owner reads and writes',
      attack: () => tapped(target, (tap) => search(target, Buffer.concat(tap.seen), 'the wire')),
      twin: {
        what: 'what passes in clear, the name of the enclave in its grant, is found there',
        run: () =>
          tapped(target, (tap) =>
            Buffer.concat(tap.seen).includes(`"enclaveName":"${target.enclave}"`)
              ? through('found')
              : refused('not found'),
          ),
      },
    },
    ...[2, 3, 4].map((index) => ({
      what: `flip a bit of the client's message ${index} on the wire`,
      attack: () => altered(target, index),
      twin: { what: 'the same wire, and no bit flipped', run: () => altered(target, -1) },
    })),
  ]
}

async function tapped(target: Target, look: (tap: Tap) => Finding): Promise<Finding> {
  const tap = await Tap.open(target.running.gateway)
  try {
    const session = await ownerOver(target, tap)
    const has = await target.shelf.has(session)
    session.close()
    return has ? look(tap) : impossible('the owner read nothing')
  } finally {
    tap.close()
  }
}

/** Reads over a wire that changes one message. @returns through where the owner is served all the same */
async function altered(target: Target, index: number): Promise<Finding> {
  const tap = await Tap.open(target.running.gateway, (message, at) => {
    if (at !== index) return message
    const changed = Buffer.from(message)
    const last = changed.length - 1
    changed.writeUInt8(changed.readUInt8(last) ^ 1, last)
    return changed
  })
  try {
    const session = await ownerOver(target, tap)
    let messages = 0
    for (; messages < 4; messages++) if (!(await target.shelf.has(session))) return refused('an answer without content')
    session.close()
    return through(`served ${messages} times`)
  } catch (error) {
    return refused((error as { code?: string }).code ?? String(error))
  } finally {
    tap.close()
  }
}

async function ownerOver(target: Target, tap: Tap) {
  const identity = await identityFromPem(readFileSync(join(target.folder.customer, 'owner.key'), 'utf8'))
  return connect(`${tap.url}/enclaves/${target.enclave}`, policyFor(target.folder, target.enclave), identity)
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
