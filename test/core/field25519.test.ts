// The field of Curve25519 against BigInt, in both builds: where chance goes, and at the bounds that the source states.
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
  pairScale(out: number, a: number, left: number, right: number): void
  pairSub(out: number, a: number, b: number): void
  pairInvert(out: number, a: number): void
  pairPower22523(out: number, a: number): void
  pairFromBytes(out: number, left: number, right: number): void
  pairToBytes(left: number, right: number, a: number): void
}

const P = 2n ** 255n - 19n
const LIMBS = 12
/** Weight of limb k: 2^ceil(21.25 k). */
const exponent = (k: number) => Math.ceil(21.25 * k)
/** The most a tight limb can be, in its own units. */
const tight = (k: number) => 2 ** (exponent(k + 1) - exponent(k)) * (1 / 2 + 2 ** -8)
const mod = (x: bigint) => ((x % P) + P) % P

const folder = mkdtempSync(join(tmpdir(), 'wasmclave-field-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

class Pairs {
  readonly field: Field
  readonly a: number
  readonly b: number
  readonly out: number
  readonly #bytes: number

  constructor(name: string, features: string[]) {
    const output = join(folder, `${name}.wasm`)
    execFileSync(process.execPath, [
      'node_modules/assemblyscript/bin/asc.js',
      'assembly/crypto/field25519.ts',
      ...[
        '-o',
        output,
        '--config',
        'none',
        '-O3',
        '--runtime',
        'stub',
        '--use',
        'abort=',
        '--noColors',
        '--disableWarning',
      ],
      ...features.flatMap((feature) => ['--enable', feature]),
    ])
    this.field = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(output))).exports as Field
    const page = this.field.memory.grow(1) * 65_536
    const pair = this.field.PAIR.value as number
    ;[this.a, this.b, this.out, this.#bytes] = [page, page + pair, page + 2 * pair, page + 3 * pair]
  }

  write(at: number, left: bigint, right: bigint): void {
    const bytes = new Uint8Array(this.field.memory.buffer)
    bytes.set(littleEndian(left), this.#bytes)
    bytes.set(littleEndian(right), this.#bytes + 32)
    this.field.pairFromBytes(at, this.#bytes, this.#bytes + 32)
  }

  read(at: number): [bigint, bigint] {
    this.field.pairToBytes(this.#bytes, this.#bytes + 32, at)
    const bytes = Buffer.from(this.field.memory.buffer, this.#bytes, 64)
    return [fromLittleEndian(bytes.subarray(0, 32)), fromLittleEndian(bytes.subarray(32))]
  }

  /** Limbs as they are, in their own units. */
  writeLimbs(at: number, left: number[], right: number[]): void {
    const limbs = new Float64Array(this.field.memory.buffer, at, 2 * LIMBS)
    for (let k = 0; k < LIMBS; k++)
      limbs.set([(left[k] as number) * 2 ** exponent(k), (right[k] as number) * 2 ** exponent(k)], 2 * k)
  }

  /** The greatest limb, as a share of what a tight one can be. */
  looseness(at: number): number {
    const limbs = new Float64Array(this.field.memory.buffer, at, 2 * LIMBS)
    return Math.max(...[...limbs].map((x, i) => Math.abs(x) / 2 ** exponent(i >> 1) / tight(i >> 1)))
  }
}

const littleEndian = (x: bigint) => Buffer.from(x.toString(16).padStart(64, '0'), 'hex').reverse()
const fromLittleEndian = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
const value = (limbs: number[]) => mod(limbs.reduce((sum, x, k) => sum + (BigInt(x) << BigInt(exponent(k))), 0n))
const random = () => fromLittleEndian(randomBytes(32)) & (2n ** 255n - 1n)

function power(base: bigint, by: bigint): bigint {
  let result = 1n
  for (let e = by, b = mod(base); e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b)
  return result
}

/** Encodings where carries and the last reduction are at their edges, reduced or not. */
const EDGES = [
  ...[0n, 1n, 2n, 18n, 19n, 20n, 2n ** 255n - 1n, 2n ** 254n, 2n ** 254n - 1n],
  ...[P - 20n, P - 19n, P - 2n, P - 1n, P, P + 1n, P + 17n, P + 18n, (P - 1n) / 2n, (P + 1n) / 2n],
  ...Array.from({ length: LIMBS }, (_, k) => 2n ** BigInt(exponent(k + 1)) - 1n),
  ...Array.from({ length: LIMBS }, (_, k) => 2n ** BigInt(exponent(k + 1) - 1)),
].filter((x) => x < 2n ** 255n)

for (const [name, features] of [
  ['plain', ['simd']],
  ['relaxed', ['simd', 'relaxed-simd']],
] as const) {
  const pairs = new Pairs(name, [...features])
  const { field, a, b, out } = pairs

  t.test(`${name}: reads and writes every edge of the encoding as its least residue`, async (t) => {
    for (const x of EDGES) {
      pairs.write(a, x, P - 1n)
      t.same(pairs.read(a), [mod(x), P - 1n], `${x.toString(16)}`)
      t.ok(pairs.looseness(a) <= 1)
    }
  })

  t.test(`${name}: multiplies, squares and subtracts every edge with every other`, async (t) => {
    let wrong = 0
    for (const x of EDGES)
      for (const y of EDGES) {
        pairs.write(a, x, y)
        pairs.write(b, y, y)
        field.pairMul(out, a, b)
        wrong += differs(pairs, out, [x * y, y * y])
        field.pairSquare(out, a)
        wrong += differs(pairs, out, [x * x, y * y])
        field.pairSub(out, a, b)
        field.pairScale(out, out, 121665, -1)
        wrong += differs(pairs, out, [121665n * (x - y), 0n])
      }
    t.equal(wrong, 0)
  })

  t.test(`${name}: agrees with BigInt on 100,000 random elements, each the outcome of the last`, async (t) => {
    let [x, y] = [random(), random()]
    pairs.write(a, x, y)
    let wrong = 0
    for (let i = 0; i < 50_000; i++) {
      const [v, w] = [random(), random()]
      pairs.write(b, v, w)
      if (i % 3 === 0) {
        field.pairSquare(a, a)
        ;[x, y] = [mod(x * x), mod(y * y)]
      } else if (i % 3 === 1) {
        field.pairMul(a, a, b)
        ;[x, y] = [mod(x * v), mod(y * w)]
      } else {
        const [k, l] = [randomInt(2 ** 24), randomInt(2 ** 24)]
        field.pairSub(a, a, b)
        field.pairScale(a, a, k, l)
        ;[x, y] = [mod((x - v) * BigInt(k)), mod((y - w) * BigInt(l))]
      }
      wrong += differs(pairs, a, [x, y])
    }
    t.equal(wrong, 0)
  })

  t.test(`${name}: is exact at the bounds it states, sums of m and n tight pairs with m n = 16`, async (t) => {
    const most = (m: number, sign: (k: number) => number) =>
      Array.from({ length: LIMBS }, (_, k) => sign(k) * m * Math.floor(tight(k)))
    const signs = [
      () => 1,
      () => -1,
      (k: number) => (k % 2 === 0 ? 1 : -1),
      (k: number) => (k < 6 ? 1 : -1),
      ...Array.from({ length: 60 }, () => () => (randomInt(2) === 0 ? 1 : -1)),
    ]
    for (const [m, n] of [
      [1, 16],
      [2, 8],
      [4, 4],
      [3, 4],
    ] as const)
      for (const sign of signs)
        for (const other of signs.slice(0, 4)) {
          const [v, w] = [most(m, sign), most(n, other)]
          pairs.writeLimbs(a, v, w)
          pairs.writeLimbs(b, w, w)
          field.pairMul(out, a, b)
          const wrong = differs(pairs, out, [value(v) * value(w), value(w) ** 2n].slice(0, n > 4 ? 1 : 2))
          if (wrong > 0 || (n <= 4 && pairs.looseness(out) > 1)) t.fail(`${m} times ${n}`)
          if (n > 4) continue
          field.pairSquare(out, a)
          if (differs(pairs, out, [value(v) ** 2n, value(w) ** 2n]) > 0) t.fail(`square of ${m} and ${n}`)
          if (pairs.looseness(out) > 1) t.fail(`loose square of ${m} and ${n}`)
        }
    t.pass()
  })

  t.test(`${name}: a test of the bounds sees a product that is beyond them`, async (t) => {
    // Odd limbs: with more than 53 bits in a column the last ones are lost.
    const limbs = Array.from({ length: LIMBS }, (_, k) => 16 * Math.floor(tight(k)) - 1)
    pairs.writeLimbs(a, limbs, limbs)
    field.pairMul(out, a, a)
    t.equal(differs(pairs, out, [value(limbs) ** 2n, value(limbs) ** 2n]), 2)
  })

  t.test(`${name}: inverts, and raises to (p - 5) / 8`, async (t) => {
    for (const x of [...EDGES, random(), random()]) {
      const y = random()
      pairs.write(a, x, y)
      field.pairInvert(out, a)
      t.same(pairs.read(out), [power(x, P - 2n), power(y, P - 2n)])
      field.pairPower22523(out, a)
      t.same(pairs.read(out), [power(x, (P - 5n) / 8n), power(y, (P - 5n) / 8n)])
    }
  })
}

/** How many lanes hold something else. */
function differs(pairs: Pairs, at: number, expected: bigint[]): number {
  const found = pairs.read(at)
  return expected.filter((x, lane) => found[lane] !== mod(x)).length
}
