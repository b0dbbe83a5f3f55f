// attacks.md K01: what is installed is what was looked at. A new name, a script, another digest or another source is seen.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Lock, lockFaults } from './lockfile-faults.ts'

const read = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const reviewed = {
  runtime: read('test/attacks/supply-chain/runtime-packages.json') as string[],
  // lmdb and msgpackr-extract look for a prebuilt binary, and find the one of their own platform package; protobufjs says something of versions.
  scripts: ['lmdb', 'msgpackr-extract', 'protobufjs'],
}
const lock = (): Lock => read('package-lock.json')

t.test('K01 accepts the lock file as it is', async (t) => {
  t.same(lockFaults(lock(), reviewed), [])
  const names = new Set(Object.keys(lock().packages).map((path) => path.slice(path.lastIndexOf('node_modules/') + 13)))
  t.same(
    reviewed.runtime.filter((name) => !names.has(name)),
    [],
    'nothing is on the list that is not installed',
  )
})

t.test('K01 notices each way of bringing in something else', async (t) => {
  const ws = 'node_modules/ws'
  const changes: Record<string, (lock: Lock) => void> = {
    'ws: runs a script at install': ({ packages }) => Object.assign(packages[ws] as object, { hasInstallScript: true }),
    'ws: comes from https://example.com/ws.tgz': ({ packages }) =>
      Object.assign(packages[ws] as object, { resolved: 'https://example.com/ws.tgz' }),
    'ws: integrity undefined': ({ packages }) => Object.assign(packages[ws] as object, { integrity: undefined }),
    'ws: integrity sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=': ({ packages }) =>
      Object.assign(packages[ws] as object, { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' }),
    'left-pad: is new': ({ packages }) =>
      Object.assign(packages, { 'node_modules/ws/node_modules/left-pad': { integrity: packages[ws]?.integrity } }),
    'ws: ^8.23.0 is no exact version': ({ packages }) =>
      Object.assign(packages['']?.dependencies as object, { ws: '^8.23.0' }),
  }
  for (const [fault, change] of Object.entries(changes)) {
    const changed = lock()
    change(changed)
    t.same(lockFaults(changed, reviewed), [fault])
  }
})
