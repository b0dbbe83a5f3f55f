// Regression: an enclave that died while it did not read left its sessions' peers paused, and so open for half a minute more.
import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from 'ws'
import { ParentUnderTest } from '../kit/parent.ts'

/** ws gives a closing handshake 30 s. */
const AT_ONCE_MS = 15_000

t.test('ends the sessions of an enclave that dies while it does not read, at once', async (t) => {
  const parent = await new ParentUnderTest().start()
  t.teardown(() => parent.stop())
  const enclave = await parent.enclave('deaf', () => {})
  const socket = new WebSocket(`ws://127.0.0.1:${parent.port}/enclaves/deaf`)
  await once(socket, 'open')
  enclave.socket.pause()
  for (let i = 0; i < 40; i++) socket.send(Buffer.alloc(65_536))
  await new Promise((resolve) => setTimeout(resolve, 200))
  const start = performance.now()
  enclave.socket.destroy()
  const [code] = (await once(socket, 'close')) as [number]
  t.equal(code, 4005)
  t.ok(performance.now() - start < AT_ONCE_MS)
})
