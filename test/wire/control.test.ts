import t from 'tap'
import { FRAME_HEADER_BYTES } from '../../assembly/abi/wire.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import {
  ControlReader,
  decodeControl,
  encodeControl,
  TO_NITRO,
  TO_PARENT,
  type ToNitro,
  type ToParent,
} from '../../host/wire/control.ts'

const toParent: ToParent[] = [
  {
    type: 'configure',
    address: '127.0.0.1',
    port: 0,
    enclavesSocket: '/tmp/x',
    origins: [],
    hosts: ['a'],
    stepDeadlineMs: 5,
    kmsSocket: '/tmp/y',
    store: '{}',
    metrics: '',
  },
  { type: 'slot', slot: 1, token: new Uint8Array(16) },
  { type: 'store', slot: 1, storeId: new Uint8Array(32) },
  { type: 'enclave', slot: 1, name: 'a', enclaveId: 'i' },
  { type: 'answer', connection: 1, request: 2, json: '{"result":1}' },
  { type: 'shutdown' },
]
const toNitro: ToNitro[] = [
  { type: 'listening', port: 7443, layers: ['files'], metricsPort: 0 },
  { type: 'chunk', connection: 3, bytes: Uint8Array.of(1, 2) },
  { type: 'late', slot: 0, waitedMs: 1000 },
]

t.test('accepts what it wrote itself, in one chunk', async (t) => {
  const stream = Buffer.concat(toParent.map((message) => encodeControl(TO_PARENT, message)))
  t.same([...new ControlReader(TO_PARENT).push(stream)], toParent)
  const back = Buffer.concat(toNitro.map((message) => encodeControl(TO_NITRO, message)))
  t.same([...new ControlReader(TO_NITRO).push(back)], toNitro)
})

t.test('rejects a message of another shape, and accepts its twin', async (t) => {
  const code = { code: 'ERR_CONTROL_MESSAGE' }
  t.same(decodeControl(TO_NITRO, encodeCbor(['late', 0, 7])), { type: 'late', slot: 0, waitedMs: 7 })
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['late', 0])), code, 'a field is missing')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['late', 0, 7, 8])), code, 'a field too many')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['late', 0, -1])), code, 'a negative number')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['late', '0', 7])), code, 'text for a number')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['constructor'])), code, 'a name of the prototype')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor(['shutdown'])), code, 'a message of the other side')
  t.throws(() => decodeControl(TO_NITRO, encodeCbor({} as never)), code, 'no array')
  t.throws(() => decodeControl(TO_NITRO, Uint8Array.of(0x9f, 0xff)), { code: /ERR_CBOR/ }, 'no deterministic CBOR')
})

t.test('carries no more than its limit', async (t) => {
  const bytes = encodeControl(TO_NITRO, { type: 'chunk', connection: 1, bytes: new Uint8Array(1048576) })
  t.equal([...new ControlReader(TO_NITRO).push(bytes)].length, 1)
  t.ok(bytes.length > 1048576 + FRAME_HEADER_BYTES)
  const large = encodeControl(TO_NITRO, { type: 'chunk', connection: 1, bytes: new Uint8Array(1048576 + 256) })
  t.throws(() => [...new ControlReader(TO_NITRO).push(large)], { code: 'ERR_FRAME_SIZE' })
})
