// Constants typed from the specifications, for a machine without the folder of vectors.
import t from 'tap'
import { loadCore } from '../../host/core/index.ts'

const core = await loadCore()
const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const text = (value: string) => new TextEncoder().encode(value)
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

t.test('FIPS 180-4: digests of "abc"', async (t) => {
  t.equal(toHex(core.sha256(text('abc'))), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t.equal(
    toHex(core.sha384(text('abc'))),
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
  )
  t.equal(
    toHex(core.sha512(text('abc'))),
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  )
})

t.test('RFC 4231 case 2: HMAC', async (t) => {
  const [key, data] = [text('Jefe'), text('what do ya want for nothing?')]
  t.equal(toHex(core.hmac('sha256', key, data)), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
  t.equal(
    toHex(core.hmac('sha384', key, data)),
    'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
  )
})

t.test('RFC 5869 case 1: HKDF', async (t) => {
  const okm = core.hkdf(
    'sha256',
    hex('0b'.repeat(22)),
    hex('000102030405060708090a0b0c'),
    hex('f0f1f2f3f4f5f6f7f8f9'),
    42,
  )
  t.equal(toHex(okm), '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865')
})

t.test('RFC 8439 section 2.8.2: ChaCha20-Poly1305', async (t) => {
  const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
  const plaintext = text(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const sealed = core
    .chacha20poly1305(key)
    .seal(hex('070000004041424344454647'), plaintext, hex('50515253c0c1c2c3c4c5c6c7'))
  t.equal(toHex(sealed.subarray(-16)), '1ae10b594f09e26a7e902ecbd0600691')
  t.equal(toHex(sealed.subarray(0, 16)), 'd31a8d34648e60db7b86afbc53ef7ec2')
})

t.test('GCM specification, test case 16 with AES-256', async (t) => {
  const key = hex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308')
  const plaintext = hex(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  )
  const sealed = core
    .aes256gcm(key)
    .seal(hex('cafebabefacedbaddecaf888'), plaintext, hex('feedfacedeadbeeffeedfacedeadbeefabaddad2'))
  t.equal(toHex(sealed.subarray(-16)), '76fc6ece0f4e1768cddf8853bb2d551b')
})

t.test('RFC 7748 section 5.2: X25519 after one and 1,000 iterations', async (t) => {
  let k: Uint8Array = hex('0900000000000000000000000000000000000000000000000000000000000000')
  let u = k
  for (let i = 1; i <= 1000; i++) {
    const next = core.x25519.sharedSecret(k, u)
    u = k
    k = next
    if (i === 1) t.equal(toHex(k), '422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079')
  }
  t.equal(toHex(k), '684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51')
})

t.test('RFC 8032 section 7.1, test 2: Ed25519', async (t) => {
  const key = hex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
  const signature = hex(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  )
  t.equal(core.ed25519.verify(key, hex('72'), signature), true)
  t.equal(core.ed25519.verify(key, hex('73'), signature), false)
})
