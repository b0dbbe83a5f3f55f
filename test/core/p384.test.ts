// ECDSA on P-384 against others' vectors, node:crypto, and BigInt where keys and scalars are at their edges.
import { createECDH, createHash, generateKeyPairSync, randomBytes, randomInt, sign } from 'node:crypto'
import t from 'tap'
import { instantiateCore } from '../../host/core/module.ts'
import { coreBytes, cores } from '../kit/cores.ts'
import { account, hex, readVectors, vectorTest } from '../vectors/kit.ts'

/** The field's prime, the order of the base point and the curve's B, SP 800-186 section 3.2.1.4. */
const P = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n
const N = 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n
const B = 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn

type Suite = {
  testGroups: {
    publicKey: { uncompressed: string }
    tests: { tcId: number; msg: string; sig: string; result: string }[]
  }[]
}

const encode = (x: bigint) => Buffer.from(x.toString(16).padStart(96, '0'), 'hex')
const decode = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
const mod = (x: bigint, m: bigint) => ((x % m) + m) % m
const digestOf = (message: Uint8Array) => decode(createHash('sha384').update(message).digest())

function inverse(x: bigint, m: bigint): bigint {
  let [a, b, u, v] = [mod(x, m), m, 1n, 0n]
  while (a > 1n) {
    const q = b / a
    ;[a, b, u, v] = [b % a, a, v - q * u, u]
    if (a === 0n) throw new Error('no inverse')
  }
  return mod(u, m)
}

/** k times the base point, as 04 X Y. */
function multipleOfBase(k: bigint): Buffer {
  const ecdh = createECDH('secp384r1')
  ecdh.setPrivateKey(encode(k))
  return ecdh.getPublicKey()
}

const xOf = (point: Uint8Array) => decode(point.subarray(1, 49))
const signatureOf = (r: bigint, s: bigint) => Buffer.concat([encode(r), encode(s)])

/** A signature by the secret key d, with the nonce k: FIPS 186-5 section 6.4.1. */
function signWith(d: bigint, k: bigint, message: Uint8Array): Buffer {
  const r = xOf(multipleOfBase(k)) % N
  return signatureOf(r, mod(inverse(k, N) * (digestOf(message) + r * d), N))
}

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}

/** The point of the least x from `from` on. p is 3 modulo 4, so a root is a power. */
function pointFrom(from: bigint): [x: bigint, y: bigint] {
  for (let x = from; ; x++) {
    const square = mod(x ** 3n - 3n * x + B, P)
    let y = 1n
    for (let b = square, e = (P + 1n) / 4n; e > 0n; e >>= 1n, b = (b * b) % P) if (e & 1n) y = (y * b) % P
    if ((y * y) % P === square) return [x, y]
  }
}

const randomScalar = () => mod(decode(randomBytes(48)), N - 1n) + 1n

