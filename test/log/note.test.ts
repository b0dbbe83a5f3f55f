import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import t from 'tap'
import { openCheckpoint, parseCheckpoint, signCheckpoint } from '../../host/log/proofs/checkpoint.ts'
import { type NoteKey, noteKeyId, openNote, parseNote, signNote, toBase64 } from '../../host/log/proofs/note.ts'

const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest())
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

function keyPair(seed: number, name: string): { key: NoteKey; sign(message: Uint8Array): Uint8Array } {
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(SPKI.length)
  return { key: { name, publicKey: new Uint8Array(publicKey) }, sign: (message) => sign(null, message, secret) }
}
const ed25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
  verify(null, message, { key: Buffer.concat([SPKI, publicKey]), format: 'der', type: 'spki' }, signature)

const log = keyPair(1, 'host.example/log')
const witness = keyPair(2, 'witness.example')
const root = sha256(Buffer.from('root'))
const checkpoint = signCheckpoint(sha256, log.key, { size: 42n, root }, log.sign)
const text = Buffer.from(checkpoint).toString()
const open = (note: string | Uint8Array, key = log.key) =>
  openCheckpoint(sha256, ed25519, typeof note === 'string' ? Buffer.from(note) : note, key)

t.test('opens a checkpoint that its log signed, in the form C2SP gives it', async (t) => {
  t.same(open(checkpoint), { origin: 'host.example/log', size: 42n, root })
  t.match(text, /^host\.example\/log\n42\n[A-Za-z0-9+/]{43}=\n\n\u2014 host\.example\/log [A-Za-z0-9+/=]+\n$/)
})

t.test('makes the key id that the specification does', async (t) => {
  const name = Buffer.from(log.key.name)
  const expected = createHash('sha256').update(name).update(Uint8Array.of(0x0a, 1)).update(log.key.publicKey).digest()
  t.same(Buffer.from(noteKeyId(sha256, log.key)), expected.subarray(0, 4))
})

t.test('accepts lines of others beside the log, refuses a note without the log', async (t) => {
  const cosigned = signNote(sha256, witness.key, text.slice(0, text.indexOf('\n\n') + 1), witness.sign)
  const line = Buffer.from(cosigned).toString().split('\n\n')[1] as string
  t.equal(open(text + line).size, 42n)
  t.equal(parseNote(Buffer.from(text + line)).signatures.length, 2)
  t.throws(() => open(cosigned), { code: 'ERR_LOG_SIGNATURE' })
  t.throws(() => open(text + (text.split('\n\n')[1] as string)), { code: 'ERR_LOG_NOTE' }, 'the log twice')
})

t.test('refuses a known name with another key, and each altered byte', async (t) => {
  const impostor = keyPair(3, log.key.name)
  t.throws(() => open(signCheckpoint(sha256, impostor.key, { size: 42n, root }, impostor.sign)), {
    code: 'ERR_LOG_SIGNATURE',
  })
  // The right key id, so that only the signature is wrong
  const forged = signCheckpoint(sha256, log.key, { size: 42n, root }, impostor.sign)
  t.throws(() => open(forged), { code: 'ERR_LOG_SIGNATURE' })
  for (let at = 0; at < checkpoint.length; at++) {
    const altered = checkpoint.slice()
    altered[at] = (altered[at] as number) ^ 1
    t.throws(() => open(altered), { code: /^ERR_LOG_/ }, `byte ${at}`)
  }
})

t.test('refuses a checkpoint of another log under the same key', async (t) => {
  const note = signNote(sha256, log.key, `other.example\n42\n${toBase64(root)}\n`, log.sign)
  t.throws(() => open(note), { code: 'ERR_LOG_CHECKPOINT' })
})

t.test('refuses sizes and roots that are none, beside their twins', async (t) => {
  const body = (size: string, hash = toBase64(root), more = '') => `host.example/log\n${size}\n${hash}\n${more}`
  for (const size of ['0', '1', '18446744073709551615']) t.equal(parseCheckpoint(body(size)).size, BigInt(size))
  for (const size of ['', '00', '042', '-1', '+1', '1.0', '1e3', '18446744073709551616', ' 1'])
    t.throws(() => parseCheckpoint(body(size)), { code: 'ERR_LOG_CHECKPOINT' }, size)
  for (const hash of [
    '',
    toBase64(root.slice(1)),
    toBase64(root).replace('=', ''),
    `${toBase64(root)}=`,
    '*'.repeat(44),
  ])
    t.throws(() => parseCheckpoint(body('1', hash)), { code: 'ERR_LOG_CHECKPOINT' }, hash)
  t.ok(parseCheckpoint(body('1', toBase64(root), 'extension\n')), 'extension lines are allowed')
  t.throws(() => parseCheckpoint(body('1', toBase64(root), '\n')), { code: 'ERR_LOG_CHECKPOINT' }, 'an empty line')
  t.throws(() => parseCheckpoint('host.example/log\n1\n'), { code: 'ERR_LOG_CHECKPOINT' })
})

t.test('refuses notes that are none', async (t) => {
  const signature = text.split('\n\n')[1] as string
  for (const note of [
    '',
    'text\n',
    `text\n${signature}`,
    text.slice(0, -1),
    text.replace('\u2014', '-'),
    text.replace('\n42', '\r\n42'),
    `${text}x`,
    text.replace(/ [A-Za-z0-9+/=]+\n$/, ' AAAA\n'),
  ])
    t.throws(
      () => openNote(sha256, ed25519, Buffer.from(note), log.key),
      { code: 'ERR_LOG_NOTE' },
      JSON.stringify(note),
    )
  t.throws(() => parseNote(Buffer.concat([Buffer.from([0xff]), checkpoint])), { code: 'ERR_LOG_NOTE' }, 'no UTF-8')
  t.throws(() => parseNote(new Uint8Array(1_000_001)), { code: 'ERR_LOG_NOTE' }, 'too long')
  t.throws(() => parseNote(Buffer.from(`x\n\n${signature.repeat(101)}`)), { code: 'ERR_LOG_NOTE' }, '101 signatures')
  t.ok(parseNote(Buffer.from(`x\n\n${signature.repeat(100)}`)))
  t.throws(() => signNote(sha256, log.key, 'no newline', log.sign), { code: 'ERR_LOG_NOTE_TEXT' })
  t.throws(() => signNote(sha256, { ...log.key, name: 'a+b' }, 'x\n', log.sign), { code: 'ERR_LOG_NOTE_TEXT' })
})
