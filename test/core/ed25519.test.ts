// Ed25519 verification against node:crypto, and where encodings and scalars are at their edges. RFC 8032's vectors are in rfc.test.ts.
import { createHash, generateKeyPairSync, randomBytes, randomInt, sign } from 'node:crypto'
import t from 'tap'
import { loadCore } from '../../host/core/index.ts'

const core = await loadCore()
/** The order of the base point, RFC 8032 section 5.1. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n

const P = 2n ** 255n - 19n
const mod = (x: bigint) => ((x % P) + P) % P
function inverse(x: bigint): bigint {
  let result = 1n
  for (let e = P - 2n, b = mod(x); e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b)
  return result
}
const D = mod(-121665n * inverse(121666n))
const NEUTRAL = [0n, 1n] as const
const EIGHTH = [
  14399317868200118260347934320527232580618823971194345261214217575416788799818n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
] as const
const encode = (x: bigint) => Buffer.from(x.toString(16).padStart(64, '0'), 'hex').reverse()

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

t.test(
  'accepts 1,000 signatures of node:crypto, and refuses each with a bit of key, message, R or S changed',
  async (t) => {
    const wrong: string[] = []
    for (let i = 0; i < 1000; i++) {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519')
      const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
      const message = randomBytes(1 + (i % 300))
      const signature = sign(null, message, privateKey)
      if (!core.ed25519.verify(key, message, signature)) wrong.push(`${i}`)
      // Every bit of key, R and S has its turn: 256 of each.
      const turn = i % 256
      if (core.ed25519.verify(flipped(key, turn), message, signature)) wrong.push(`${i}: key, bit ${turn}`)
      if (core.ed25519.verify(key, message, flipped(signature, turn))) wrong.push(`${i}: R, bit ${turn}`)
      if (core.ed25519.verify(key, message, flipped(signature, 256 + turn))) wrong.push(`${i}: S, bit ${turn}`)
      const bit = randomInt(8 * message.length)
      if (core.ed25519.verify(key, flipped(message, bit), signature)) wrong.push(`${i}: message, bit ${bit}`)
    }
    t.same(wrong, [])
  },
)

t.test('accepts S of L - 1, refuses L and L + 1, which would be 0 and 1', async (t) => {
  // Under the neutral element as a key nothing depends on the message, and R is S times the base point.
  const neutral = encode(1n)
  const base = Buffer.from('58'.padEnd(64, '6'), 'hex')
  const [message, negative] = [randomBytes(20), flipped(base, 255)]
  const check = (r: Uint8Array, s: bigint) => core.ed25519.verify(neutral, message, Buffer.concat([r, encode(s)]))
  t.ok(check(neutral, 0n))
  t.ok(check(base, 1n))
  t.ok(check(negative, L - 1n))
  t.notOk(check(neutral, L))
  t.notOk(check(base, L + 1n))
  t.notOk(check(base, L - 1n), 'the sign of R counts')
  t.notOk(check(negative, 1n))
})

t.test('takes a key of small order as section 5.1.7 does: valid where R is -h times it, for h modulo L', async (t) => {
  // node:crypto refuses such keys, so the multiples are BigInt's: those of a point of order 8.
  const torsion: Point[] = [NEUTRAL]
  for (let i = 1; i < 8; i++) torsion.push(sum(torsion[i - 1] as Point, EIGHTH))
  t.same(sum(torsion[7] as Point, EIGHTH), NEUTRAL)
  const encoded = torsion.map(([x, y]) => encode(y + ((x & 1n) << 255n)))
  let accepted = 0
  for (const [i, key] of encoded.entries())
    for (const [j, r] of encoded.entries())
      for (let n = 0; n < 8; n++) {
        const message = randomBytes(8)
        const digest = createHash('sha512').update(r).update(key).update(message).digest()
        const h = BigInt(`0x${digest.reverse().toString('hex')}`) % L
        const expected = (h * BigInt(i) + BigInt(j)) % 8n === 0n
        if (core.ed25519.verify(key, message, Buffer.concat([r, encode(0n)])) !== expected) t.fail(`${i} ${j}`)
        if (expected) accepted++
      }
  t.ok(accepted > 8 && accepted < 448, `${accepted} of 512 accepted`)
})

t.test('refuses keys and R that are no encodings of a point, and accepts the point they stand beside', async (t) => {
  const message = randomBytes(10)
  const top = 2n ** 255n
  const zero = encode(0n)
  const check = (key: bigint, r: bigint) => core.ed25519.verify(encode(key), message, Buffer.concat([encode(r), zero]))
  // y = 1 and y = p - 1 have x = 0, of which there is no negative; p + 1 is 1 again.
  t.ok(check(1n, 1n))
  for (const bad of [1n + top, P + 1n, P + 1n + top, P - 1n + top, 2n]) {
    t.notOk(check(bad, 1n), `key ${bad.toString(16)}`)
    t.notOk(check(1n, bad), `R ${bad.toString(16)}`)
  }
})

type Point = readonly [x: bigint, y: bigint]

/** Section 5.1.4's sum, affine. */
function sum([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = D * x1 * x2 * y1 * y2
  return [mod((x1 * y2 + x2 * y1) * inverse(1n + product)), mod((y1 * y2 + x1 * x2) * inverse(1n - product))]
}
