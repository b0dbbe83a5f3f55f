// The KMS's HPKE sender: RFC 9180's vectors, the enclave's own receiver, and keys of low order.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { loadCore } from '../../host/core/index.ts'
import { setupBaseS } from '../../host/kms/store-keys/hpke.ts'
import { account, hex, readVectors, vectorTest } from '../vectors/kit.ts'

type Vector = {
  mode: number
  aead_id: number
  info: string
  skEm: string
  pkRm: string
  enc: string
  encryptions: { aad: string; ct: string; pt: string }[]
  exports: { exporter_context: string; L: number; exported_value: string }[]
}
const core = await loadCore()
const CHACHA = 3
const NONE = new Uint8Array(0)

vectorTest(t, 'HPKE of the KMS: enc, the first message and exports of the suite', async (t) => {
  let executed = 0
  const vectors = readVectors<Vector[]>('hpke/rfc9180_dhkem_x25519_hkdf_sha256.json')
  for (const vector of vectors.filter(({ mode, aead_id }) => mode === 0 && aead_id === CHACHA)) {
    executed++
    const sender = setupBaseS(hex(vector.pkRm), hex(vector.info), hex(vector.skEm))
    const [first] = vector.encryptions
    t.equal(Buffer.from(sender.enc).toString('hex'), vector.enc)
    t.equal(Buffer.from(sender.seal(hex(first?.aad ?? ''), hex(first?.pt ?? ''))).toString('hex'), first?.ct)
    for (const { exporter_context, L, exported_value } of vector.exports)
      t.equal(Buffer.from(sender.export(hex(exporter_context), L)).toString('hex'), exported_value)
  }
  account(t, 'hpke RFC 9180, sender of the KMS', { executed, outOfScope: vectors.length - executed, total: 16 })
})

t.test('opens in the enclave’s core, at every length, and under no other info or AAD', async (t) => {
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1000]) {
    const secret = new Uint8Array(randomBytes(32))
    const [info, aad, plaintext] = [randomBytes(length), randomBytes(length), new Uint8Array(randomBytes(length))]
    const sender = setupBaseS(core.x25519.publicKey(secret), info)
    const sealed = sender.seal(aad, plaintext)
    const recipient = core.hpke.setupBaseR(sender.enc, secret, info)
    t.same(recipient.open(aad, sealed), plaintext, `${length} bytes`)
    t.same(recipient.export(info, 32), sender.export(info, 32))
    const other = core.hpke.setupBaseR(sender.enc, secret, Buffer.concat([info, Buffer.of(0)]))
    t.throws(() => other.open(aad, sealed), { code: 'ERR_OPEN_FAILED' })
  }
})

t.test('seals once', async (t) => {
  const sender = setupBaseS(core.x25519.publicKey(new Uint8Array(32).fill(7)), NONE)
  sender.seal(NONE, NONE)
  t.throws(() => sender.seal(NONE, NONE), { code: 'ERR_HPKE_SEQUENCE' })
})

t.test('refuses keys of low order and of other lengths, and accepts one beside them', async (t) => {
  // RFC 7748's low-order points: 0, 1, p-1, p, p+1 and the two of order 8
  const low = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  ]
  for (const key of low) t.throws(() => setupBaseS(hex(key), NONE), { code: 'ERR_HPKE_KEY' }, key.slice(0, 8))
  for (const length of [0, 31, 33])
    t.throws(() => setupBaseS(new Uint8Array(length).fill(9), NONE), { code: 'ERR_HPKE_KEY' })
  t.equal(setupBaseS(hex(`09${'00'.repeat(31)}`), NONE).enc.length, 32)
})
