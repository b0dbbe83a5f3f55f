// Constants typed from the specifications, for a machine without the folder of vectors.
import t from 'tap'
import { type Hash, loadCore } from '../../host/core/index.ts'

const core = await loadCore()
const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const text = (value: string) => new TextEncoder().encode(value)
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const range = (first: number, last: number) => Uint8Array.from({ length: last - first + 1 }, (_, i) => first + i)

/** FIPS 180-4's examples (NIST, "SHA examples"): empty, "abc", 448 and 896 bits, a million letters. */
const DIGESTS: [Hash, string, string][] = [
  ['sha256', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'sha256',
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
  ['sha256', 'a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ['sha384', 'abc', 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7'],
  [
    'sha384',
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
    '09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91746039',
  ],
  [
    'sha384',
    'a'.repeat(1_000_000),
    '9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985',
  ],
  [
    'sha512',
    'abc',
    'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  ],
  [
    'sha512',
    'abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu',
    '8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909',
  ],
  [
    'sha512',
    'a'.repeat(1_000_000),
    'e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b',
  ],
]

t.test("FIPS 180-4: digests of NIST's examples", async (t) => {
  for (const [hash, message, digest] of DIGESTS)
    t.equal(toHex(core[hash](text(message))), digest, `${hash} of ${message.length} bytes`)
})

const HASH_KEY_FIRST = text('Test Using Larger Than Block-Size Key - Hash Key First')
/** RFC 4231 section 4: key, data, then the MACs of SHA-256, SHA-384, SHA-512. */
const MACS: [name: string, key: Uint8Array, data: Uint8Array, sha256: string, sha384: string, sha512: string][] = [
  [
    'case 1',
    hex('0b'.repeat(20)),
    text('Hi There'),
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
    '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
  ],
  [
    'case 2',
    text('Jefe'),
    text('what do ya want for nothing?'),
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649',
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  ],
  [
    'case 3',
    hex('aa'.repeat(20)),
    hex('dd'.repeat(50)),
    '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe',
    '88062608d3e6ad8a0aa2ace014c8a86f0aa635d947ac9febe83ef4e55966144b2a5ab39dc13814b94e3ab6e101a34f27',
    'fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb',
  ],
  [
    'case 6',
    hex('aa'.repeat(131)),
    HASH_KEY_FIRST,
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    '4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952',
    '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
  ],
]

t.test('RFC 4231: HMAC, with a key above a block too', async (t) => {
  for (const [name, key, data, sha256, sha384, sha512] of MACS) {
    t.equal(toHex(core.hmac('sha256', key, data)), sha256, `${name}, SHA-256`)
    t.equal(toHex(core.hmac('sha384', key, data)), sha384, `${name}, SHA-384`)
    t.equal(toHex(core.hmac('sha512', key, data)), sha512, `${name}, SHA-512`)
  }
})

t.test('RFC 5869 appendix A: HKDF, cases 1 to 3', async (t) => {
  const ikm = hex('0b'.repeat(22))
  const none = new Uint8Array(0)
  t.equal(
    toHex(core.hkdf('sha256', ikm, range(0x00, 0x0c), range(0xf0, 0xf9), 42)),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  )
  t.equal(
    toHex(core.hkdf('sha256', range(0x00, 0x4f), range(0x60, 0xaf), range(0xb0, 0xff), 82)),
    'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  )
  t.equal(
    toHex(core.hkdf('sha256', ikm, none, none, 42)),
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  )
})

t.test('RFC 8439 section 2.8.2: ChaCha20-Poly1305', async (t) => {
  const key = hex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
  const nonce = hex('070000004041424344454647')
  const aad = hex('50515253c0c1c2c3c4c5c6c7')
  const plaintext = text(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  )
  const aead = core.chacha20poly1305(key)
  const sealed = aead.seal(nonce, plaintext, aad)
  t.equal(
    toHex(sealed),
    'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116' +
      '1ae10b594f09e26a7e902ecbd0600691',
  )
  t.same(aead.open(nonce, sealed, aad), plaintext)
})

const GCM_KEY = 'feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'
const GCM_TEXT =
  'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255'
const GCM_SEALED =
  '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad'
/** McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B: the cases with AES-256 and 96-bit nonces. */
const GCM: [
  name: string,
  key: string,
  nonce: string,
  aad: string,
  plaintext: string,
  ciphertext: string,
  tag: string,
][] = [
  ['13', '00'.repeat(32), '00'.repeat(12), '', '', '', '530f8afbc74536b9a963b4f1c4cb738b'],
  [
    '14',
    '00'.repeat(32),
    '00'.repeat(12),
    '',
    '00'.repeat(16),
    'cea7403d4d606b6e074ec5d3baf39d18',
    'd0d1c8a799996bf0265b98b5d48ab919',
  ],
  ['15', GCM_KEY, 'cafebabefacedbaddecaf888', '', GCM_TEXT, GCM_SEALED, 'b094dac5d93471bdec1a502270e3cc6c'],
  [
    '16',
    GCM_KEY,
    'cafebabefacedbaddecaf888',
    'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    GCM_TEXT.slice(0, 120),
    GCM_SEALED.slice(0, 120),
    '76fc6ece0f4e1768cddf8853bb2d551b',
  ],
]

t.test('The GCM specification: test cases 13 to 16, AES-256', async (t) => {
  for (const [name, key, nonce, aad, plaintext, ciphertext, tag] of GCM) {
    const aead = core.aes256gcm(hex(key))
    const sealed = aead.seal(hex(nonce), hex(plaintext), hex(aad))
    t.equal(toHex(sealed), ciphertext + tag, `case ${name}`)
    t.equal(toHex(aead.open(hex(nonce), sealed, hex(aad))), plaintext, `case ${name} opens`)
  }
})

t.test('RFC 7748 section 5.2: X25519, the top bit of a point ignored', async (t) => {
  t.equal(
    toHex(
      core.x25519.sharedSecret(
        hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
        hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
      ),
    ),
    'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
  )
  t.equal(
    toHex(
      core.x25519.sharedSecret(
        hex('4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d'),
        hex('e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493'),
      ),
    ),
    '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
  )
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

t.test('RFC 7748 section 6.1: both sides come to one secret', async (t) => {
  const a = hex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
  const b = hex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
  const [publicA, publicB] = [core.x25519.publicKey(a), core.x25519.publicKey(b)]
  t.equal(toHex(publicA), '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
  t.equal(toHex(publicB), 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f')
  const secret = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
  t.equal(toHex(core.x25519.sharedSecret(a, publicB)), secret)
  t.equal(toHex(core.x25519.sharedSecret(b, publicA)), secret)
})

/** RFC 8032 section 7.1: public key, message, signature. */
const SIGNATURES: [name: string, key: string, message: string, signature: string][] = [
  [
    'test 1',
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '',
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  ],
  [
    'test 2',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    '72',
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  ],
  [
    'test 3',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    'af82',
    '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  ],
]

t.test('RFC 8032 section 7.1: Ed25519 accepts, and refuses each with a bit changed', async (t) => {
  for (const [name, key, message, signature] of SIGNATURES) {
    t.equal(core.ed25519.verify(hex(key), hex(message), hex(signature)), true, name)
    t.equal(core.ed25519.verify(hex(key), hex(`${message}00`), hex(signature)), false, `${name}, longer message`)
    for (const at of [0, 31, 32, 63]) {
      const changed = hex(signature)
      changed[at] = (changed[at] as number) ^ 1
      t.equal(core.ed25519.verify(hex(key), hex(message), changed), false, `${name}, byte ${at} of the signature`)
    }
  }
})

t.test('Ed25519 refuses a second encoding: S + L, and a y that is not reduced', async (t) => {
  const [, key, message, signature] = SIGNATURES[1] as (typeof SIGNATURES)[number]
  // The order of the base point, RFC 8032 section 5.1
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = BigInt(`0x${toHex(hex(signature.slice(64)).reverse())}`)
  const scalar = (value: bigint) => toHex(hex(value.toString(16).padStart(64, '0')).reverse())
  t.equal(core.ed25519.verify(hex(key), hex(message), hex(signature.slice(0, 64) + scalar(s))), true)
  t.equal(core.ed25519.verify(hex(key), hex(message), hex(signature.slice(0, 64) + scalar(s + order))), false)
  // With the neutral element as key, R = S·B for any message; S = 0 and R = 1 is the plainest such signature.
  const neutral = scalar(1n)
  const unreduced = scalar(2n ** 255n - 19n + 1n)
  t.equal(core.ed25519.verify(hex(neutral), hex(message), hex(neutral + scalar(0n))), true)
  t.equal(core.ed25519.verify(hex(unreduced), hex(message), hex(neutral + scalar(0n))), false)
  t.equal(core.ed25519.verify(hex(neutral), hex(message), hex(unreduced + scalar(0n))), false)
  // L itself is 0 a second time; one less is the largest scalar, and only wrong.
  t.equal(core.ed25519.verify(hex(neutral), hex(message), hex(neutral + scalar(order))), false)
})
