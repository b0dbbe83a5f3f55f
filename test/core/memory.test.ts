// The core's memory: what a call leaves behind (nothing), how large a call may be, and that keys come and go without a leak.
import { createHmac, randomBytes } from 'node:crypto'
import t from 'tap'
import { Core } from '../../host/core/index.ts'
import { CoreMemory, KEPT_VIEW_BYTES, LOOP_BYTES } from '../../host/core/memory.ts'
import { type CoreExports, instantiateCore } from '../../host/core/module.ts'
import { BUILDS, coreBytes } from '../kit/cores.ts'

const secret = (length = 32) => new Uint8Array(randomBytes(length))

/** Eight bytes are enough to know a secret by, wherever a copy of it was cut. */
const pieces = (value: Uint8Array) =>
  Array.from({ length: Math.floor(value.length / 8) }, (_, i) => value.subarray(8 * i, 8 * i + 8))

for (const build of BUILDS)
  t.test(`${build} build`, async (t) => {
    const bytes = coreBytes(build)
    const fresh = () => {
      const wasm = instantiateCore(bytes)
      return { wasm, core: new Core(wasm), holds: (part: Uint8Array) => Buffer.from(wasm.memory.buffer).includes(part) }
    }

    for (const algorithm of ['aes256gcm', 'chacha20poly1305'] as const)
      t.test(`${algorithm} keeps its key until it is destroyed, and plaintext never`, async (t) => {
        const { core, holds } = fresh()
        const [key, nonce, plaintext] = [secret(), secret(12), secret(1000)]
        const aead = core[algorithm](key)
        const sealed = aead.seal(nonce, plaintext)
        aead.open(nonce, sealed)
        sealed[0] = (sealed[0] as number) ^ 1
        t.throws(() => aead.open(nonce, sealed), { code: 'ERR_OPEN_FAILED' })
        t.notOk(pieces(plaintext).some(holds), 'no plaintext after the calls')
        if (algorithm === 'chacha20poly1305') t.ok(holds(key), 'the search finds a key that is there')
        aead.destroy()
        t.notOk(pieces(key).some(holds), 'no key after destroy')
        aead.destroy()
      })

    t.test('the tag that a forged message would need is not left behind', async (t) => {
      for (const algorithm of ['aes256gcm', 'chacha20poly1305'] as const) {
        const { core, holds } = fresh()
        const aead = core[algorithm](secret())
        const nonce = secret(12)
        const sealed = aead.seal(nonce, secret(64))
        const tag = sealed.slice(64)
        sealed[79] = (sealed[79] as number) ^ 1
        t.throws(() => aead.open(nonce, sealed), { code: 'ERR_OPEN_FAILED' })
        t.notOk(pieces(tag).some(holds), algorithm)
      }
    })

    t.test(
      'a message that does not open changes no byte, opened in place or beside: what the kernel relies on',
      async (t) => {
        const { wasm } = fresh()
        const [state, nonce, from, out] = [wasm.AES_GCM_STATE.value as number, 12, 516, 500].map((n) =>
          wasm.allocate(n),
        ) as [number, number, number, number]
        const at = (pointer: number, length: number) => new Uint8Array(wasm.memory.buffer, pointer, length)
        at(state, 32).set(secret())
        for (const length of [0, 1, 15, 16, 17, 111, 112, 113, 191, 192, 193, 256, 257, 500])
          for (const name of ['aes', 'chacha'] as const) {
            const key = secret()
            at(from, 32).set(key)
            if (name === 'aes') wasm.aesGcmInit(state, from)
            else at(state, 32).set(key)
            const open = (to: number) =>
              name === 'aes'
                ? wasm.aesGcmOpen(state, to, nonce, 0, 0, from, length + 16)
                : wasm.chacha20poly1305Open(to, state, nonce, 0, 0, from, length + 16)
            const plaintext = secret(length)
            at(from, length).set(plaintext)
            if (name === 'aes') wasm.aesGcmSeal(state, from, nonce, 0, 0, from, length)
            else wasm.chacha20poly1305Seal(from, state, nonce, 0, 0, from, length)
            const sealed = at(from, length + 16).slice()
            const forged = sealed.slice()
            forged[length] = (forged[length] as number) ^ 1
            at(from, length + 16).set(forged)
            at(out, length).fill(0x55)
            const refused = open(out) === 0 && at(out, length).every((byte) => byte === 0x55)
            const refusedInPlace = open(from) === 0 && forged.every((byte, i) => byte === at(from, length + 16)[i])
            at(from, length + 16).set(sealed)
            const opened = open(from) === 1 && plaintext.every((byte, i) => byte === at(from, length)[i])
            if (!refused || !refusedInPlace || !opened)
              t.fail(`${name}, ${length} bytes`, { refused, refusedInPlace, opened })
          }
        t.pass('14 lengths of both algorithms')
      },
    )

    t.test('hashes, MACs, HKDF, X25519 and HPKE leave neither keys nor results', async (t) => {
      const { core, holds } = fresh()
      const [a, b, message] = [secret(), secret(), secret(300)]
      const traces: [string, Uint8Array][] = [
        ['message', message],
        ['secret key', a],
        ['digest', core.sha256(message)],
        ['digest', core.sha384(message)],
        ['digest', core.sha512(message)],
        ['MAC', core.hmac('sha384', b, message)],
        ['MAC, long key', core.hmac('sha256', message, message)],
        ['PRK', createHmac('sha256', b).update(a).digest()],
        ['OKM', core.hkdf('sha256', a, b, message, 100)],
        ['shared secret', core.x25519.sharedSecret(a, core.x25519.publicKey(b))],
      ]
      const sender = core.hpke.setupBaseS(core.x25519.publicKey(b), message)
      const recipient = core.hpke.setupBaseR(sender.enc, b, message)
      recipient.open(message, sender.seal(message, message))
      traces.push(['exported', sender.export(message, 64)], ['KEM secret', core.x25519.sharedSecret(b, sender.enc)])
      sender.destroy()
      recipient.destroy()
      for (const [name, value] of traces) t.notOk(pieces(value).some(holds), name)
    })

    t.test('a call may take MAX bytes and not one more, and lengths that wrap in 32 bits are refused', async (t) => {
      const max = 2 ** 30 - 64
      const asked: number[] = []
      const pretended = {
        memory: new WebAssembly.Memory({ initial: 1 }),
        allocate: (length: number) => asked.push(length),
        release: () => {},
      } as unknown as CoreExports
      const memory = new CoreMemory(pretended)
      for (const length of [max - 1, max]) memory.begin(length)
      t.same(asked, [65_536, max - 1, max])
      for (const length of [max + 1, 2 ** 31, 2 ** 32, 2 ** 32 + 16, Number.MAX_SAFE_INTEGER])
        t.throws(() => memory.begin(length), { code: 'ERR_CORE_LENGTH' })
      t.equal(asked.length, 3, 'nothing was allocated for what was refused')
    })

    t.test('grows for a large call while keys are held, and goes on', async (t) => {
      const { core, wasm } = fresh()
      const [key, nonce, small] = [secret(), secret(12), secret(10)]
      const aead = core.aes256gcm(key)
      const before = aead.seal(nonce, small)
      const pages = wasm.memory.buffer.byteLength
      const large = new Uint8Array(5_000_000)
      t.ok(Buffer.from(large).equals(aead.open(nonce, aead.seal(nonce, large))))
      t.ok(wasm.memory.buffer.byteLength > pages)
      t.same(aead.seal(nonce, small), before)
      for (const length of [65_535, 65_536, 65_537]) t.equal(core.sha256(new Uint8Array(length)).length, 32)
    })

    t.test('lengths about what is copied otherwise come out right, before memory has grown and after it', async (t) => {
      const { core, wasm } = fresh()
      const lengths = [0, ...[LOOP_BYTES, KEPT_VIEW_BYTES].flatMap((n) => [n - 1, n, n + 1])]
      for (const algorithm of ['aes256gcm', 'chacha20poly1305'] as const) {
        const aead = core[algorithm](secret())
        const nonce = secret(12)
        const wrong = () =>
          lengths.filter((length) => {
            // A result is as long as its text, or 16 bytes longer; the AAD goes the way of a text
            const texts = [secret(length), secret(Math.max(0, length - 16))]
            return !texts.every((text) =>
              Buffer.from(text).equals(aead.open(nonce, aead.seal(nonce, text, text), text)),
            )
          })
        t.same(wrong(), [], algorithm)
        const pages = wasm.memory.buffer.byteLength
        core.sha256(new Uint8Array(2 * pages))
        t.ok(wasm.memory.buffer.byteLength > pages)
        t.same(wrong(), [], `${algorithm}, grown`)
      }
    })

    t.test('10,000 keys and contexts come and go, and memory stays flat', async (t) => {
      const { core, wasm } = fresh()
      const key = secret()
      const publicKey = core.x25519.publicKey(key)
      const round = () => {
        core.aes256gcm(key).destroy()
        core.chacha20poly1305(key).destroy()
      }
      round()
      core.hpke.setupBaseS(publicKey, key).destroy()
      const size = wasm.memory.buffer.byteLength
      for (let i = 0; i < 5000; i++) round()
      for (let i = 0; i < 100; i++) {
        core.hpke.setupBaseS(publicKey, key).destroy()
        t.throws(() => core.hpke.setupBaseS(new Uint8Array(32), key), { code: 'ERR_HPKE_KEY' })
      }
      t.equal(wasm.memory.buffer.byteLength, size)
    })

    t.test('a MAC comes out the same however its message is cut', async (t) => {
      const { wasm } = fresh()
      const context = wasm.allocate(wasm.HMAC_CONTEXT.value as number)
      const [key, out, from] = [wasm.allocate(32), wasm.allocate(64), wasm.allocate(600)]
      const view = () => new Uint8Array(wasm.memory.buffer)
      view().set(secret(), key)
      const message = secret(600)
      view().set(message, from)
      for (const [id, name] of ['sha256', 'sha384', 'sha512'].entries()) {
        const expected = createHmac(name, view().slice(key, key + 32))
          .update(message)
          .digest()
        wasm.hmacKey(context, id, key, 32)
        let wrong = 0
        // Around the ends of one and two blocks, and one byte at a time
        for (const cuts of [
          [0],
          [1],
          [63],
          [64],
          [65],
          [127],
          [128],
          [129],
          [63, 1, 64],
          [128, 128],
          Array(600).fill(1),
        ]) {
          wasm.hmacBegin(context)
          let at = 0
          for (const cut of [...(cuts as number[]), 600]) {
            const length = Math.min(cut, 600 - at)
            wasm.hmacUpdate(context, from + at, length)
            at += length
          }
          wasm.hmacEnd(context, out)
          if (!expected.equals(view().subarray(out, out + expected.length))) wrong++
        }
        t.equal(wrong, 0, name)
      }
    })

    t.test('names of hashes that are none of ours are refused', async (t) => {
      const { core } = fresh()
      const data = secret()
      for (const name of ['md5', 'toString', 'SHA256', '']) {
        t.throws(() => core.hmac(name as 'sha256', data, data), { code: 'ERR_CORE_ALGORITHM' })
        t.throws(() => core.hkdf(name as 'sha256', data, data, data, 1), { code: 'ERR_CORE_ALGORITHM' })
      }
      t.equal(core.hmac('sha256', data, data).length, 32)
    })
  })
