// X25519 against node:crypto, and where scalars and points are at their edges. RFC 7748's own vectors are in rfc.test.ts.
import { createPrivateKey, createPublicKey, diffieHellman, randomBytes } from 'node:crypto'
import t from 'tap'
import { Core, loadCore } from '../../host/core/index.ts'
import { instantiateCore, readCore } from '../../host/core/module.ts'

const core = await loadCore()
const P = 2n ** 255n - 19n

// RFC 8410 section 7: what stands before the 32 bytes of a key
const PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex')
const PUBLIC = Buffer.from('302a300506032b656e032100', 'hex')
const privateKey = (raw: Uint8Array) =>
  createPrivateKey({ key: Buffer.concat([PRIVATE, raw]), format: 'der', type: 'pkcs8' })
const publicKey = (raw: Uint8Array) =>
  createPublicKey({ key: Buffer.concat([PUBLIC, raw]), format: 'der', type: 'spki' })
const theirs = (secret: Uint8Array, point: Uint8Array) =>
  diffieHellman({ privateKey: privateKey(secret), publicKey: publicKey(point) })
const theirPublicKey = (secret: Uint8Array) =>
  createPublicKey(privateKey(secret)).export({ format: 'der', type: 'spki' }).subarray(-32)
const encode = (x: bigint) => Buffer.from(x.toString(16).padStart(64, '0'), 'hex').reverse()

t.test('agrees with node:crypto on 2,500 random secrets and points, of the curve and of its twist', async (t) => {
  let wrong = 0
  for (let i = 0; i < 2500; i++) {
    const [secret, point] = [randomBytes(32), randomBytes(32)]
    if (!theirs(secret, point).equals(core.x25519.sharedSecret(secret, point))) wrong++
  }
  t.equal(wrong, 0)
})

t.test('makes the public keys that node:crypto makes, and that the base point gives', async (t) => {
  let wrong = 0
  for (let i = 0; i < 500; i++) {
    const secret = randomBytes(32)
    const made = Buffer.from(core.x25519.publicKey(secret))
    if (!made.equals(theirPublicKey(secret)) || !made.equals(core.x25519.sharedSecret(secret, encode(9n)))) wrong++
  }
  t.equal(wrong, 0)
})

t.test('agrees with node:crypto on secrets of one bit, of all but one, and of none', async (t) => {
  const point = core.x25519.publicKey(randomBytes(32))
  const all = 2n ** 256n - 1n
  for (const secret of [
    0n,
    all,
    ...Array.from({ length: 256 }, (_, i) => 1n << BigInt(i)),
    ...Array.from({ length: 256 }, (_, i) => all ^ (1n << BigInt(i))),
  ])
    if (!theirs(encode(secret), point).equals(core.x25519.sharedSecret(encode(secret), point)))
      t.fail(secret.toString(16))
  t.pass()
})

t.test('takes a u that is not reduced for what it is modulo p, whatever its top bit', async (t) => {
  const secret = randomBytes(32)
  for (let u = 2n; u < 19n; u++) {
    const expected = theirs(secret, encode(u))
    t.ok(expected.equals(core.x25519.sharedSecret(secret, encode(u))), `${u}`)
    t.ok(expected.equals(core.x25519.sharedSecret(secret, encode(P + u))), `p + ${u}`)
    t.ok(expected.equals(core.x25519.sharedSecret(secret, encode(P + u + 2n ** 255n))), `p + ${u}, top bit set`)
  }
  for (const u of [P - 2n, 2n ** 254n, (P - 1n) / 2n, (P + 1n) / 2n])
    t.ok(theirs(secret, encode(u)).equals(core.x25519.sharedSecret(secret, encode(u))), u.toString(16))
})

t.test('refuses every point of low order, in every encoding, and accepts its neighbour', async (t) => {
  // Orders 4, 1 and 2 on curve and twist, and 8: the u whose quadruple is 0
  const eighth = [
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ]
  const low = [0n, 1n, P - 1n, ...eighth]
  const encodings = [...low, ...low.map((u) => u + P)].filter((u) => u < 2n ** 255n)
  t.equal(encodings.length, 7)
  const secret = randomBytes(32)
  for (const u of encodings)
    for (const top of [0n, 2n ** 255n]) {
      t.throws(() => core.x25519.sharedSecret(secret, encode(u + top)), { code: 'ERR_X25519_ZERO' }, u.toString(16))
      // u + 3 is of no low order for any of the seven.
      const next = encode(((u + 3n) % P) + top)
      t.ok(theirs(secret, next).equals(core.x25519.sharedSecret(secret, next)), `${u.toString(16)} + 3`)
    }
})

t.test('leaves nothing in memory that depends on the secret', async (t) => {
  const wasm = instantiateCore(await readCore())
  const core = new Core(wasm)
  const point = core.x25519.publicKey(randomBytes(32))
  const after = (secret: Uint8Array) => {
    core.x25519.sharedSecret(secret, point)
    const left = new Uint8Array(wasm.memory.buffer).slice()
    core.x25519.publicKey(secret)
    return Buffer.concat([left, new Uint8Array(wasm.memory.buffer)])
  }
  after(randomBytes(32))
  t.ok(after(randomBytes(32)).equals(after(randomBytes(32))))
  // The comparison sees what is left: a byte of the secret in memory that nobody erases
  const place = wasm.allocate(32)
  const kept = (secret: Uint8Array) => {
    new Uint8Array(wasm.memory.buffer).set(secret, place)
    return after(secret)
  }
  t.notOk(kept(randomBytes(32)).equals(kept(randomBytes(32))))
})
