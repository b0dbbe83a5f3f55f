import { createHash, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import t from 'tap'
import { describeEif } from '../../host/nitro/eif/describe.ts'
import { eifCrc, parseEif, writeEif } from '../../host/nitro/eif/format.ts'
import { verifyManifests } from '../../host/nitro/eif/manifests.ts'
import { measureEif } from '../../host/nitro/eif/measure.ts'
import { parseSignature, signEif, verifySignature } from '../../host/nitro/eif/signature.ts'
import { makeCertificate, type Rdn } from '../../host/nitro/pki/certificate.ts'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { imageOf } from '../kit/host.ts'

const image = imageOf('echo')
const NOW = new Date()

function signer(namedCurve: string, days = 1) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve })
  const { privateKey: authority } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const name: Rdn[] = [
    ['C', 'US'],
    ['CN', 'test'],
  ]
  const at = NOW.getTime()
  const der = makeCertificate(
    {
      serial: randomBytes(8),
      subject: name,
      issuer: name,
      notBeforeMs: at - 1000,
      notAfterMs: at + days * 86_400_000,
      publicKey: privateKey,
      extensions: [],
    },
    authority,
  )
  const certificate = new X509Certificate(der)
  return { der, pem: certificate.toString(), key: privateKey.export({ format: 'pem', type: 'pkcs8' }) as string }
}

