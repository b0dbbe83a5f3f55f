import {
  createCipheriv,
  createHash,
  createHmac,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type Aead, loadCore } from '../../host/core/index.ts'
import { chooseBuild } from '../../host/core/module.ts'
import { errorCode } from '../../host/errors.ts'
import { CORE_WASM, cores } from '../kit/cores.ts'

const raw = (key: { export(options: object): Buffer }, type: string) =>
  new Uint8Array(key.export({ format: 'der', type }).subarray(-32))

for (const { build, core } of cores)
  t.test(`${build} build`, async (t) => {
    t.test('hashes and MACs agree with node:crypto at every length from 0 to 1,200', async (t) => {
      let wrong = 0
      for (let length = 0; length <= 1200; length++) {
        const data = randomBytes(length)
        const key = randomBytes(length % 201)
        for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
          if (!createHash(hash).update(data).digest().equals(core[hash](data))) wrong++
          if (
            !createHmac(hash, key)
              .update(data)
              .digest()
              .equals(core.hmac(hash, key, data))
          )
            wrong++
        }
      }
      t.equal(wrong, 0)
    })

    for (const algorithm of ['aes-256-gcm', 'chacha20-poly1305'] as const)
      t.test(
        `${algorithm} seals and opens as node:crypto does, at every length from 0 to 1,200 and some large ones`,
        async (t) => {
          let wrong = 0
          for (const length of [...Array(1201).keys(), 65_536, 100_003, 1_048_577]) {
            const [key, nonce, aad, data] = [
              randomBytes(32),
              randomBytes(12),
              randomBytes(length % 37),
              randomBytes(length),
            ]
            const cipher = createCipheriv(algorithm as 'aes-256-gcm', key, nonce, { authTagLength: 16 })
            cipher.setAAD(aad)
            const expected = Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()])
            const aead: Aead = algorithm === 'aes-256-gcm' ? core.aes256gcm(key) : core.chacha20poly1305(key)
            if (!expected.equals(aead.seal(nonce, data, aad))) wrong++
            if (!data.equals(aead.open(nonce, expected, aad))) wrong++
            // Any byte of ciphertext, tag or AAD changed: refused, and the output stays as it was.
            const changed = Buffer.from(expected)
            const at = length % changed.length
            changed[at] = (changed[at] as number) ^ 0x80
            const out = Buffer.alloc(length, 0x55)
            try {
              aead.openInto(out, nonce, changed, aad)
              wrong++
            } catch (error) {
              if (errorCode(error) !== 'ERR_OPEN_FAILED' || out.some((byte) => byte !== 0x55)) wrong++
            }
            aead.destroy()
          }
          t.equal(wrong, 0)
        },
      )

    t.test('a wrong tag is refused at every byte of it', async (t) => {
      const aead = core.aes256gcm(randomBytes(32))
      const nonce = randomBytes(12)
      const sealed = aead.seal(nonce, randomBytes(100))
      for (let i = 0; i < 16; i++) {
        const changed = sealed.slice()
        changed[100 + i] = (changed[100 + i] as number) ^ 1
        t.throws(() => aead.open(nonce, changed), { code: 'ERR_OPEN_FAILED' })
      }
      t.equal(aead.open(nonce, sealed).length, 100)
    })

    t.test('X25519 and Ed25519 agree with node:crypto', async (t) => {
      for (let i = 0; i < 20; i++) {
        const [a, b] = [generateKeyPairSync('x25519'), generateKeyPairSync('x25519')]
        t.ok(
          diffieHellman({ privateKey: a.privateKey, publicKey: b.publicKey }).equals(
            core.x25519.sharedSecret(raw(a.privateKey, 'pkcs8'), raw(b.publicKey, 'spki')),
          ),
        )
        const signer = generateKeyPairSync('ed25519')
        const message = randomBytes(i * 13)
        const signature = new Uint8Array(sign(null, message, signer.privateKey))
        t.ok(core.ed25519.verify(raw(signer.publicKey, 'spki'), message, signature))
        signature[i] = (signature[i] as number) ^ 1
        t.notOk(core.ed25519.verify(raw(signer.publicKey, 'spki'), message, signature))
      }
    })

    t.test('lengths of keys, nonces and buffers are refused by name, at one less and one more', async (t) => {
      const key = randomBytes(32)
      for (const length of [0, 31, 33])
        t.throws(() => core.aes256gcm(randomBytes(length)), { code: 'ERR_CORE_KEY_LENGTH' })
      const aead = core.chacha20poly1305(key)
      for (const length of [0, 11, 13])
        t.throws(() => aead.seal(randomBytes(length), key), { code: 'ERR_CORE_NONCE_LENGTH' })
      t.throws(() => aead.sealInto(new Uint8Array(47), randomBytes(12), key), { code: 'ERR_CORE_BUFFER' })
      t.equal(aead.sealInto(new Uint8Array(48), randomBytes(12), key), 48)
      for (const length of [0, 15])
        t.throws(() => aead.open(randomBytes(12), randomBytes(length)), { code: 'ERR_OPEN_FAILED' })
      aead.destroy()
      t.throws(() => aead.seal(randomBytes(12), key), { code: 'ERR_KEY_DESTROYED' })
      t.throws(() => core.x25519.sharedSecret(key, new Uint8Array(32)), { code: 'ERR_X25519_ZERO' })
      t.throws(() => core.hkdf('sha256', key, key, key, 255 * 32 + 1), { code: 'ERR_CORE_LENGTH' })
      t.equal(core.hkdf('sha256', key, key, key, 255 * 32).length, 8160)
    })
  })

t.test('loads the build that this engine can run', async (t) => {
  t.equal(chooseBuild(), 'relaxed', 'the pinned Node has relaxed SIMD')
  t.equal((await loadCore()).sha256(new Uint8Array(0)).length, 32)
})

t.test('both builds of the core, and the kernel, import nothing and have no start section', async (t) => {
  for (const path of [...Object.values(CORE_WASM), 'assembly/kernel/kernel.wasm']) {
    const bytes = readFileSync(path)
    t.same(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), [], path)
    // Section ids follow the 8-byte preamble; 8 is the start section.
    const ids: number[] = []
    for (let at = 8; at < bytes.length; ) {
      ids.push(bytes[at++] as number)
      let size = 0
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[at++] as number
        size |= (byte & 0x7f) << shift
        if (byte < 0x80) break
      }
      at += size
    }
    t.notOk(ids.includes(8), `${path} has sections ${ids.join()}`)
  }
})
