// A KMS for killed.test.ts: serves its store keys over stdio, and kills itself at the n-th durable step, before or after it.
import { Duplex } from 'node:stream'
import { type Disk, disk } from '../../host/kms/store-keys/disk.ts'
import { StoreKeys, serveStoreKeys } from '../../host/kms/store-keys/index.ts'

const settings = JSON.parse(process.argv[2] as string) as {
  folder: string
  rootKey: string
  root: string
  genesisDigest: string
  nowMs: number
  dieAt: number
  after: boolean
}
let steps = 0

async function step(act: () => Promise<void>): Promise<void> {
  const last = ++steps === settings.dieAt
  if (last && !settings.after) process.kill(process.pid, 'SIGKILL')
  await act()
  if (last) process.kill(process.pid, 'SIGKILL')
}
const dying: Disk = {
  write: (path, bytes) => step(() => disk.write(path, bytes)),
  rename: (from, to) => step(() => disk.rename(from, to)),
  settle: (path) => step(() => disk.settle(path)),
  writeAt: (path, bytes, at) => step(() => disk.writeAt(path, bytes, at)),
}
const keys = await StoreKeys.open(settings.folder, {
  rootKey: Buffer.from(settings.rootKey, 'hex'),
  attestationRoots: [settings.root],
  genesisDigest: settings.genesisDigest,
  now: () => settings.nowMs,
  disk: dying,
})
process.stderr.write(`${keys.publicKey}\n`)
// Node's own types know streams of the web alone here.
const stdio = Duplex.from({ readable: process.stdin, writable: process.stdout } as never)
serveStoreKeys(
  stdio,
  (message) => keys.handle(message),
  (error) => {
    throw error
  },
)
stdio.on('close', () => process.exit(0))
