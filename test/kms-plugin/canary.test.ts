// The key that encrypts, known to this test because its enclave's random numbers are: in the enclave's memory, and nowhere else. Not in the
// plugin's memory, in what it says, in files, arguments or environments.
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { HostUnderTest, imageOf } from '../kit/host.ts'
import { announce, PluginUnderTest, until } from '../kit/kms-plugin.ts'
import { knownRandom, withKnownRandom } from '../kit/known-random.ts'
import { KubeApiserver } from '../kit/kube-apiserver.ts'

t.setTimeout(300_000)

const NAME = 'kms-provider'
const CHUNK = 1 << 24
/** The half of the key that no nonce and no other number is: they are shorter, and their beginning is the same. */
const KEK = knownRandom(32).subarray(16)

const host = await HostUnderTest.start()
const description = JSON.parse(readFileSync(`assembly/workloads/${NAME}/enclave.json`, 'utf8'))
const guest = await withKnownRandom(`assembly/workloads/${NAME}/workload.wasm`)
const launched = await host.launch(NAME, host.sign(imageOf(NAME, guest, description)))
announce(host, NAME, launched.measurements)
const folder = mkdtempSync(join(tmpdir(), 'wk-'))
const path = join(folder, 'plugin', 'kms.sock')
const plugin = await PluginUnderTest.start([
  '--listen',
  `unix://${path}`,
  '--data',
  host.folder.root,
  '--poll',
  '100ms',
])
const kube = new KubeApiserver(path)
t.teardown(async () => {
  kube.close()
  await plugin.stop('SIGKILL')
  await host.stop()
  rmSync(folder, { recursive: true, force: true })
})

const needles = [KEK, Buffer.from(KEK.toString('hex')), ...[0, 1, 2].map((shift) => base64At(KEK, shift))]
const holdsKey = (bytes: Buffer) => needles.some((needle) => bytes.includes(needle))

await until(() =>
  kube.poll().then(
    () => true,
    () => false,
  ),
)
const object = kube.write('/registry/secrets/a/b', Buffer.from('value'))
kube.restart()
await kube.read('/registry/secrets/a/b', object)

t.test('the search finds the key in each of its forms', async (t) => {
  for (const shift of ['', 'a', 'ab'])
    for (const encoding of ['latin1', 'hex', 'base64'] as const) {
      const bytes = Buffer.concat([Buffer.from(shift), KEK, Buffer.from('xyz')])
      t.ok(holdsKey(encoding === 'latin1' ? bytes : Buffer.from(bytes.toString(encoding))), `${encoding} ${shift}`)
    }
})

t.test('it is in no file, no log, no argument and no environment', async (t) => {
  const places: [string, Buffer][] = [['what the plugin says', Buffer.from(plugin.output)]]
  for (const root of [host.folder.root, folder])
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) places.push([entry.name, readFileSync(join(entry.parentPath, entry.name))])
  const pids = [plugin.process.pid as number, host.nitroPid, ...host.children]
  for (const pid of pids)
    for (const file of ['cmdline', 'environ'])
      places.push([`/proc/${pid}/${file}`, readFileSync(`/proc/${pid}/${file}`)])
  t.same(
    places.filter(([, bytes]) => holdsKey(bytes)).map(([place]) => place),
    [],
  )
  t.ok(
    places.some(([, bytes]) => bytes.includes(kube.keyId ?? object.keyId)),
    'the twin: the key_id is told',
  )
})

t.test(
  'it is in the memory of the enclave, and not of the plugin, parent or nitro',
  { skip: process.getuid?.() === 0 ? false : 'reading memory of others needs root' },
  async (t) => {
    const enclave = launched.ProcessID
    t.ok(memoryHolds(enclave, holdsKey), 'the twin: the enclave holds it')
    const others = [plugin.process.pid as number, host.nitroPid, ...host.children.filter((pid) => pid !== enclave)]
    for (const pid of others)
      t.notOk(memoryHolds(pid, holdsKey), readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(-4).join(' '))
    const keyId = (bytes: Buffer) => bytes.includes(object.keyId)
    t.ok(memoryHolds(plugin.process.pid as number, keyId), 'the twin: the plugin knows the key_id')
  },
)

/** What is sure of the base64 of bytes that stand `shift` places behind a begun group of three. */
function base64At(bytes: Buffer, shift: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64')
  return Buffer.from(encoded.slice(4, -4))
}

function memoryHolds(pid: number, found: (bytes: Buffer) => boolean): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  const buffer = Buffer.alloc(CHUNK + 64)
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
      const match = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line)
      if (match === null || line.includes('[vvar')) continue
      const [from, to] = [BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)]
      if (to - from > 1n << 32n) continue
      for (let at = from; at < to; at += BigInt(CHUNK)) {
        const length = Number(to - at < BigInt(buffer.length) ? to - at : BigInt(buffer.length))
        try {
          if (found(buffer.subarray(0, readSync(memory, buffer, 0, length, at)))) return true
        } catch {
          // A page that nothing stands behind
        }
      }
    }
    return false
  } finally {
    closeSync(memory)
  }
}
