import t from 'tap'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

t.test('reads what it writes', async (t) => {
  for (const value of [
    0,
    23,
    24,
    255,
    256,
    65_536,
    2 ** 32,
    -1,
    'text',
    true,
    false,
    null,
    [],
    [1, [2, [3]]],
    new Uint8Array(300),
  ])
    t.same(decodeCbor(encodeCbor(value)), value)
  t.same(decodeCbor(encodeCbor(new Map([['a', 1]]))), new Map([['a', 1]]))
})

t.test('refuses other encodings of the same value, each beside its twin', async (t) => {
  const code = { code: 'ERR_CBOR_SYNTAX' }
  for (const [wrong, right] of [
    ['1817', '17'],
    ['190018', '1818'],
    ['1a0000ffff', '19ffff'],
    ['1b00000000ffffffff', '1affffffff'],
    ['5f4101ff', '4101'],
    ['9f01ff', '8101'],
    ['bf6161f5ff', 'a16161f5'],
    ['f90000', '00'],
    ['fa00000000', '00'],
    ['f7', 'f6'],
    ['c001', '01'],
    ['f818', 'f4'],
    ['0000', '00'],
    ['a2616101616102', 'a1616101'],
    ['', '00'],
    ['61ff', '6161'],
    ['62c328', '62c3a9'],
  ] as const) {
    t.throws(() => decodeCbor(bytes(wrong)), code, wrong)
    t.doesNotThrow(() => decodeCbor(bytes(right)), right)
  }
})

t.test('is bounded by its input, whatever lengths that states', async (t) => {
  const start = performance.now()
  for (const hex of [
    '9b7fffffffffffffff',
    'bb7fffffffffffffff',
    '5b7fffffffffffffff',
    '7b0fffffffffffffff01',
    '9affffffff',
    'baffffffff00',
  ])
    t.throws(() => decodeCbor(bytes(hex)), { code: 'ERR_CBOR_SYNTAX' }, hex)
  t.throws(() => decodeCbor(new Uint8Array(100_000).fill(0x81)), { code: 'ERR_CBOR_DEPTH' })
  const nested = (depth: number) => Uint8Array.from([...Array(depth).fill(0x81), 0x00])
  t.doesNotThrow(() => decodeCbor(nested(31)))
  t.throws(() => decodeCbor(nested(32)), { code: 'ERR_CBOR_DEPTH' })
  t.ok(performance.now() - start < 1000)
})

t.test('survives 20,000 random inputs', async (t) => {
  let state = 1
  // mulberry32
  const random = () => {
    state = (state + 0x6d2b79f5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x ^= x + Math.imul(x ^ (x >>> 7), 61 | x)
    return (x ^ (x >>> 14)) >>> 0
  }
  let read = 0
  for (let i = 0; i < 20_000; i++) {
    const input = Uint8Array.from({ length: random() % 24 }, () => random())
    try {
      const value = decodeCbor(input)
      if (encodeCbor(value).length !== input.length) t.fail(Buffer.from(input).toString('hex'))
      read++
    } catch (error) {
      if (!/^ERR_CBOR_/.test((error as { code?: string }).code ?? '')) t.fail(Buffer.from(input).toString('hex'))
    }
  }
  t.ok(read > 100, `${read} were well-formed`)
})
