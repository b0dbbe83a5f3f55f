// AES-256-GCM beside node:crypto, on both builds, at the lengths where our code takes another path: the first group of counters holds
// 96 bytes, pairs of groups 256, a table's turn ends after 4,096 - 32; GHASH takes 16 blocks at once and makes powers of H when it must.
// A counter of 32 bits would wrap after 64 GiB, which is more than memory holds: there is nothing to try.
import { createCipheriv, randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { Core } from '../../host/core/index.ts'
import { instantiateCore } from '../../host/core/module.ts'
import { BUILDS, coreBytes } from '../kit/cores.ts'

/** Ciphertext ‖ tag by node:crypto. */
function reference(key: Uint8Array, nonce: Uint8Array, text: Uint8Array, aad: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad)
  return Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
}

const around = (...lengths: number[]) => lengths.flatMap((length) => [length - 1, length, length + 1])
/** First group, first pair, whole pairs, one and two groups of rest, and the ends of the first and second turn of the table. */
const EDGES = around(
  16,
  96,
  224,
  224 + 128,
  480,
  480 + 128,
  736,
  4064 - 256,
  4064,
  4064 + 128,
  4064 + 256,
  8160,
  65_504,
)
const AADS = [0, 1, 15, 16, 17, 239, 240, 241, 255, 256, 257, 511, 512, 513, 1000]