function mended(bytes: Uint8Array, change: (view: DataView, bytes: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  change(view, copy)
  view.setUint32(544, eifCrc(copy))
  return copy
}

t.test('measures by the formulas, computed a second way', async (t) => {
  // Straight from the file: sections follow the header of 548 bytes, each with 12 bytes of its own.
  const view = new DataView(image.buffer, image.byteOffset)
  const bodies: { type: number; body: Uint8Array }[] = []
  for (let at = 548; at < image.length; ) {
    const size = Number(view.getBigUint64(at + 4))
    bodies.push({ type: view.getUint16(at), body: image.subarray(at + 12, at + 12 + size) })
    at += 12 + size
  }
  t.same(
    bodies.map((each) => each.type),
    [1, 2, 5, 3, 3, 3],
    "the order of AWS's builder",
  )
  const ext = (...parts: Uint8Array[]) =>
    createHash('sha384')
      .update(new Uint8Array(48))
      .update(createHash('sha384').update(Buffer.concat(parts)).digest())
      .digest('hex')
  const of = (type: number) => bodies.filter((each) => each.type === type).map((each) => each.body)
  const [kernel, cmdline, ramdisks] = [of(1)[0] as Uint8Array, of(2)[0] as Uint8Array, of(3)]
  const measured = measureEif(parseEif(image), null)
  t.equal(measured.PCR0, ext(kernel, cmdline, ...ramdisks))
  t.equal(measured.PCR1, ext(kernel, cmdline, ramdisks[0] as Uint8Array))
  t.equal(measured.PCR2, ext(...ramdisks.slice(1)))
  t.equal(
    measureEif({ kernel, cmdline, ramdisks: ramdisks.slice(0, 1) }, null).PCR2,
    '21b9efbc184807662e966d34f390821309eeac6802309798826296bf3e8bec7c10edb30948c90ba67310f7b964fc500a',
    'one ramdisk: the constant',
  )
  t.equal(view.getUint32(544), crc32(Buffer.concat([image.subarray(0, 544), image.subarray(548)])))
})

t.test('builds the same bytes twice, and differs only in the signature when signed', async (t) => {
  t.same(imageOf('echo'), image)
  const { pem, key } = signer('P-384')
  const [a, b] = [parseEif(signEif(image, pem, key)), parseEif(signEif(image, pem, key))]
  t.same(a.sections.slice(0, -1), b.sections.slice(0, -1))
})

t.test('signs with each curve, replaces a signature of another length, and verifies', async (t) => {
  let signed = image
  for (const curve of ['P-521', 'P-256', 'P-384']) {
    const { pem, key, der } = signer(curve)
    signed = signEif(signed, pem, key)
    const { measurements } = verifySignature(parseEif(signed), NOW)
    t.equal(
      measurements.PCR8,
      createHash('sha384').update(new Uint8Array(48)).update(createHash('sha384').update(der).digest()).digest('hex'),
      curve,
    )
    t.match(describeEif(signed), {
      EifVersion: 4,
      IsSigned: true,
      CheckCRC: true,
      SignatureCheck: true,
      ImageName: 'echo',
    })
  }
  const keys = signer('P-384')
  t.throws(() => signEif(image, keys.pem, signer('P-384').key), { code: 'ERR_IMAGE_KEY' }, 'another key')
  t.throws(() => verifySignature(parseEif(image), NOW), { code: 'ERR_IMAGE_UNSIGNED' })
  t.throws(
    () => verifySignature(parseEif(signed), new Date(NOW.getTime() + 2 * 86_400_000)),
    { code: 'ERR_IMAGE_SIGNATURE' },
    'expired',
  )
  const other = parseEif(imageOf('keyvalue'))
  t.throws(
    () => verifySignature({ ...other, signature: parseEif(signed).signature }, NOW),
    { code: 'ERR_IMAGE_SIGNATURE' },
    'of another image',
  )
})

t.test('refuses a signature section by its certificate, with one code whatever OpenSSL makes of it', (t) => {
  const { pem, key, der } = signer('P-384')
  const section = parseEif(signEif(image, pem, key)).signature as Uint8Array
  const [fields] = decodeCbor(section) as [Map<string, number[]>]
  const under = (certificate: string) =>
    Buffer.concat([
      Uint8Array.of(0x81, 0xa2), // [{ two fields }]
      encodeCbor('signing_certificate'),
      encodeCbor([...Buffer.from(certificate)]),
      encodeCbor('signature'),
      encodeCbor(fields.get('signature') as number[]),
    ])
  const inPem = (bytes: Uint8Array) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`
  t.ok(parseSignature(under(inPem(der))).certificate.raw.equals(der), 'its own certificate')
  const point = Buffer.from(der)
  const at = point.indexOf(Uint8Array.of(0x03, 0x62, 0x00, 0x04)) // BIT STRING of an uncompressed point of P-384
  point[at + 3] = 5
  t.throws(() => new X509Certificate(point).publicKey, 'OpenSSL reads the certificate, and not its key')
  const rows: [string, string][] = [
    ['a key that does not decode', inPem(point)],
    ['a curve that signs no images', signer('secp256k1').pem],
    ['the curve of another algorithm', signer('P-256').pem],
    ['no certificate', inPem(der.subarray(1))],
    ['nothing', ''],
  ]
  for (const [name, certificate] of rows)
    t.throws(() => parseSignature(under(certificate)), { code: 'ERR_IMAGE_SIGNATURE' }, name)
  t.throws(() => signEif(image, inPem(point), key), { code: 'ERR_IMAGE_KEY' }, 'and does not sign under it')
  t.end()
})

t.test('refuses an image by what is wrong with it, whatever its CRC says', async (t) => {
  t.doesNotThrow(() => parseEif(image))
  const rows: [string, (view: DataView, bytes: Uint8Array) => void][] = [
    ['magic', (v) => v.setUint8(0, 0)],
    ['version 3', (v) => v.setUint16(4, 3)],
    ['flags', (v) => v.setUint16(6, 1)],
    ['reserved', (v) => v.setUint16(24, 1)],
    ['unused', (v) => v.setUint32(540, 1)],
    ['no sections', (v) => v.setUint16(26, 0)],
    ['33 sections', (v) => v.setUint16(26, 33)],
    ['one section less than there are', (v) => v.setUint16(26, 5)],
    ['a section more than there are', (v) => v.setUint16(26, 7)],
    ['a gap', (v) => v.setBigUint64(28 + 8, v.getBigUint64(28 + 8) + 1n)],
    ['overlap', (v) => v.setBigUint64(28 + 8, v.getBigUint64(28))],
    [
      'swapped table',
      (v) => {
        const a = v.getBigUint64(28)
        v.setBigUint64(28, v.getBigUint64(36))
        v.setBigUint64(36, a)
      },
    ],
    ['a size of 2^60 in the table', (v) => v.setBigUint64(284, 1n << 60n)],
    [
      'a size of 2^60 in both',
      (v) => {
        v.setBigUint64(284, 1n << 60n)
        v.setBigUint64(552, 1n << 60n)
      },
    ],
    [
      'offset and size that overflow',
      (v) => {
        v.setBigUint64(284, 0xffff_ffff_ffff_ffffn)
        v.setBigUint64(552, 0xffff_ffff_ffff_ffffn)
      },
    ],
    ['an unknown type', (v) => v.setUint16(548, 6)],
    ['type 0', (v) => v.setUint16(548, 0)],
    ['two kernels', (v) => v.setUint16(Number(v.getBigUint64(36)), 1)],
    ['section flags', (v) => v.setUint16(550, 1)],
  ]
  for (const [name, change] of rows) t.throws(() => parseEif(mended(image, change)), { code: 'ERR_IMAGE_FORMAT' }, name)
  t.throws(() => parseEif(image.slice(0, 547)), { code: 'ERR_IMAGE_FORMAT' }, 'cut in its header')
  t.throws(() => parseEif(image.slice(0, -1)), { code: 'ERR_IMAGE_FORMAT' }, 'cut at its end')
  t.throws(() => parseEif(Buffer.concat([image, Buffer.of(0)])), { code: 'ERR_IMAGE_FORMAT' }, 'a byte behind')
  const wrongCrc = image.slice()
  wrongCrc[547] = (wrongCrc[547] as number) ^ 1
  t.throws(() => parseEif(wrongCrc), { code: 'ERR_IMAGE_CRC' })
  t.match(describeEif(wrongCrc), { CheckCRC: false })
  t.throws(() => writeEif({ ...parseEif(image), ramdisks: Array(30).fill(new Uint8Array(1)) }), {
    code: 'ERR_IMAGE_SECTIONS',
  })
})

t.test('moves no byte across a boundary unseen, though PCR0 stays the same', async (t) => {
  const eif = parseEif(image)
  t.doesNotThrow(() => verifyManifests(eif))
  const before = measureEif(eif, null)
  for (const bytes of [1, 7, 100]) {
    const [r0, r1, r2] = eif.ramdisks as [Uint8Array, Uint8Array, Uint8Array]
    const moved = {
      ...eif,
      ramdisks: [r0, r1.subarray(0, -bytes), new Uint8Array(Buffer.concat([r1.subarray(-bytes), r2]))],
    }
    t.equal(measureEif(moved, null).PCR0, before.PCR0, "AWS's measurement does not see it")
    t.equal(measureEif(moved, null).PCR1, before.PCR1)
    t.throws(() => verifyManifests(parseEif(writeEif(moved))), { code: /ERR_(IMAGE_MANIFEST|JSON)/ })
    const kernel = {
      ...eif,
      kernel: eif.kernel.subarray(0, -bytes),
      cmdline: new Uint8Array(Buffer.concat([eif.kernel.subarray(-bytes), eif.cmdline])),
    }
    t.equal(measureEif(kernel, null).PCR1, before.PCR1)
    t.throws(() => verifyManifests(parseEif(writeEif(kernel))), { code: /ERR_(IMAGE_MANIFEST|JSON)/ })
  }
})

t.test('sees every changed byte of what is measured', async (t) => {
  const eif = parseEif(image)
  for (const part of ['kernel', 'cmdline'] as const) {
    const changed = { ...eif, [part]: eif[part].slice() }
    changed[part][10] = (changed[part][10] as number) ^ 1
    t.throws(() => verifyManifests(changed), `${part}`)
  }
  for (const index of [0, 1, 2]) {
    const ramdisks = eif.ramdisks.map((each) => each.slice())
    const ramdisk = ramdisks[index] as Uint8Array
    ramdisk[ramdisk.length >> 1] = (ramdisk[ramdisk.length >> 1] as number) ^ 1
    t.throws(() => verifyManifests({ ...eif, ramdisks }), `ramdisk ${index}`)
  }
})

t.test('survives 5,000 mutations in bounded time', async (t) => {
  const start = performance.now()
  let accepted = 0
  for (let i = 0; i < 5000; i++) {
    const changed = image.slice()
    for (let j = 0; j <= i % 3; j++) changed[(i * 7919 + j * 104_729) % (i % 2 === 0 ? 700 : changed.length)] = i & 0xff
    try {
      parseEif(changed)
      accepted++
    } catch (error) {
      if (!/^ERR_IMAGE_/.test((error as { code?: string }).code ?? '')) t.fail(String(error))
    }
  }
  t.comment(`${accepted} mutations changed nothing; ${(performance.now() - start).toFixed(0)} ms`)
})

t.test('describes what nitro-cli describes', async (t) => {
  t.same(Object.keys(describeEif(image)), [
    'EifVersion',
    'Measurements',
    'IsSigned',
    'CheckCRC',
    'ImageName',
    'ImageVersion',
    'Metadata',
  ])
  t.equal((describeEif(image).Measurements as { HashAlgorithm: string }).HashAlgorithm, 'Sha384 { ... }')
  t.ok(readFileSync('assembly/kernel/kernel.wasm').equals(parseEif(image).kernel))
})

t.test('describes the signature as it is: by whom, over what, and whether it holds', async (t) => {
  for (const curve of ['P-256', 'P-384', 'P-521']) {
    const { pem, key, der } = signer(curve)
    const signed = signEif(image, pem, key)
    const described = describeEif(signed) as { SigningCertificate: Record<string, unknown>; SignatureCheck: boolean }
    t.equal(described.SignatureCheck, true, curve)
    // The fixture's authority has a P-384 key, whatever it certifies.
    t.equal(described.SigningCertificate.Algorithm, 'ecdsa-with-SHA384')
    t.same(described.SigningCertificate.IssuerName, { countryName: 'US', commonName: 'test' })
    const shown = Buffer.from((described.SigningCertificate.Signature as string).replaceAll(':', ''), 'hex')
    t.ok(Buffer.from(der).subarray(-shown.length).equals(shown), "the certificate's own signature")
    t.ok(shown.length > 90, `${shown.length} bytes`)
    // A byte of what signs the image: an integer of the list, changed to another of the same length.
    const parsed = parseEif(signed)
    const section = Buffer.from(parsed.signature as Uint8Array)
    const at = section.length - 1
    section[at] = (section[at] as number) ^ 1
    t.equal(describeEif(writeEif({ ...parsed, signature: section })).SignatureCheck, false, 'a changed signature')
    const other = parseEif(imageOf('hello'))
    t.equal(
      describeEif(writeEif({ ...other, signature: parsed.signature })).SignatureCheck,
      false,
      'over another image',
    )
  }
})
