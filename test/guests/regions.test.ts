// What a workload says of its memory is an allegation: every pointer and length of every call, at and beyond its edges (G05 to G07),
// and handles that were never given (G18).
import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import { BLAME_WORKLOAD, FAULT_BAD_HANDLE, FAULT_BAD_REGION } from '../../assembly/abi/fault.ts'
import { MAX_RANDOM_BYTES } from '../../assembly/abi/limits.ts'
import { STATUS_CLOSED, STATUS_TOO_LARGE } from '../../assembly/abi/status.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { type Call, PUPPET_MEMORY as M, Puppet } from '../kit/puppet.ts'

t.setTimeout(120_000)

/** Good arguments, and where in them regions stand; a length of null is 32 bytes that the call writes. */
const CALLS: [call: Call, good: number[], regions: [pointer: number, length: number | null][]][] = [
  [
    'get',
    [0, 3, 64, 64],
    [
      [0, 1],
      [2, 3],
    ],
  ],
  [
    'scan',
    [0, 1, 0, 0, 0, 64, 64],
    [
      [0, 1],
      [2, 3],
      [5, 6],
    ],
  ],
  [
    'put',
    [0, 4, 64, 8],
    [
      [0, 1],
      [2, 3],
    ],
  ],
  ['delete', [0, 3], [[0, 1]]],
  ['settled', [64], [[0, null]]],
  ['random', [64, 8], [[0, 1]]],
  [
    'sha256',
    [0, 8, 64],
    [
      [0, 1],
      [2, null],
    ],
  ],
  [
    'hmac',
    [0, 8, 0, 8, 64],
    [
      [0, 1],
      [2, 3],
      [4, null],
    ],
  ],
  [
    'attest',
    [0, 8, 0, 8, 0, 8],
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  ],
]
const OUTSIDE: [number, number][] = [
  [-1, 1],
  [-16, 16],
  [M, 1],
  [M - 1, 2],
  [M + 1, 0],
  [0, M + 1],
  [0x7fff_ffff, 1],
  [-0x8000_0000, 1],
  [1, M],
  [0, 0x7fff_ffff],
]
/** For `attest` a length below 0 says that there is none. */
const NEGATIVE: [number, number][] = [
  [0, -1],
  [-1, -1],
  [65_536, -65_536],
  [4, -4],
]
const INSIDE: [number, number][] = [
  [M, 0],
  [M - 1, 1],
  [0, 0],
  [0, 16],
  [M - 16, 16],
]

function isBadRegion(result: bigint | EnclaveFault): boolean {
  return result instanceof EnclaveFault && result.kind === FAULT_BAD_REGION && result.blame === BLAME_WORKLOAD
}

for (const [call, good, regions] of CALLS)
  t.test(`G05: ${call} takes regions up to the end of memory, and ends a guest for each beyond`, async (t) => {
    const twin = new Puppet()
    // A record for `get` to find: three zeros, as memory has them.
    t.ok((twin.call('put', 0, 3, 0, 8) as bigint) > 0n)
    t.notOk(twin.call(call, ...good) instanceof EnclaveFault, 'the twin')
    for (const [pointer, length] of regions) {
      for (const [at, size] of INSIDE) {
        if (length === null && at > M - written(call)) continue
        const args = with_(good, pointer, at, length, size)
        const result = twin.call(call, ...args)
        t.notOk(result instanceof EnclaveFault, `(${at}, ${size}) as argument ${pointer}: ${String(result)}`)
      }
      const rows =
        length === null
          ? ([
              [M - written(call) + 1, 0],
              [M, 0],
              [-1, 0],
              [-written(call), 0],
            ] as [number, number][])
          : call === 'attest'
            ? OUTSIDE
            : [...OUTSIDE, ...NEGATIVE]
      for (const [at, size] of rows) {
        const guest = new Puppet()
        guest.call('put', 0, 3, 0, 8)
        const args = with_(good, pointer, at, length, size)
        t.ok(isBadRegion(guest.call(call, ...args)), `(${at}, ${size}) as argument ${pointer}`)
      }
    }
  })

/** Bytes that a call without a length writes: two versions, or a hash. */
function written(call: string): number {
  return call === 'settled' ? 16 : 32
}

t.test('tells which writes are settled, and that none was lost', async (t) => {
  const guest = new Puppet()
  const settled = () => {
    t.equal(guest.call('settled', 64), 16n)
    return [guest.read(64, 16).readBigUInt64LE(0), guest.read(64, 16).readBigUInt64LE(8)]
  }
  t.same(settled(), [0n, 0n])
  const version = guest.call('put', 0, 3, 0, 8) as bigint
  t.same(settled(), [version, 0n])
  t.equal(guest.call('delete', 0, 3), version + 1n)
  t.same(settled(), [version + 1n, 0n])
})

function with_(good: number[], pointer: number, at: number, length: number | null, size: number): number[] {
  const args = [...good]
  args[pointer] = at
  if (length !== null) args[length] = size
  return args
}

