// Scalars of Ed25519 against BigInt: what 64 bytes are modulo L, and the sparse digits of what is below it.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

type Scalars = {
  memory: WebAssembly.Memory
  DIGITS: WebAssembly.Global
  isScalar(a: number): number
  reduceScalar(out: number, from: number): void
  sparseDigits(out: number, from: number, width: number): number
}

const L = 2n ** 252n + 27742317777372353535851937790883648493n
const folder = mkdtempSync(join(tmpdir(), 'wasmclave-scalar-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const output = join(folder, 'scalar.wasm')
execFileSync(process.execPath, [
  ...['node_modules/assemblyscript/bin/asc.js', 'assembly/crypto/scalar25519.ts', '-o', output, '--config', 'none'],
  ...['-O3', '--runtime', 'stub', '--use', 'abort=', '--noColors'],
])
const scalars = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(output))).exports as Scalars
const at = scalars.memory.grow(1) * 65_536
const memory = new Uint8Array(scalars.memory.buffer)
const out = at + 64

const encode = (x: bigint, length: number) => Buffer.from(x.toString(16).padStart(2 * length, '0'), 'hex').reverse()
const decode = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)

function reduce(x: bigint): bigint {
  memory.set(encode(x, 64), at)
  scalars.reduceScalar(out, at)
  return decode(memory.slice(out, out + 32))
}

t.test(
  'reduces 64 bytes modulo L: multiples of it and their neighbours, powers of two, and 20,000 at random',
  async (t) => {
    const most = 2n ** 512n - 1n
    const edges = [0n, 1n, most, most - 1n, ...Array.from({ length: 512 }, (_, i) => 1n << BigInt(i))]
    for (const k of [1n, 2n, 3n, 15n, 16n, 2n ** 16n, 2n ** 128n, most / L - 1n, most / L])
      for (const near of [-1n, 0n, 1n]) edges.push(k * L + near)
    for (let i = 0; i < 20_000; i++) edges.push(decode(randomBytes(64)))
    t.same(
      edges.filter((x) => reduce(x) !== x % L),
      [],
    )
  },
)

t.test('tells L - 1 from L and L + 1, and both from the greatest of 32 bytes', async (t) => {
  const isScalar = (x: bigint) => {
    memory.set(encode(x, 32), at)
    return scalars.isScalar(at) !== 0
  }
  for (const x of [0n, 1n, 2n ** 252n, L - 1n]) t.ok(isScalar(x), `${x}`)
  for (const x of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n]) t.notOk(isScalar(x), `${x}`)
})

for (const width of [5, 7])
  t.test(`writes a scalar as odd digits below 2^${width - 1}, ${width - 1} zeros after each`, async (t) => {
    const values = [0n, 1n, 2n, 3n, L - 1n, L - 2n, 2n ** 252n, 2n ** 252n - 1n, (L - 1n) / 3n]
    for (let i = 0; i < 252; i++) values.push(1n << BigInt(i), (1n << BigInt(i)) - 1n)
    for (let i = 0; i < 2000; i++) values.push(decode(randomBytes(64)) % L)
    const count = scalars.DIGITS.value as number
    const wrong = values.filter((x) => {
      memory.set(encode(x, 32), at)
      const top = scalars.sparseDigits(out, at, width)
      const digits = [...new Int8Array(scalars.memory.buffer, out, count)]
      const sum = digits.reduce((total, digit, i) => total + (BigInt(digit) << BigInt(i)), 0n)
      const places = digits.flatMap((digit, i) => (digit === 0 ? [] : [i]))
      const small = places.every(
        (i) => (digits[i] as number) % 2 !== 0 && Math.abs(digits[i] as number) < 2 ** (width - 1),
      )
      const sparse = places.every((i, n) => n === 0 || i - (places[n - 1] as number) >= width)
      return sum !== x || !small || !sparse || top !== (places.at(-1) ?? -1)
    })
    t.same(wrong, [])
  })
