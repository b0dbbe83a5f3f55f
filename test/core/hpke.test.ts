// HPKE beyond the vectors: RFC 9180's own example, and what a context does when it is spent, wrong or destroyed.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type HpkeAead, loadCore } from '../../host/core/index.ts'
import { instantiateCore, readCore } from '../../host/core/module.ts'

const core = await loadCore()
const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const AEADS: HpkeAead[] = ['aes-256-gcm', 'chacha20-poly1305']
const NONE = new Uint8Array(0)

function recipientKeys() {
  const secretKey = new Uint8Array(randomBytes(32))
  return { secretKey, publicKey: core.x25519.publicKey(secretKey) }
}

t.test('RFC 9180 appendix A.2.1: base mode with ChaCha20-Poly1305', async (t) => {
  const info = hex('4f6465206f6e2061204772656369616e2055726e')
  const plaintext = hex('4265617574792069732074727574682c20747275746820626561757479')
  const secretKey = hex('8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb')
  const publicKey = hex('4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a')
  const ephemeral = hex('f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600')
  t.same(core.x25519.publicKey(secretKey), publicKey)
  const sender = core.hpke.setupBaseS(publicKey, info, 'chacha20-poly1305', ephemeral)
  t.equal(toHex(sender.enc), '1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a')
  const recipient = core.hpke.setupBaseR(sender.enc, secretKey, info)
  const sealed = [
    '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28',
    '6b53c051e4199c518de79594e1c4ab18b96f081549d45ce015be002090bb119e85285337cc95ba5f59992dc98c',
  ]
  for (const [sequence, expected] of sealed.entries()) {
    const aad = new TextEncoder().encode(`Count-${sequence}`)
    t.equal(toHex(sender.seal(aad, plaintext)), expected)
    t.same(recipient.open(aad, hex(expected)), plaintext)
  }
  const exported = '4bbd6243b8bb54cec311fac9df81841b6fd61f56538a775e7c80a9f40160606e'
  for (const side of [sender, recipient]) t.equal(toHex(side.export(NONE, 32)), exported)
})

for (const aead of AEADS) {
  t.test(`${aead}: opens in order, and stays where it is when a message does not open`, async (t) => {
    const { secretKey, publicKey } = recipientKeys()
    const sender = core.hpke.setupBaseS(publicKey, NONE, aead)
    const recipient = core.hpke.setupBaseR(sender.enc, secretKey, NONE, aead)
    const [first, second] = [sender.seal(NONE, hex('01')), sender.seal(NONE, hex('02'))]
    t.throws(() => recipient.open(NONE, second), { code: 'ERR_OPEN_FAILED' }, 'the second before the first')
    t.same(recipient.open(NONE, first), hex('01'))
    t.throws(() => recipient.open(NONE, first), { code: 'ERR_OPEN_FAILED' }, 'replayed')
    for (let length = 0; length < 16; length++)
      t.throws(() => recipient.open(NONE, second.subarray(0, length)), { code: 'ERR_OPEN_FAILED' })
    t.same(recipient.open(NONE, second), hex('02'))
  })

  t.test(`${aead}: another info, key or suite opens nothing, the same opens`, async (t) => {
    const { secretKey, publicKey } = recipientKeys()
    const info = hex('aa')
    const sender = core.hpke.setupBaseS(publicKey, info, aead)
    const sealed = sender.seal(info, info)
    const other = aead === 'aes-256-gcm' ? 'chacha20-poly1305' : 'aes-256-gcm'
    for (const recipient of [
      core.hpke.setupBaseR(sender.enc, secretKey, hex('ab'), aead),
      core.hpke.setupBaseR(sender.enc, recipientKeys().secretKey, info, aead),
      core.hpke.setupBaseR(sender.enc, secretKey, info, other),
    ])
      t.throws(() => recipient.open(info, sealed), { code: 'ERR_OPEN_FAILED' })
    t.same(core.hpke.setupBaseR(sender.enc, secretKey, info, aead).open(info, sealed), info)
  })

  t.test(`${aead}: seals the last sequence number and none after it`, async (t) => {
    const wasm = instantiateCore(await readCore())
    const size = wasm.HPKE_CONTEXT.value as number
    const [context, room] = [wasm.allocate(size), wasm.allocate(256)]
    wasm.hpkeSetupBaseS(context, aead === 'aes-256-gcm' ? 2 : 3, room, room + 64, put(wasm, room + 128), 0, 0)
    // The sequence is the context's last 8 bytes, see assembly/crypto/hpke.ts.
    const sequence = () => new DataView(wasm.memory.buffer, context + size - 8, 8)
    sequence().setBigUint64(0, 2n ** 64n - 2n, true)
    t.equal(wasm.hpkeSeal(context, room, 0, 0, room, 16), 1)
    t.equal(sequence().getBigUint64(0, true), 2n ** 64n - 1n)
    t.equal(wasm.hpkeSeal(context, room, 0, 0, room, 16), 0)
    t.equal(wasm.hpkeOpen(context, room, 0, 0, room, 32), 0)
    t.equal(wasm.hpkeExport(context, room, 32, 0, 0), 1)
  })

  t.test(`${aead}: an erased context refuses inside Wasm too, and writes nothing`, async (t) => {
    const wasm = instantiateCore(await readCore())
    const [context, room] = [wasm.allocate(wasm.HPKE_CONTEXT.value as number), wasm.allocate(256)]
    wasm.hpkeSetupBaseS(context, aead === 'aes-256-gcm' ? 2 : 3, room, room + 64, put(wasm, room + 128), 0, 0)
    t.equal(wasm.hpkeSeal(context, room, 0, 0, room, 16), 1)
    wasm.hpkeErase(context)
    new Uint8Array(wasm.memory.buffer, room, 256).fill(0x55)
    t.equal(wasm.hpkeSeal(context, room, 0, 0, room, 16), 0)
    t.equal(wasm.hpkeOpen(context, room, 0, 0, room, 32), 0)
    t.equal(wasm.hpkeExport(context, room, 32, 0, 0), 0)
    t.ok(new Uint8Array(wasm.memory.buffer, room, 256).every((byte) => byte === 0x55))
  })
}