t.test('G05: respond and stream, with a body and headers at the edge', async (t) => {
  const twin = new Puppet()
  const respond = (puppet: Puppet, headers: number, headersLength: number, body: number, length: number) =>
    puppet.call('respond', puppet.nextRequest, 200, headers, headersLength, body, length, 1)
  t.equal(respond(twin, 0, 0, M - 8, 8), 200n)
  t.equal(respond(twin, M, 0, M, 0), 200n)
  for (const [at, size] of [...OUTSIDE, ...NEGATIVE]) {
    t.ok(isBadRegion(respond(new Puppet(), 0, 0, at, size)), `body (${at}, ${size})`)
    t.ok(isBadRegion(respond(new Puppet(), at, size, 0, 0)), `headers (${at}, ${size})`)
    const guest = new Puppet()
    t.ok(isBadRegion(guest.call('stream', guest.nextRequest, at, size, 0)), `stream (${at}, ${size})`)
  }
})

t.test('hashes and authenticates what it was given, whatever was where the answer goes', async (t) => {
  const guest = new Puppet()
  t.equal(guest.call('random', 0, 200), 0n)
  const data = guest.read(0, 200)
  t.equal(guest.call('sha256', 0, 100, 104), 0n)
  t.ok(guest.read(104, 32).equals(createHash('sha256').update(data.subarray(0, 100)).digest()), 'SHA-256')
  t.equal(guest.call('hmac', 0, 40, 40, 60, 136), 0n)
  const mac = createHmac('sha256', data.subarray(0, 40)).update(data.subarray(40, 100)).digest()
  t.ok(guest.read(136, 32).equals(mac), 'HMAC')
})

t.test('G06: a region that covers another one is read before it is written', async (t) => {
  const guest = new Puppet()
  const zeros = (length: number) => Buffer.alloc(length)
  t.equal(guest.call('sha256', 32, 64, 32), 0n)
  t.ok(guest.read(32, 32).equals(createHash('sha256').update(zeros(64)).digest()), 'over what it hashes')
  const before = guest.read(0, 64)
  t.equal(guest.call('hmac', 16, 32, 24, 32, 20), 0n)
  const mac = createHmac('sha256', before.subarray(16, 48)).update(before.subarray(24, 56)).digest()
  t.ok(guest.read(20, 32).equals(mac), 'over key and data at once')
  const key = guest.read(20, 8)
  t.equal(guest.call('put', 20, 8, 20, 16), 1n)
  t.equal(guest.call('get', 20, 8, 16, 24), 24n)
  const found = guest.read(16, 24)
  t.equal(found.readBigUInt64LE(0), 1n, 'over the key it looks for')
  t.ok(found.subarray(8, 16).equals(key))
})

t.test('G07: memory that grew is as good as the rest, and what was outside is inside', async (t) => {
  t.ok(isBadRegion(new Puppet().call('sha256', M, 64, 0)), 'before')
  const guest = new Puppet()
  t.equal(guest.call('grow', 1), 2n)
  t.equal(guest.call('sha256', M, 64, M + 128), 0n)
  t.ok(guest.read(M + 128, 32).equals(createHash('sha256').update(Buffer.alloc(64)).digest()))
  t.equal(guest.call('random', M + 65_536 - 8, 8), 0n)
  t.not(guest.read(M + 65_536 - 8, 8).toString('hex'), '00'.repeat(8))
  t.equal(guest.call('grow', 2), -1n, 'beyond its maximum it does not')
  t.ok(isBadRegion(guest.call('random', M + 65_536 - 8, 9)))
})

t.test('gives so much randomness at a time', async (t) => {
  const guest = new Puppet()
  for (const [length, status] of [
    [MAX_RANDOM_BYTES - 1, 0],
    [MAX_RANDOM_BYTES, 0],
    [MAX_RANDOM_BYTES + 1, STATUS_TOO_LARGE],
  ] as const)
    t.equal(guest.call('random', 16_384, length), BigInt(status), `${length} bytes`)
})

t.test('G18: a handle that was never given ends a guest; one that is over is a status', async (t) => {
  const twin = new Puppet()
  t.equal(twin.call('respond', 1, 200, 0, 0, 0, 0, 1), 200n)
  t.equal(twin.call('stream', 1, 0, 0, 1), BigInt(STATUS_CLOSED), 'the one before')
  for (const handle of [0, 2, 3, 4, 1000, 0x7fff_ffff, -1, -0x8000_0000]) {
    const guest = new Puppet()
    const result = guest.call('stream', handle, 0, 0, 1)
    t.match(result, { kind: FAULT_BAD_HANDLE, blame: BLAME_WORKLOAD }, `handle ${handle}`)
  }
  const guest = new Puppet()
  for (let i = 0; i < 100; i++) guest.call('peek', 0)
  let over = 0
  for (let handle = 1; handle <= 100; handle++)
    if (guest.call('stream', handle, 0, 0, 1) === BigInt(STATUS_CLOSED)) over++
  t.equal(over, 100, 'all that are over stay over')
})
