// The field and the scalars of P-384 against BigInt: where chance goes, and at the bounds that the sources state. The field in both builds.
import { execFileSync } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

type Field = {
  memory: WebAssembly.Memory
  PAIR: WebAssembly.Global
  pairMul(out: number, a: number, b: number): void
  pairSquare(out: number, a: number): void
  pairSettle(out: number, a: number): void
  pairFromBytes(out: number, left: number, right: number): void
  laneIsZero(a: number, lane: number): number
}
type Scalars = {
  memory: WebAssembly.Memory
  DIGITS384: WebAssembly.Global
  isScalar384(a: number): number
  invertScalar(out: number, a: number): void
  multiplyScalar(out: number, a: number, b: number): void
  sparseDigits384(out: number, from: number, width: number): number
}

/** SP 800-186 section 3.2.1.4 */
const P = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n
const N = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
const R = 2n ** 384n
const LIMBS = 16
/** The most a tight limb can be, in its own units. */
const TIGHT = 2 ** 23 + 2 ** 14

const mod = (x: bigint, m: bigint) => ((x % m) + m) % m
const encode = (x: bigint) => Buffer.from(x.toString(16).padStart(96, '0'), 'hex')
const decode = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const random = () => decode(randomBytes(48))
const folder = mkdtempSync(join(tmpdir(), 'wasmclave-field384-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

function compile<T>(source: string, name: string, features: readonly string[]): T {
  const output = join(folder, `${name}.wasm`)
  execFileSync(process.execPath, [
    ...['node_modules/assemblyscript/bin/asc.js', `assembly/crypto/${source}.ts`, '-o', output, '--config', 'none'],
    ...['-O3', '--runtime', 'stub', '--use', 'abort=', '--noColors', '--disableWarning'],
    ...features.flatMap((feature) => ['--enable', feature]),
  ])
  return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(output))).exports as T
}

for (const [name, features] of [
  ['plain', ['simd']],
  ['relaxed', ['simd', 'relaxed-simd']],
] as const) {
  const field = compile<Field>('field384', name, features)
  const a = field.memory.grow(1) * 65_536
  const [b, out, bytes] = [1, 2, 3].map((i) => a + i * (field.PAIR.value as number)) as [number, number, number]

  const write = (at: number, lanes: readonly number[][]) => {
    const limbs = new Float64Array(field.memory.buffer, at, 2 * LIMBS)
    for (let k = 0; k < LIMBS; k++)
      for (const lane of [0, 1]) limbs[2 * k + lane] = (lanes[lane]?.[k] as number) * 2 ** (24 * k)
  }
  const limbsOf = (at: number): number[][] => {
    const limbs = new Float64Array(field.memory.buffer, at, 2 * LIMBS)
    return [0, 1].map((lane) =>
      Array.from({ length: LIMBS }, (_, k) => (limbs[2 * k + lane] as number) / 2 ** (24 * k)),
    )
  }
  const value = (limbs: readonly number[]) => limbs.reduce((sum, x, k) => sum + (BigInt(x) << BigInt(24 * k)), 0n)
  /** Both lanes modulo p, as long as they are tight; otherwise what is not. */
  const read = (at: number): (bigint | string)[] =>
    limbsOf(at).map((limbs) => {
      const loose = limbs.find((x) => !Number.isInteger(x) || Math.abs(x) > TIGHT)
      return loose === undefined ? mod(value(limbs), P) : `a limb of ${loose}`
    })

  /** Limbs of at most `times` tight ones: all the greatest, of one sign, of alternating signs, of signs at random, and anything below. */
  const fill = (times: number, kind: number) =>
    Array.from({ length: LIMBS }, (_, k) => {
      const most = times * TIGHT
      if (kind === 0) return most
      if (kind === 1) return -most
      if (kind === 2) return k % 2 === 0 ? most : -most
      if (kind === 3) return randomInt(2) === 0 ? most : -most
      return randomInt(2 * most + 1) - most
    })
  const product = (x: readonly number[], y: readonly number[]) => mod(value(x) * value(y), P)

  t.test(`${name}: multiplies sums of tight pairs exactly up to m n = 7, and leaves tight ones`, async (t) => {
    for (const [m, n] of [
      [1, 1],
      [2, 2],
      [2, 3],
      [1, 7],
      [7, 1],
    ] as const)
      for (let i = 0; i < 400; i++) {
        const [x, y] = [0, 1].map((lane) => fill(m, (i + lane) % 5)) as [number[], number[]]
        const [v, w] = [0, 1].map((lane) => fill(n, (Math.floor(i / 5) + lane) % 5)) as [number[], number[]]
        write(a, [x, y])
        write(b, [v, w])
        field.pairMul(out, a, b)
        const expected = [product(x, v), product(y, w)]
        const found = read(out)
        if (found[0] !== expected[0] || found[1] !== expected[1]) return t.fail(`${m} by ${n}, ${i}: ${found}`)
        if (m > 2) continue
        field.pairSquare(out, a)
        const squares = read(out)
        if (squares[0] !== product(x, x) || squares[1] !== product(y, y))
          return t.fail(`square of ${m}, ${i}: ${squares}`)
      }
    t.pass()
  })

  t.test(`${name}: settles sums of 32 tight pairs, and knows 0 in either lane from all that is not`, async (t) => {
    for (let i = 0; i < 500; i++) {
      const lanes = [fill(32, i % 5), fill(32, (i + 1) % 5)]
      write(a, lanes)
      field.pairSettle(out, a)
      const found = read(out)
      if (lanes.some((limbs, lane) => found[lane] !== mod(value(limbs), P))) return t.fail(`${i}: ${found}`)
    }
    // p itself and its multiples, from limbs that are not tight: words of 24 bits
    const words = (x: bigint) => Array.from({ length: LIMBS }, (_, k) => Number((x >> BigInt(24 * k)) & 0xffffffn))
    for (const [x, zero] of [
      [0n, true],
      [P, true],
      [P - 1n, false],
      [P + 1n, false],
      [1n, false],
      [2n ** 383n, false],
    ] as const)
      for (const times of [1, 2, 7, -3]) {
        const scaled = words(x).map((word) => word * times)
        write(a, [scaled, words(5n)])
        field.pairSettle(out, a)
        t.equal(field.laneIsZero(out, 0) !== 0, zero, `${times} times ${x}`)
        t.equal(field.laneIsZero(out, 1), 0)
      }
  })

  t.test(`${name}: reads encodings`, async (t) => {
    const edges = [0n, 1n, 2n ** 24n - 1n, 2n ** 23n, 2n ** 383n, P - 1n, P, R - 1n]
    for (let i = 0; i < 200; i++) {
      const [x, y] = [edges[i] ?? random(), random()]
      new Uint8Array(field.memory.buffer).set(Buffer.concat([encode(x), encode(y)]), bytes)
      field.pairFromBytes(a, bytes, bytes + 48)
      const found = read(a)
      if (found[0] !== x % P || found[1] !== y % P) return t.fail(`${x} ${y}: ${found}`)
    }
    t.pass()
  })
}