t.test('a key of low order or an AEAD that is none of ours leaves an erased context', async (t) => {
  const wasm = instantiateCore(await readCore())
  const size = wasm.HPKE_CONTEXT.value as number
  const [context, room] = [wasm.allocate(size), wasm.allocate(256)]
  const point = put(wasm, room + 128)
  const erased = () => new Uint8Array(wasm.memory.buffer, context, size).every((byte) => byte === 0)
  for (const aead of [2, 3]) {
    t.equal(wasm.hpkeSetupBaseS(context, aead, room, room + 64, point, 0, 0), 1)
    t.notOk(erased())
    t.equal(wasm.hpkeSetupBaseS(context, aead, room, room + 64, room + 192, 0, 0), 0, 'the point 0')
    t.ok(erased())
    t.equal(wasm.hpkeSetupBaseR(context, aead, room + 192, room + 64, 0, 0), 0, 'enc 0')
    t.ok(erased())
  }
  for (const aead of [0, 1, 4, 0xffff]) {
    t.equal(wasm.hpkeSetupBaseS(context, aead, room, room + 64, point, 0, 0), 0)
    t.ok(erased())
  }
  t.throws(() => core.hpke.setupBaseS(new Uint8Array(32), NONE), { code: 'ERR_HPKE_KEY' })
  t.throws(() => core.hpke.setupBaseR(new Uint8Array(32), new Uint8Array(32), NONE), { code: 'ERR_HPKE_KEY' })
  const { publicKey } = recipientKeys()
  for (const name of ['aes-128-gcm', 'toString', ''])
    t.throws(() => core.hpke.setupBaseS(publicKey, NONE, name as HpkeAead), { code: 'ERR_CORE_ALGORITHM' })
})

t.test('a destroyed context refuses, and destroying it twice frees nothing of another', async (t) => {
  const { secretKey, publicKey } = recipientKeys()
  const sender = core.hpke.setupBaseS(publicKey, NONE)
  const recipient = core.hpke.setupBaseR(sender.enc, secretKey, NONE)
  const sealed = sender.seal(NONE, NONE)
  for (const side of [sender, recipient]) side.destroy()
  // These take the memory that was given back.
  const next = core.hpke.setupBaseS(publicKey, NONE)
  const peer = core.hpke.setupBaseR(next.enc, secretKey, NONE)
  for (const side of [sender, recipient]) side.destroy()
  const third = core.hpke.setupBaseS(publicKey, NONE)
  t.same(next.export(NONE, 32), peer.export(NONE, 32))
  t.notSame(next.export(NONE, 32), third.export(NONE, 32))
  t.throws(() => sender.seal(NONE, NONE), { code: 'ERR_KEY_DESTROYED' })
  t.throws(() => sender.export(NONE, 32), { code: 'ERR_KEY_DESTROYED' })
  t.throws(() => recipient.open(NONE, sealed), { code: 'ERR_KEY_DESTROYED' })
  t.same(peer.open(NONE, next.seal(NONE, NONE)), NONE)
})

t.test('keys of 31 and 33 bytes and exports above 255 blocks are refused, the sizes beside them are not', async (t) => {
  const { secretKey, publicKey } = recipientKeys()
  const code = 'ERR_CORE_KEY_LENGTH'
  for (const length of [0, 31, 33]) {
    const key = new Uint8Array(length).fill(9)
    t.throws(() => core.hpke.setupBaseS(key, NONE), { code })
    t.throws(() => core.hpke.setupBaseS(publicKey, NONE, 'aes-256-gcm', key), { code })
    t.throws(() => core.hpke.setupBaseR(key, secretKey, NONE), { code })
    t.throws(() => core.hpke.setupBaseR(publicKey, key, NONE), { code })
  }
  const sender = core.hpke.setupBaseS(publicKey, NONE)
  for (const length of [0, 1, 255 * 32 - 1, 255 * 32]) t.equal(sender.export(NONE, length).length, length)
  for (const length of [255 * 32 + 1, -1, 1.5, Number.NaN])
    t.throws(() => sender.export(NONE, length), { code: 'ERR_CORE_LENGTH' })
  // A context of any length
  t.equal(sender.export(new Uint8Array(100_000), 32).length, 32)
})

/** Puts a point that is not of low order (9, the base point) at `at`. */
function put(wasm: { memory: WebAssembly.Memory }, at: number): number {
  new Uint8Array(wasm.memory.buffer).set([9], at)
  return at
}
