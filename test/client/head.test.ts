import t from 'tap'
import { MAX_HEAD_BYTES } from '../../assembly/abi/limits.ts'
import { decodeResponseHead, encodeRequestHead, type HeaderList } from '../../host/client/head.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'

const texts = [
  '',
  'a',
  'x'.repeat(7),
  'x'.repeat(8),
  'x'.repeat(23),
  'x'.repeat(24),
  'x'.repeat(255),
  'x'.repeat(256),
  'größe – 価値',
  '😀'.repeat(20),
]

function framed(head: Uint8Array, body = new Uint8Array(0)): Uint8Array {
  const out = new Uint8Array(4 + head.length + body.length)
  new DataView(out.buffer).setUint32(0, head.length)
  out.set(head, 4)
  out.set(body, 4 + head.length)
  return out
}

t.test('writes heads as the general encoder does', async (t) => {
  for (const text of texts)
    for (const count of [0, 1, 23, 24]) {
      const headers: HeaderList = Array.from({ length: count }, () => [text.slice(0, 40), text])
      const head = encodeRequestHead('PUT', `/${text}`, headers)
      t.same(head, encodeCbor(['PUT', `/${text}`, headers as never]), `${text.length} characters, ${count} headers`)
    }
})

t.test('accepts a head of the limit and refuses one byte more', async (t) => {
  // 83: array of 3; 63 PUT; 79 n n: text of 2-byte length; 80: no headers
  const fits = MAX_HEAD_BYTES - 1 - 4 - 3 - 1
  t.equal(encodeRequestHead('PUT', '/'.padEnd(fits, 'x'), []).length, MAX_HEAD_BYTES)
  t.throws(() => encodeRequestHead('PUT', '/'.padEnd(fits + 1, 'x'), []), { code: 'ERR_HEAD_SIZE' })
  t.throws(() => encodeRequestHead('PUT', '/', [['a', 'x'.repeat(1_000_000)]]), { code: 'ERR_HEAD_SIZE' })
})

t.test('reads what the general encoder writes, and the body behind it', async (t) => {
  const body = Uint8Array.of(1, 2, 3)
  for (const text of texts) {
    const headers: HeaderList = [
      ['a', text],
      [text, 'b'],
    ]
    const read = decodeResponseHead(framed(encodeCbor([404, headers as never]), body))
    t.same(read.head, { status: 404, headers })
    t.same(read.body, body)
  }
})

t.test('refuses every other form', async (t) => {
  const code = { code: 'ERR_FRAME_SYNTAX' }
  const good = encodeCbor([200, [['a', 'b']] as never])
  t.ok(decodeResponseHead(framed(good)))
  for (const [what, bytes] of [
    ['a status in two bytes more than it needs', '8219c800' + '80'],
    ['status 199', '8218c780'],
    ['status 600', '8219025880'],
    ['a negative status', '823880' + '80'],
    ['indefinite headers', '8218c89fff'],
    ['a header of three', '8218c8818361616162' + '6163'],
    ['a header of bytes', '8218c8818241616162'],
    ['bad UTF-8', '8218c881826161' + '62c328'],
    ['more headers than there are', '8218c8826161'],
    ['2^32 headers', '8218c89affffffff'],
    ['a length of 8 bytes', '8218c89b0000000000000001'],
    ['trailing bytes', '8218c88000'],
    ['three items', '8318c88000'],
    ['an empty head', ''],
  ] as const)
    t.throws(() => decodeResponseHead(framed(Buffer.from(bytes, 'hex'))), code, what)
  for (let length = 0; length < good.length; length++)
    t.throws(() => decodeResponseHead(framed(good.subarray(0, length))), code, `${length} bytes`)
  for (let cut = 0; cut < 4; cut++) t.throws(() => decodeResponseHead(framed(good).subarray(0, cut)), code)
  const long = framed(good)
  long[3] = (long[3] as number) + 1
  t.throws(() => decodeResponseHead(long), code, 'a head longer than its frame')
})