const scalars = compile<Scalars>('scalar384', 'scalar384', [])
const at = scalars.memory.grow(1) * 65_536
const [second, result] = [at + 64, at + 128]
const put = (to: number, x: bigint) => new Uint8Array(scalars.memory.buffer).set(encode(x).reverse(), to)
const take = (from: number) => decode(Buffer.from(scalars.memory.buffer.slice(from, from + 48)).reverse())

const SCALARS = [1n, 2n, 3n, N - 1n, N - 2n, (N - 1n) / 2n, (N + 1n) / 2n, 2n ** 383n, 2n ** 64n, 2n ** 320n - 1n]
for (let i = 0; i < 383; i++) SCALARS.push(2n ** BigInt(i), N - 2n ** BigInt(i))
for (let i = 0; i < 2000; i++) SCALARS.push(mod(random(), N - 1n) + 1n)

t.test('inverts scalars: powers of two, their negatives, and 2,000 at random', async (t) => {
  const wrong = SCALARS.filter((x) => {
    put(at, x)
    scalars.invertScalar(result, at)
    const found = take(result)
    return found >= N || (found * x) % N !== R % N
  })
  t.same(wrong, [])
})

t.test('multiplies scalars by anything below 2^384', async (t) => {
  const factors = [0n, 1n, N - 1n, N, N + 1n, R - 1n]
  const wrong = SCALARS.filter((x, i) => {
    const y = factors[i % 12] ?? random()
    put(at, x)
    put(second, y)
    scalars.multiplyScalar(result, at, second)
    const found = take(result)
    return found >= N || (found * R - x * y) % N !== 0n
  })
  t.same(wrong, [])
})

t.test('tells N - 1 from 0, N and N + 1', async (t) => {
  for (const [x, valid] of [
    [0n, false],
    [1n, true],
    [N - 1n, true],
    [N, false],
    [N + 1n, false],
    [R - 1n, false],
  ] as const) {
    put(at, x)
    t.equal(scalars.isScalar384(at) !== 0, valid, `${x}`)
  }
})

for (const width of [5, 7])
  t.test(`writes a scalar as odd digits below 2^${width - 1}, ${width - 1} zeros after each`, async (t) => {
    const wrong = [0n, ...SCALARS].filter((x) => {
      put(at, x)
      const top = scalars.sparseDigits384(result, at, width)
      const digits = [...new Int8Array(scalars.memory.buffer, result, scalars.DIGITS384.value as number)]
      const sum = digits.reduce((total, digit, i) => total + (BigInt(digit) << BigInt(i)), 0n)
      const places = digits.flatMap((digit, i) => (digit === 0 ? [] : [i]))
      const small = places.every((i) => digits[i] && digits[i] % 2 !== 0 && Math.abs(digits[i]) < 2 ** (width - 1))
      const sparse = places.every((i, n) => n === 0 || i - (places[n - 1] as number) >= width)
      return sum !== x || !small || !sparse || top !== (places.at(-1) ?? -1)
    })
    t.same(wrong, [])
  })
