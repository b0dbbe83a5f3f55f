// Attacks on the bytes of evidence: A02 to A07 and A14.
import t from 'tap'
import { order, scalars } from '../../../host/cli/bad-documents/document.ts'
import { CASES } from '../../../host/cli/bad-documents/index.ts'
import { decodeCbor } from '../../../host/wire/cbor.ts'
import { good, maker, tryCases, verdict } from './kit.ts'

t.setTimeout(170_000)
const prefixed = (...prefixes: string[]) =>
  CASES.map(({ name }) => name).filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))

t.test(
  'A02 rejects every changed bit of the headers, a bit of each byte of the signature, and of each part of the payload',
  async (t) => {
    const document = good()
    t.equal(await verdict(document), 'accepted')
    const positions: [number, number][] = []
    // The headers whole; of each byte of the signature one bit, and of each part of the payload
    for (let byte = 0; byte < 12; byte++) for (let bit = 0; bit < 8; bit++) positions.push([byte, bit])
    for (let byte = 12; byte < document.length; byte += byte < document.length - 98 ? 41 : 1)
      positions.push([byte, byte % 8])
    for (const [byte, bit] of positions) {
      const changed = document.slice()
      changed[byte] = (changed[byte] as number) ^ (1 << bit)
      const code = await verdict(changed)
      if (!/^ERR_(EVIDENCE|CBOR)_/.test(code)) t.fail(`byte ${byte}, bit ${bit}: ${code}`)
    }
    t.ok(positions.length > 250, `${positions.length} bits`)
  },
)

t.test('A03 rejects every algorithm but a protected ES384, and every other header', async (t) => {
  await tryCases(t, [...prefixed('algorithm-'), 'unprotected-header', 'critical-header'])
})

t.test('A04 accepts no tag and tag 18, and rejects other tags, contexts and external data', async (t) => {
  await tryCases(t, ['tag-18', 'tag-17', 'tag-98', 'tag-18-long', 'tag-18-twice', 'context-signature', 'external-data'])
})

t.test('A05 rejects re-encodings of the same meaning; the order of keys is free', async (t) => {
  await tryCases(t, [
    ...prefixed('protected-', 'duplicate-', 'long-'),
    'payload-chunked',
    'payload-indefinite',
    'timestamp-float',
    'timestamp-tagged',
    'undefined',
    'keys-reversed',
  ])
})

t.test('A06 rejects what is malformed, in time and memory of the input and not of what it says', async (t) => {
  await tryCases(t, [
    'trailing-byte',
    'payload-trailing',
    'truncated',
    'empty',
    'map',
    'payload-deep',
    'payload-length-2-63',
    'text-not-utf8',
  ])
  const bombs = [
    '5b7fffffffffffffff', // a byte string of 2^63 - 1
    '7b7fffffffffffffff',
    '9b7fffffffffffffff', // as many items
    'bb7fffffffffffffff',
    '9a7fffffff',
    '81'.repeat(100_000),
    'a1'.repeat(8000),
  ].map((text) => new Uint8Array(Buffer.from(text, 'hex')))
  const before = process.memoryUsage()
  for (let round = 0; round < 200; round++)
    for (const bomb of bombs)
      try {
        decodeCbor(bomb)
        t.fail('a bomb was read')
      } catch (error) {
        if (!/^ERR_CBOR_/.test((error as { code: string }).code)) throw error
      }
  const after = process.memoryUsage()
  const grown = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 1_048_576
  t.ok(grown < 128, `${grown.toFixed(1)} MiB more after 1,400 bombs`)
})

t.test('A07 rejects each field that is not as AWS has it, at n - 1, n and n + 1', async (t) => {
  await tryCases(
    t,
    prefixed(
      'module-',
      'digest-',
      'timestamp-',
      'pcrs-',
      'pcr-',
      'certificate-',
      'cabundle-',
      'public-key-',
      'user-data-',
      'document-',
      'field-',
      'without-',
    ),
  )
  for (const [length, expected] of [
    [47, 'ERR_EVIDENCE_SYNTAX'],
    [48, 'accepted'],
    [49, 'ERR_EVIDENCE_SYNTAX'],
    [32, 'accepted'],
    [33, 'ERR_EVIDENCE_SYNTAX'],
    [64, 'accepted'],
    [65, 'ERR_EVIDENCE_SYNTAX'],
  ] as const) {
    const pcrs = maker.pcrs((map) => map.set(5, new Uint8Array(length)))
    t.equal(await verdict(maker.document({ fields: { pcrs } })), expected, `PCR5 of ${length} bytes`)
  }
  for (const [length, expected] of [
    [1, 'accepted'],
    [1023, 'accepted'],
    [1024, 'accepted'],
    [1025, 'ERR_EVIDENCE_SYNTAX'],
  ] as const)
    t.equal(
      await verdict(maker.document({ fields: { public_key: new Uint8Array(length) } })),
      expected,
      `public_key of ${length} bytes`,
    )
})

t.test('A14 rejects scalars out of range and other forms of a signature', async (t) => {
  await tryCases(t, prefixed('signature-'))
})

t.test('A14 accepts the other signature of the same document, and takes no signature for an identity', async (t) => {
  const malleated = maker.document({ signature: scalars((r, s) => [r, order - s]) })
  t.equal(await verdict(malleated), 'accepted')
  // Twice is the signature itself; r has no such partner.
  t.equal(await verdict(maker.document({ signature: scalars((r, s) => [r, order - (order - s)]) })), 'accepted')
  t.equal(await verdict(maker.document({ signature: scalars((r, s) => [order - r, s]) })), 'ERR_EVIDENCE_SIGNATURE')
})
