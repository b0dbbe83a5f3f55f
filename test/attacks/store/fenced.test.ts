// S08, S15: two hosts on copies of one store, with one KMS: the register fences, and the fenced enclave dies before it acknowledges.
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FAULT_FENCED } from '../../../assembly/abi/fault.ts'
import { readStoreHeads } from '../../../host/client/index.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../../kit/host.ts'

t.setTimeout(170_000)
const first = await HostUnderTest.start()
const { folder } = first
const image = first.sign(imageOf('keyvalue'))
const measurements = signedMeasurements(image)
t.teardown(() => first.stop())

/** The host's folder once more, without its sockets. */
function copyFolder(): string {
  const copy = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(copy, { recursive: true, force: true }))
  cpSync(folder.root, copy, {
    recursive: true,
    filter: (path) => !path.endsWith('.sock') && !path.endsWith('records.lock'),
  })
  mkdirSync(join(copy, 'store'), { recursive: true })
  return copy
}

t.test(
  'a second host on a copy takes the store; the first one dies before it acknowledges, and says why',
  async (t) => {
    await first.launch('keyvalue', image)
    const enclave = await first.connect('keyvalue', measurements)
    t.equal((await enclave.fetch('/v1/a', { method: 'PUT', body: 'one' })).status, 201)
    const second = await HostUnderTest.start(
      { kms: { port: 0, maxDocumentAge: null, storeSocket: folder.kmsSocket } },
      copyFolder(),
    )
    t.teardown(() => second.halt())
    await second.launch('keyvalue', image)
    const taken = await second.connect('keyvalue', measurements)
    t.equal(await (await taken.fetch('/v1/a')).text(), 'one', 'the second one has it')
    const late = await enclave.fetch('/v1/a', { method: 'PUT', body: 'two' }).then(
      (response) => response.status,
      (error: { code: string }) => error.code,
    )
    t.not(late, 201)
    t.not(late, 204)
    const ended = await first.event('ended')
    t.match(ended, {
      enclave: 'keyvalue',
      epitaph: { kind: FAULT_FENCED },
      reason: /fenced: another enclave has taken the store/,
    })
    t.equal((await taken.fetch('/v1/b', { method: 'PUT', body: 'of the second' })).status, 201)
    t.equal(await (await taken.fetch('/v1/a')).text(), 'one', 'what was not acknowledged is not there')

    // The first host again, on its own copy: the register is ahead of it.
    await first.launch('keyvalue', image)
    const stale = await first.connect('keyvalue', measurements)
    t.match(await readStoreHeads(stale), { stale: true })
    t.match(await second.event('ended'), { epitaph: { kind: FAULT_FENCED } }, 'and has fenced the second by its asking')
  },
)
