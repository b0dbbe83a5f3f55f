import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import {
  MAX_ENVELOPE_BYTES,
  openEnvelope,
  parseEnvelope,
  preAuthenticationEncoding,
  signEnvelope,
  verifies,
} from '../../../host/control/releases/dsse.ts'
import { encodeCanonicalJson, type Json } from '../../../host/wire/canonical-json.ts'
import { Pipeline } from '../../kit/pipeline.ts'

const TYPE = 'http://example.com/HelloWorld'
const BODY = Buffer.from('hello world')

/** DSSE v1.0.2, protocol.md, "Test Vectors": coordinates in decimal, signature r ‖ s. */
const SPEC = {
  x: 46950820868899156662930047687818585632848591499744589407958293238635476079160n,
  y: 5640078356564379163099075877009565129882514886557779369047442380624545832820n,
  sig: 'A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==',
}
const coordinate = (n: bigint) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex').toString('base64url')
const specKey = createPublicKey({
  key: { kty: 'EC', crv: 'P-256', x: coordinate(SPEC.x), y: coordinate(SPEC.y) },
  format: 'jwk',
})

t.test("encodes and verifies the specification's own example", async (t) => {
  const encoded = Buffer.from(preAuthenticationEncoding(TYPE, BODY)).toString('utf8')
  t.equal(encoded, 'DSSEv1 29 http://example.com/HelloWorld 11 hello world')
  const signature = Buffer.from(SPEC.sig, 'base64')
  t.equal(verifies(TYPE, BODY, signature, specKey), true)
  t.equal(verifies(TYPE, Buffer.from('hello worlx'), signature, specKey), false)
  t.equal(verifies(`${TYPE}/`, BODY, signature, specKey), false)
})

t.test('counts bytes, not characters', async (t) => {
  t.equal(Buffer.from(preAuthenticationEncoding('ü', Buffer.from('€'))).toString('utf8'), 'DSSEv1 2 ü 3 €')
  t.equal(Buffer.from(preAuthenticationEncoding('', new Uint8Array(0))).toString('utf8'), 'DSSEv1 0  0 ')
})

for (const curve of ['P-256', 'P-384', 'P-521'])
  t.test(`opens what it signed with a key on ${curve}, and no changed byte of it`, async (t) => {
    const pipeline = new Pipeline(curve)
    const { publicKey } = pipeline.certificate
    const envelope = signEnvelope('text/plain', BODY, pipeline.key, pipeline.digest)
    t.same(Buffer.from(openEnvelope(envelope, 'text/plain', publicKey, pipeline.digest)), BODY)
    for (let i = 0; i < envelope.length; i += 5) {
      const changed = envelope.slice()
      changed[i] = (changed[i] as number) ^ 1
      t.throws(() => openEnvelope(changed, 'text/plain', publicKey, pipeline.digest), `byte ${i}`)
    }
  })

t.test('rejects another type, another signer and a stranger under the right name', async (t) => {
  const [ours, stranger] = [new Pipeline(), new Pipeline()]
  const open = (envelope: Uint8Array, type = TYPE) =>
    openEnvelope(envelope, type, ours.certificate.publicKey, ours.digest)
  t.doesNotThrow(() => open(signEnvelope(TYPE, BODY, ours.key, ours.digest)))
  t.throws(() => open(signEnvelope('text/plain', BODY, ours.key, ours.digest)), { code: 'ERR_RELEASE_SYNTAX' })
  t.throws(() => open(signEnvelope(TYPE, BODY, stranger.key, stranger.digest)), { code: 'ERR_RELEASE_SIGNATURE' })
  t.throws(() => open(signEnvelope(TYPE, BODY, stranger.key, ours.digest)), { code: 'ERR_RELEASE_SIGNATURE' })
})

t.test('signs with keys of pipelines alone', async (t) => {
  for (const { privateKey } of [generateKeyPairSync('ed25519'), generateKeyPairSync('ec', { namedCurve: 'secp256k1' })])
    t.throws(() => signEnvelope(TYPE, BODY, privateKey, '00'.repeat(48)), { code: 'ERR_RELEASE_KEY' })
})

t.test('rejects envelopes of another shape, beside one that is accepted', async (t) => {
  const good = { payload: 'aGk=', payloadType: TYPE, signatures: [{ keyid: '00'.repeat(48), sig: 'AA==' }] }
  const parse = (value: Json) => parseEnvelope(encodeCanonicalJson(value))
  t.doesNotThrow(() => parse(good))
  const signature = good.signatures[0] as { keyid: string; sig: string }
  const rows: [string, Json][] = [
    ['no signature', { ...good, signatures: [] }],
    ['two signatures', { ...good, signatures: [signature, signature] }],
    ['no keyid', { ...good, signatures: [{ sig: signature.sig }] }],
    ['a field more', { ...good, approvals: [] }],
    ['base64url', { ...good, payload: 'aGk' }],
    ['base64 with a space', { ...good, payload: 'aGk= ' }],
    ['base64 with bits left over', { ...good, payload: 'aGl=' }],
    ['a number for the payload', { ...good, payload: 1 }],
    ['a type with a newline', { ...good, payloadType: 'text\nplain' }],
    ['a list', [good]],
  ]
  for (const [name, value] of rows) t.throws(() => parse(value), { code: 'ERR_RELEASE_SYNTAX' }, name)
  t.throws(() => parseEnvelope(Buffer.from(JSON.stringify(good, null, 1))), { code: 'ERR_JSON_CANONICAL' })
})

t.test('takes envelopes up to the limit', async (t) => {
  const pipeline = new Pipeline()
  const frame = signEnvelope(TYPE, new Uint8Array(0), pipeline.key, pipeline.digest).length
  const fitting = Math.floor((MAX_ENVELOPE_BYTES - frame) / 4) * 3
  const sign = (bytes: number) => signEnvelope(TYPE, new Uint8Array(bytes), pipeline.key, pipeline.digest)
  for (const bytes of [fitting - 3, fitting]) t.ok(sign(bytes).length <= MAX_ENVELOPE_BYTES)
  t.throws(() => sign(fitting + 1), { code: 'ERR_RELEASE_SIZE' })
  t.throws(() => parseEnvelope(new Uint8Array(MAX_ENVELOPE_BYTES + 1)), { code: 'ERR_RELEASE_SYNTAX' })
})
