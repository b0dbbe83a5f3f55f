// Workloads that go wrong before they serve: the launch fails by a code, the slot is free, and the host goes on (G10, G26).
import t from 'tap'
import { errorCode } from '../../host/errors.ts'
import { guest, OK } from '../kit/guest.ts'
import { HostUnderTest, imageOf } from '../kit/host.ts'

t.setTimeout(120_000)
const host = await HostUnderTest.start()
t.teardown(() => host.stop())
const launch = async (code: Uint8Array): Promise<string> => {
  try {
    await host.launch('guest', host.sign(imageOf('guest', code)))
    return 'launches'
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}
const running = async () =>
  ((await host.request({ action: 'describe-enclaves', parameters: { metadata: false } })) as unknown[]).length

for (const [name, code] of [
  ['places data behind its memory', guest(OK, { more: '(data (i32.const 131071) "ab")' })],
  ['places elements behind its table', guest(OK, { more: '(table 1 1 funcref) (elem (i32.const 1) $f) (func $f)' })],
  [
    'copies more data than it has',
    guest(OK, {
      more: '(data $d "ab") (func (export "_start") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3)))',
    }),
  ],
  [
    'copies data to where it has no memory',
    guest(OK, {
      more: '(data $d "ab") (func (export "_start") (memory.init $d (i32.const 131071) (i32.const 0) (i32.const 2)))',
    }),
  ],
  ['traps in _start', guest(OK, { more: '(func (export "_start") unreachable)' })],
  ['traps in init', guest(OK, { more: '(func (export "init") (result i32) unreachable)' })],
  [
    'calls with a bad region in init',
    guest(OK, {
      imports:
        '(import "kernel" "respond" (func $respond (param i32 i32 i32 i32 i32 i32 i32) (result i32))) (import "kernel" "random" (func $random (param i32 i32) (result i32)))',
      more: '(func (export "init") (result i32) (call $random (i32.const -1) (i32.const 8)))',
    }),
  ],
  [
    'answers a request in init',
    guest(OK, {
      more: '(func (export "init") (result i32) (call $respond (i32.const 1) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1)))',
    }),
  ],
] as [string, Promise<Uint8Array>][])
  t.test(`fails the launch of a guest that ${name}, and launches the next`, async (t) => {
    t.equal(await launch(await code), 'ERR_LAUNCH_BOOT')
    t.equal(await running(), 0, 'nothing of it is left')
    t.equal(await launch(await guest(OK)), 'launches', 'the name is free')
    await host.request({ action: 'terminate-enclave', parameters: { name: 'guest' } })
  })

t.test('launches guests whose data and elements end where memory and table end', async (t) => {
  for (const more of [
    '(data (i32.const 131070) "ab")',
    '(table 1 1 funcref) (elem (i32.const 0) $f) (func $f)',
    '(data $d "ab") (func (export "_start") (memory.init $d (i32.const 131070) (i32.const 0) (i32.const 2)))',
  ]) {
    t.equal(await launch(await guest(OK, { more })), 'launches', more)
    await host.request({ action: 'terminate-enclave', parameters: { name: 'guest' } })
  }
})

t.test('G10: ends guests that spin before they serve, while others launch', async (t) => {
  const spinning = await Promise.all(
    ['_start', 'init'].map(async (entry) => {
      const result = entry === 'init' ? '(result i32)' : ''
      const more = `(func (export "${entry}") ${result} (loop $ever (br $ever)) ${result && '(i32.const 0)'})`
      return host.sign(imageOf(`spins-in-${entry.replace('_', '')}`, await guest(OK, { more })))
    }),
  )
  const launches = spinning.map((image, index) =>
    host.launch(['spins-in-start', 'spins-in-init'][index] as string, image),
  )
  const outcomes = Promise.allSettled(launches)
  t.equal(await launch(await guest(OK)), 'launches', 'another one')
  await host.request({ action: 'terminate-enclave', parameters: { name: 'guest' } })
  for (const outcome of await outcomes)
    t.match(outcome, { status: 'rejected', reason: { code: 'ERR_LAUNCH_BOOT', message: /did not serve within/ } })
  t.equal(await running(), 0)
})
