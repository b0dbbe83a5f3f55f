// An enclave with a store that is never left alone: it asks the register how fresh it is all the same, and answers who has a session.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { WebSocket } from 'ws'
import { MESSAGE_HELLO } from '../../assembly/abi/channel.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

/** Longer than a register's word counts as fresh. */
const BUSY_MS = 5000
/** Well under the tick: the enclave's process finds something to read each time. */
const EVERY_MS = 20

t.setTimeout(120_000)
const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const image = host.sign(imageOf('echo'))
await host.launch('echo', image)
const enclave = await host.connect('echo', signedMeasurements(image))

async function callsFor(ms: number): Promise<number> {
  let calls = 0
  for (const end = performance.now() + ms; performance.now() < end; calls++) {
    const { status } = await enclave.request('/', { method: 'POST', body: randomBytes(64) })
    if (status !== 200) throw new Error(`answered ${status}`)
  }
  return calls
}

t.test('answers a session that asks without a pause', async (t) => {
  t.ok((await callsFor(BUSY_MS)) > 0)
})

t.test('answers an open session while hellos of strangers never cease', async (t) => {
  let opened = 0
  const timer = setInterval(() => {
    const socket = new WebSocket(`${host.gateway}/enclaves/echo`)
    socket.on('error', () => {})
    socket.on('open', () => {
      opened++
      socket.send(Uint8Array.of(MESSAGE_HELLO, ...encodeCbor([[1], randomBytes(32)])))
      setTimeout(() => socket.terminate(), 1000)
    })
  }, EVERY_MS)
  t.ok((await callsFor(BUSY_MS)) > 0)
  clearInterval(timer)
  t.ok(opened > 20, `${opened} hellos came meanwhile`)
  t.ok((await callsFor(100)) > 0, 'and after it')
  enclave.close()
})