for (const build of BUILDS)
  t.test(`${build} build`, async (t) => {
    const wasm = instantiateCore(coreBytes(build))
    const core = new Core(wasm)
    const key = randomBytes(32)
    const aead = core.aes256gcm(key)
    const agrees = (text: Uint8Array, aad: Uint8Array, with_ = aead, under: Uint8Array = key) => {
      const nonce = randomBytes(12)
      const expected = reference(under, nonce, text, aad)
      return expected.equals(with_.seal(nonce, text, aad)) && Buffer.from(text).equals(with_.open(nonce, expected, aad))
    }

    t.test(
      'seals and opens as node:crypto does around every boundary, with AAD around every boundary of its own',
      async (t) => {
        const wrong: string[] = []
        for (const length of EDGES)
          for (const aadLength of AADS)
            if (!agrees(randomBytes(length), randomBytes(aadLength))) wrong.push(`${length} with AAD of ${aadLength}`)
        t.same(wrong, [])
      },
    )

    t.test('seals and opens as node:crypto does at random lengths up to 2 MiB', async (t) => {
      const wrong: number[] = []
      for (let i = 0; i < 60; i++) {
        const length = randomInt(i < 50 ? 70_000 : 2 ** 21 + 1)
        if (!agrees(randomBytes(length), randomBytes(randomInt(3000)))) wrong.push(length)
      }
      t.same(wrong, [])
    })

    t.test('a key gives the same, whether its first message is short or long', async (t) => {
      for (const lengths of [
        [0, 16, 64, 200, 1000, 64, 0],
        [1000, 0, 64],
        [33, 34, 33],
        [240, 239, 241],
      ]) {
        const other = randomBytes(32)
        const fresh = core.aes256gcm(other)
        const agreed = lengths.map((length) => agrees(randomBytes(length), randomBytes(0), fresh, other))
        t.ok(agreed.every(Boolean), lengths.join())
        fresh.destroy()
      }
    })

    t.test('keys and nonces of equal bytes work like any other', async (t) => {
      for (const byte of [0x00, 0x52, 0x63, 0x80, 0xff]) {
        const other = Buffer.alloc(32, byte)
        const fresh = core.aes256gcm(other)
        const nonce = Buffer.alloc(12, byte)
        const text = Buffer.alloc(5000, byte)
        t.ok(reference(other, nonce, text, nonce).equals(fresh.seal(nonce, text, nonce)), `0x${byte.toString(16)}`)
        fresh.destroy()
      }
    })

    t.test('output may overlap the input in any way: a call works on a copy', async (t) => {
      const nonce = randomBytes(12)
      for (const length of [1, 16, 100, 300, 5000])
        for (const shift of [-length, -17, -16, -1, 0, 1, 15, 16, 17, length]) {
          const text = randomBytes(length)
          const sealed = reference(key, nonce, text, nonce)
          const buffer = new Uint8Array(3 * length + 100)
          const from = length + 50
          if (from + shift < 0) continue
          buffer.set(text, from)
          aead.sealInto(buffer.subarray(from + shift), nonce, buffer.subarray(from, from + length), nonce)
          const sealedRight = sealed.equals(buffer.subarray(from + shift, from + shift + length + 16))
          buffer.set(sealed, from)
          aead.openInto(buffer.subarray(from + shift), nonce, buffer.subarray(from, from + length + 16), nonce)
          const openedRight = text.equals(buffer.subarray(from + shift, from + shift + length))
          if (!sealedRight || !openedRight) t.fail(`${length} bytes, moved by ${shift}`, { sealedRight, openedRight })
        }
      t.pass('5 lengths, 10 ways each')
    })

    t.test('the raw exports work in place and beside, on addresses of any alignment', async (t) => {
      const state = wasm.allocate(wasm.AES_GCM_STATE.value as number)
      const room = wasm.allocate(20_000)
      const view = () => new Uint8Array(wasm.memory.buffer)
      view().set(key, room)
      wasm.aesGcmInit(state, room)
      const wrong: string[] = []
      for (const length of [0, 1, 16, 96, 97, 224, 225, 480, 481, 4065, 5000])
        for (const offset of [0, 1, 7, 8, 15]) {
          const [n, a, from, out] = [room + offset, room + 100 + offset, room + 200 + offset, room + 10_000 + offset]
          const [nonce, aad, text] = [randomBytes(12), randomBytes(20), randomBytes(length)]
          const sealed = reference(key, nonce, text, aad)
          const is = (at: number, bytes: Uint8Array) =>
            Buffer.from(bytes).equals(view().subarray(at, at + bytes.length))
          const put = (text: Uint8Array) => {
            view().set(nonce, n)
            view().set(aad, a)
            view().set(text, from)
            view().fill(0x55, out, out + length + 32)
          }
          put(text)
          wasm.aesGcmSeal(state, out, n, a, 20, from, length)
          // Not one byte more than it says
          const beside = is(out, sealed) && is(from, text) && is(out + length + 16, new Uint8Array(16).fill(0x55))
          wasm.aesGcmSeal(state, from, n, a, 20, from, length)
          const inPlace = is(from, sealed)
          put(sealed)
          const opened = wasm.aesGcmOpen(state, out, n, a, 20, from, length + 16) === 1
          const openedBeside = opened && is(out, text) && is(out + length, new Uint8Array(16).fill(0x55))
          const openedInPlace = wasm.aesGcmOpen(state, from, n, a, 20, from, length + 16) === 1 && is(from, text)
          const ends = is(from + length, sealed.subarray(length))
          if (!(beside && inPlace && openedBeside && openedInPlace && ends)) wrong.push(`${length} bytes at ${offset}`)
        }
      t.same(wrong, [])
      wasm.release(room, 20_000)
      wasm.release(state, wasm.AES_GCM_STATE.value as number)
    })

    t.test('one bit changed anywhere in nonce, AAD, ciphertext or tag is refused; unchanged, all open', async (t) => {
      for (const length of [0, 5, 100, 300]) {
        const [nonce, aad, text] = [randomBytes(12), randomBytes(21), randomBytes(length)]
        const sealed = aead.seal(nonce, text, aad)
        const opens = () => {
          try {
            return Buffer.from(text).equals(aead.open(nonce, sealed, aad))
          } catch {
            return false
          }
        }
        const accepted: string[] = []
        for (const [name, part] of Object.entries({ nonce, aad, sealed }))
          for (let i = 0; i < part.length; i++) {
            const byte = part[i] as number
            part[i] = byte ^ (1 << (i & 7))
            if (opens()) accepted.push(`${name} ${i}`)
            part[i] = byte
            if (!opens()) accepted.push(`not even unchanged, after ${name} ${i}`)
          }
        t.same(accepted, [], `${length} bytes`)
      }
    })

    t.test('1,000 keys live side by side, each with tables of its own, and go without a trace', async (t) => {
      const keys = Array.from({ length: 1000 }, () => randomBytes(32))
      const live = keys.map((bytes) => core.aes256gcm(bytes))
      const grown = wasm.memory.buffer.byteLength
      t.ok(grown >= 1000 * (wasm.AES_GCM_STATE.value as number), `${grown} bytes of memory`)
      t.ok(live.every((one, i) => agrees(randomBytes(i), randomBytes(i % 50), one, keys[i] as Buffer)))
      for (const one of live) one.destroy()
      for (const one of live) t.throws(() => one.seal(randomBytes(12), key), { code: 'ERR_KEY_DESTROYED' })
      const again = keys.map((bytes) => core.aes256gcm(bytes))
      t.equal(wasm.memory.buffer.byteLength, grown, 'their memory serves the next 1,000')
      for (const one of again) one.destroy()
    })

    t.test('a destroyed key leaves neither round keys nor H, and a message no key stream', async (t) => {
      const own = instantiateCore(coreBytes(build))
      const holds = (part: Uint8Array) => Buffer.from(own.memory.buffer).includes(part)
      const other = randomBytes(32)
      const held = new Core(own).aes256gcm(other)
      const ecb = createCipheriv('aes-256-ecb', other, null)
      const h = ecb.update(Buffer.alloc(16))
      const nonce = randomBytes(12)
      const text = randomBytes(3000)
      const sealed = held.seal(nonce, text, text)
      held.open(nonce, sealed, text)
      const stream = text.map((byte, i) => byte ^ (sealed[i] as number))
      const mask = createCipheriv('aes-256-ecb', other, null).update(Buffer.concat([nonce, Buffer.of(0, 0, 0, 1)]))
      for (let i = 0; i + 8 <= stream.length; i += 8)
        if (holds(stream.subarray(i, i + 8))) t.fail(`key stream at ${i} was left`)
      for (const part of [mask.subarray(0, 8), mask.subarray(8)]) t.notOk(holds(part), "the tag's mask")
      for (let i = 0; i + 8 <= text.length; i += 8)
        if (holds(text.subarray(i, i + 8))) t.fail(`plaintext or AAD at ${i} was left`)
      t.ok(holds(other.subarray(0, 16)), 'the search finds round key 0 while the key lives')
      held.destroy()
      for (let i = 0; i + 8 <= 32; i += 8) t.notOk(holds(other.subarray(i, i + 8)), `key at ${i}`)
      t.notOk(holds(h.subarray(0, 8)), 'H')
    })
  })