for (const { build, core } of cores) {
  const verify = core.p384.verify

  vectorTest(t, `${build} build: verifies as Wycheproof demands`, async (t) => {
    let executed = 0
    for (const { publicKey, tests } of readVectors<Suite>('wycheproof/ecdsa_secp384r1_sha384_p1363_test.json')
      .testGroups)
      for (const { tcId, msg, sig, result } of tests) {
        executed++
        const valid = verify(hex(publicKey.uncompressed), hex(msg), hex(sig))
        if (valid !== (result === 'valid')) t.fail(`case ${tcId}: ${valid}`)
      }
    account(t, `wycheproof ECDSA P-384, ${build}`, { executed, outOfScope: 0, total: 280 })
  })

  t.test(
    `${build} build: RFC 6979 A.2.6: accepts its signatures with SHA-384, refuses each on the other`,
    async (t) => {
      const key = hex(
        '04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
      )
      const sample = hex(
        '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
      )
      const test = hex(
        '8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb0542a7f0812998da8f1dd3ca3cf023dbddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667bf3b828246baa5a5',
      )
      t.equal(verify(key, Buffer.from('sample'), sample), true)
      t.equal(verify(key, Buffer.from('test'), test), true)
      t.equal(verify(key, Buffer.from('sample'), test), false)
      t.equal(verify(key, Buffer.from('test'), sample), false)
    },
  )

  t.test(`${build} build: accepts 300 signatures of node:crypto, and refuses each with one bit changed`, async (t) => {
    const wrong: string[] = []
    for (let i = 0; i < 300; i++) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
      const key = publicKey.export({ format: 'der', type: 'spki' }).subarray(-97)
      const message = randomBytes(1 + i)
      const signature = sign('sha384', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      if (!verify(key, message, signature)) wrong.push(`${i}`)
      const s = decode(signature.subarray(48))
      if (!verify(key, message, Buffer.concat([signature.subarray(0, 48), encode(N - s)]))) wrong.push(`${i}: N - s`)
      const bit = randomInt(96 * 8)
      if (verify(key, message, flipped(signature, bit))) wrong.push(`${i}: signature, bit ${bit}`)
      const ofMessage = randomInt(8 * message.length)
      if (verify(key, flipped(message, ofMessage), signature)) wrong.push(`${i}: message, bit ${ofMessage}`)
      const ofKey = randomInt(97 * 8)
      if (verify(flipped(key, ofKey), message, signature)) wrong.push(`${i}: key, bit ${ofKey}`)
    }
    t.same(wrong, [])
  })

  t.test(`${build} build: accepts small and large secret keys and nonces, where sums double and cancel`, async (t) => {
    // With secret keys near 0 and N the two tables share points, so sums of equal and of opposite points occur on the way.
    const small = [1n, 2n, 3n, 4n, 5n, 7n, 8n, 15n, 16n, 31n, 63n, 2n ** 192n, (N - 1n) / 2n]
    const edges = [...small, ...small.map((x) => N - x)]
    const wrong: string[] = []
    for (const d of edges) {
      const key = multipleOfBase(d)
      for (const k of [1n, 2n, N - 1n, randomScalar()]) {
        const message = randomBytes(24)
        const signature = signWith(d, k, message)
        if (!verify(key, message, signature)) wrong.push(`d ${d}, k ${k}`)
        if (verify(key, randomBytes(24), signature)) wrong.push(`d ${d}, k ${k}, another message`)
      }
    }
    t.same(wrong, [])
  })

  t.test(`${build} build: accepts equal halves, which double at the end, and refuses a sum of infinity`, async (t) => {
    const message = randomBytes(16)
    const e = digestOf(message)
    // d = e/r makes u1 G = u2 Q: R = 2 u1 G; and -e/r makes R infinite, whatever s is.
    const k = randomScalar()
    const r = xOf(multipleOfBase(k)) % N
    const d = mod(e * inverse(r, N), N)
    const s = mod(inverse(k, N) * (e + r * d), N)
    t.equal(verify(multipleOfBase(d), message, signatureOf(r, s)), true)
    t.equal(verify(multipleOfBase(N - d), message, signatureOf(r, s)), false, 'infinity')
    // A small multiple on either side: (u1, u2) of a few bits, from a digest that is fixed: s = e/u1, r = u2 s, and Q whatever fits.
    for (const [u1, u2] of [
      [1n, 1n],
      [1n, 2n],
      [3n, 1n],
      [N - 1n, 1n],
      [1n, N - 1n],
      [N - 3n, 5n],
    ] as const) {
      const smallS = mod(e * inverse(u1, N), N)
      const smallR = mod(u2 * smallS, N)
      t.equal(verify(multipleOfBase(2n), message, signatureOf(smallR, smallS)), false, `${u1} ${u2}: x is not r`)
    }
    // The twins: where u1 G + u2 Q has x = r for Q = 1/u2 (k - u1) G.
    for (const u1 of [1n, 2n, 3n, N - 1n, N - 2n]) {
      const s1 = mod(e * inverse(u1, N), N)
      const u2 = mod(r * inverse(s1, N), N)
      const q = mod((k - u1) * inverse(u2, N), N)
      t.equal(verify(multipleOfBase(q), message, signatureOf(r, s1)), true, `u1 of ${u1}`)
    }
  })

  t.test(`${build} build: accepts r and s of N - 1 and 1 in shape only, refuses 0, N and above`, async (t) => {
    const message = randomBytes(16)
    const e = digestOf(message)
    const k = randomScalar()
    const r = xOf(multipleOfBase(k)) % N
    // Keys under which s is what we say: d = (s k - e)/r.
    const keyFor = (s: bigint) => multipleOfBase(mod((s * k - e) * inverse(r, N), N))
    for (const s of [1n, 2n, N - 2n, N - 1n]) t.equal(verify(keyFor(s), message, signatureOf(r, s)), true, `s ${s}`)
    for (const s of [0n, N, N + 1n, 2n ** 384n - 1n])
      t.equal(verify(keyFor(mod(s, N) + (mod(s, N) === 0n ? 1n : 0n)), message, signatureOf(r, s)), false, `s ${s}`)
    const key = keyFor(5n)
    t.equal(verify(key, message, signatureOf(r, 5n)), true)
    for (const other of [0n, N, 2n ** 384n - 1n, r ^ 1n]) t.equal(verify(key, message, signatureOf(other, 5n)), false)
  })

  t.test(
    `${build} build: accepts a key, and refuses it off the curve, unreduced, compressed, at infinity`,
    async (t) => {
      const message = randomBytes(16)
      const d = randomScalar()
      const key = multipleOfBase(d)
      const signature = signWith(d, randomScalar(), message)
      t.equal(verify(key, message, signature), true)
      t.equal(verify(flipped(key, 8 * 96), message, signature), false, 'y + 1 or y - 1')
      for (const tag of [0, 2, 3, 5, 6, 7]) {
        const tagged = Buffer.from(key)
        tagged[0] = tag
        t.equal(verify(tagged, message, signature), false, `tag ${tag}`)
      }
      const compressed = Buffer.concat([Buffer.of(2 + ((key[96] as number) & 1)), key.subarray(1, 49)])
      t.equal(verify(compressed, message, signature), false, 'compressed')
      t.equal(verify(Buffer.alloc(97), message, signature), false, 'zeros')
      t.equal(verify(Buffer.of(0), message, signature), false, 'infinity')
      for (const length of [96, 98]) t.equal(verify(Buffer.alloc(length, key), message, signature), false, `${length}`)
      for (const length of [0, 95, 97])
        t.equal(verify(key, message, Buffer.alloc(length, signature)), false, `${length} bytes of signature`)
    },
  )

  t.test(
    `${build} build: accepts digests of 0 and above N, points of x near 0 and above N, refuses x + p`,
    async (t) => {
      const exports = instantiateCore(coreBytes(build))
      const at = exports.allocate(512)
      const verifyDigest = (key: Uint8Array, digest: Uint8Array, signature: Uint8Array) => {
        const memory = new Uint8Array(exports.memory.buffer, at)
        memory.set(key)
        memory.set(digest, 128)
        memory.set(signature, 256)
        return exports.p384Verify(at, at + 128, at + 256) !== 0
      }
      const d = randomScalar()
      for (const digest of [0n, 1n, N - 1n, N, N + 1n, 2n ** 384n - 1n]) {
        const k = randomScalar()
        const r = xOf(multipleOfBase(k)) % N
        const s = mod(inverse(k, N) * (digest + r * d), N)
        t.equal(verifyDigest(multipleOfBase(d), encode(digest), signatureOf(r, s)), true, `digest ${digest}`)
        t.equal(verifyDigest(multipleOfBase(d), encode(digest ^ 2n), signatureOf(r, s)), false, 'a bit changed')
      }
      // Under a digest of 0, s = r makes R the key itself: valid for any point, with r = x modulo N.
      const zero = encode(0n)
      for (const from of [1n, N + 1n]) {
        const [x, y] = pointFrom(from)
        const point = (value: bigint) => Buffer.concat([Buffer.of(4), encode(value), encode(y)])
        t.equal(verifyDigest(point(x), zero, signatureOf(x % N, x % N)), true, `x ${x}`)
        t.equal(verifyDigest(point(x), zero, signatureOf((x % N) + 1n, (x % N) + 1n)), false, 'r + 1')
        if (x + P < 2n ** 384n) t.equal(verifyDigest(point(x + P), zero, signatureOf(x % N, x % N)), false, 'x + p')
      }
      const [x] = pointFrom(1n)
      t.ok(x + P < 2n ** 384n, 'the unreduced x was tried')
    },
  )
}
