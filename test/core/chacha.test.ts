// ChaCha20-Poly1305 on both builds: against node:crypto around every boundary of its passes, over buffers that overlap, forged at every
// byte, and what it leaves in memory.
import { createCipheriv, randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { type CoreExports, instantiateCore } from '../../host/core/module.ts'
import { BUILDS, coreBytes } from '../kit/cores.ts'

const TAG = 16
/** What the first four blocks leave for the message, what a pass takes, and what opening deciphers before it knows the tag. */
const HEAD = 192
const PASS = 512
const AHEAD = HEAD + 127 * PASS

type Message = { key: Buffer; nonce: Buffer; aad: Buffer; plaintext: Buffer; sealed: Buffer }

function message(length: number, aadLength: number, plaintext = randomBytes(length), key = randomBytes(32)): Message {
  const [nonce, aad] = [randomBytes(12), randomBytes(aadLength)]
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
  cipher.setAAD(aad)
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  return { key, nonce, aad, plaintext, sealed }
}

/** RFC 8439 section 2.4: counter in front of the nonce, as OpenSSL takes it. */
function keystream(key: Buffer, nonce: Buffer, length: number): Buffer {
  return createCipheriv('chacha20', key, Buffer.concat([Buffer.alloc(4), nonce])).update(Buffer.alloc(length))
}

/** The raw exports, over one region in which a test says what lies where. */
class Raw {
  readonly wasm: CoreExports
  readonly base: number
  readonly #inputs: number

  constructor(bytes: Uint8Array, room: number) {
    this.wasm = instantiateCore(bytes)
    this.#inputs = this.wasm.allocate(512)
    this.base = this.wasm.allocate(room)
  }

  at(offset: number, length: number): Buffer {
    return Buffer.from(this.wasm.memory.buffer, this.base + offset, length)
  }

  seal({ key, nonce, aad }: Message, out: number, from: number, length: number): void {
    const [k, n, a] = this.#put(key, nonce, aad)
    this.wasm.chacha20poly1305Seal(this.base + out, k, n, a, aad.length, this.base + from, length)
  }

  open({ key, nonce, aad }: Message, out: number, from: number, length: number): boolean {
    const [k, n, a] = this.#put(key, nonce, aad)
    return this.wasm.chacha20poly1305Open(this.base + out, k, n, a, aad.length, this.base + from, length) !== 0
  }

  holds(part: Uint8Array): boolean {
    return Buffer.from(this.wasm.memory.buffer).includes(part)
  }

  /** Erases what a test put in. */
  clear(length: number): void {
    this.at(0, length).fill(0)
    Buffer.from(this.wasm.memory.buffer, this.#inputs, 512).fill(0)
  }

  #put(key: Buffer, nonce: Buffer, aad: Buffer): [number, number, number] {
    const at = this.#inputs
    Buffer.from(this.wasm.memory.buffer, at, 512).set(Buffer.concat([key, nonce, Buffer.alloc(4), aad]))
    return [at, at + 32, at + 48]
  }
}

const around = (...values: number[]) => values.flatMap((n) => [n - 1, n, n + 1])
/** Lengths about the ends of blocks, of the first four blocks, of passes after them, and of what is deciphered ahead. */
const BOUNDARIES = around(
  ...[16, 64, 128, HEAD, 256, 320, 448, 512, HEAD + 256, HEAD + PASS, HEAD + PASS + 256, 1024, HEAD + 2 * PASS],
  ...[HEAD + 32 * PASS, AHEAD, AHEAD + 256, AHEAD + PASS, AHEAD + 3 * PASS],
)

for (const build of BUILDS) {
  t.test(`${build}: seals and opens as node:crypto does, at every length and far beyond`, async (t) => {
    const raw = new Raw(coreBytes(build), 2 ** 21 + 64)
    const lengths = [
      ...Array(1201).keys(),
      ...BOUNDARIES,
      ...Array.from({ length: 12 }, () => randomInt(2 ** 21)),
      2 ** 21,
    ]
    let wrong = 0
    for (const length of lengths) {
      const m = message(length, randomInt(71))
      raw.at(0, length).set(m.plaintext)
      raw.seal(m, 0, 0, length)
      if (!m.sealed.equals(raw.at(0, length + TAG))) wrong++
      if (!raw.open(m, 0, 0, length + TAG) || !m.plaintext.equals(raw.at(0, length))) wrong++
    }
    t.equal(wrong, 0, `${lengths.length} lengths`)
  })

  t.test(`${build}: takes additional data of every length up to 70 and about a pass`, async (t) => {
    const raw = new Raw(coreBytes(build), 1024)
    let wrong = 0
    for (const aadLength of [...Array(71).keys(), 255, 256, 400]) {
      const m = message(100, aadLength)
      raw.at(0, 100).set(m.plaintext)
      raw.seal(m, 0, 0, 100)
      if (!m.sealed.equals(raw.at(0, 116)) || !raw.open(m, 0, 0, 116)) wrong++
      if (aadLength === 0) continue
      const at = randomInt(aadLength)
      m.aad[at] = (m.aad[at] as number) ^ 1
      raw.at(0, 116).set(m.sealed)
      if (raw.open(m, 0, 0, 116)) wrong++
    }
    t.equal(wrong, 0)
  })

  t.test(`${build}: survives an output that overlaps the input in any way`, async (t) => {
    const room = 200_000
    const raw = new Raw(coreBytes(build), room)
    let tried = 0
    for (const length of [1, 15, 16, 63, HEAD, HEAD + 1, 400, 700, 1300, 3000, AHEAD + 700]) {
      const m = message(length, 14)
      for (const shift of new Set([1, 8, 16, 17, 64, 100, 511, 512, length - 1, length, length + TAG, length + 40]))
        for (const [out, from] of [
          [1000, 1000 + shift],
          [1000 + shift, 1000],
        ] as const) {
          tried++
          raw.at(from, length).set(m.plaintext)
          raw.seal(m, out, from, length)
          if (!m.sealed.equals(raw.at(out, length + TAG))) t.fail(`sealed ${length} bytes from ${from} to ${out}`)
          raw.at(from, length + TAG).set(m.sealed)
          if (!raw.open(m, out, from, length + TAG) || !m.plaintext.equals(raw.at(out, length)))
            t.fail(`opened ${length} bytes from ${from} to ${out}`)
        }
    }
    t.ok(tried > 200, `${tried} places`)
  })

  t.test(`${build}: seals over its own additional data, which it has read by then`, async (t) => {
    const raw = new Raw(coreBytes(build), 4096)
    for (const length of [50, 1000]) {
      const m = message(length, 40)
      raw.at(1000, length).set(m.plaintext)
      raw.at(10, 48).set(Buffer.concat([m.key, m.nonce]))
      raw.at(120, 40).set(m.aad)
      const { base } = raw
      raw.wasm.chacha20poly1305Seal(base + 100, base + 10, base + 42, base + 120, 40, base + 1000, length)
      t.ok(m.sealed.equals(raw.at(100, length + TAG)), `${length} bytes`)
    }
  })

  t.test(
    `${build}: rejects a wrong byte wherever it stands, writes nothing then, and accepts it put right`,
    async (t) => {
      const raw = new Raw(coreBytes(build), 2 * (AHEAD + 2 * PASS) + 4096)
      for (const length of [0, 1, 100, HEAD, HEAD + 300, HEAD + PASS + 100, 1500, AHEAD + PASS + 5]) {
        const m = message(length, 20)
        const out = length + 64
        const forged = Array.from({ length: TAG }, (_, i) => length + i)
        for (let i = 0; i < 40 && length > 0; i++) forged.push(length <= 40 ? i % length : randomInt(length))
        forged.push(...[0, HEAD - 1, HEAD, HEAD + PASS, length - 1].filter((at) => at >= 0 && at < length))
        let wrong = 0
        for (const at of forged) {
          raw.at(0, length + TAG).set(m.sealed)
          raw.at(at, 1)[0] = (m.sealed[at] as number) ^ (1 << (at % 8))
          const before = Buffer.from(raw.at(0, length + TAG))
          raw.at(out, length).fill(0x55)
          if (raw.open(m, out, 0, length + TAG) || raw.at(out, length).some((byte) => byte !== 0x55)) wrong++
          if (raw.open(m, 0, 0, length + TAG) || !before.equals(raw.at(0, length + TAG))) wrong++
          raw.at(at, 1)[0] = m.sealed[at] as number
        }
        t.equal(wrong, 0, `${length} bytes, forged at ${forged.length}`)
        t.ok(raw.open(m, out, 0, length + TAG) && m.plaintext.equals(raw.at(out, length)), `${length} bytes, put right`)
        for (const short of [0, 1, TAG - 1]) t.notOk(raw.open(m, out, 0, short), `${short} bytes are no message`)
      }
    },
  )

  t.test(`${build}: adds up the largest and the smallest blocks there are`, async (t) => {
    const raw = new Raw(coreBytes(build), 8192)
    let wrong = 0
    for (let i = 0; i < 300; i++)
      for (const [fill, length] of [
        [0xff, 64],
        [0xff, HEAD + 2 * PASS],
        [0, HEAD + PASS + 40],
      ] as const) {
        const [key, nonce] = [randomBytes(32), randomBytes(12)]
        // The plaintext whose ciphertext is all ones, or all zeros
        const plaintext = keystream(key, nonce, 64 + length)
          .subarray(64)
          .map((byte) => byte ^ fill) as Buffer
        const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG })
        const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
        if (sealed.subarray(0, length).some((byte) => byte !== fill)) t.fail('the ciphertext is not the one wanted')
        const m = { key, nonce, aad: Buffer.alloc(0), plaintext, sealed }
        raw.at(0, length).set(plaintext)
        raw.seal(m, 0, 0, length)
        if (!sealed.equals(raw.at(0, length + TAG))) wrong++
        if (!raw.open(m, 0, 0, length + TAG)) wrong++
      }
    t.equal(wrong, 0)
  })

  t.test(`${build}: leaves neither plaintext nor key stream, whether a message opens or not`, async (t) => {
    const room = AHEAD + 2 * PASS
    const raw = new Raw(coreBytes(build), room)
    for (const length of [60, HEAD + 100, HEAD + 300, 1500, AHEAD, AHEAD + PASS + 70]) {
      const m = message(length, 10)
      const stream = keystream(m.key, m.nonce, 64 + length)
      const secrets = [0, 32, 64, 64 + HEAD, 64 + HEAD + PASS, 64 + length - 40]
        .filter((at) => at + 16 <= stream.length)
        .map((at) => stream.subarray(at, at + 16))
      for (const at of [0, HEAD, HEAD + PASS, length - 40])
        if (at >= 0 && at + 16 <= length) secrets.push(m.plaintext.subarray(at, at + 16))
      const traces = () => {
        raw.clear(length + TAG)
        return secrets.filter((secret) => raw.holds(secret)).length
      }
      raw.at(0, length).set(m.plaintext)
      t.ok(raw.holds(m.plaintext.subarray(length - 16)), 'the search finds what is there')
      raw.seal(m, 0, 0, length)
      t.equal(traces(), 0, `sealed ${length} bytes`)
      raw.at(0, length + TAG).set(m.sealed)
      t.ok(raw.open(m, 0, 0, length + TAG))
      t.equal(traces(), 0, `opened ${length} bytes`)
      raw.at(0, length + TAG).set(m.sealed)
      raw.at(length, 1)[0] = (m.sealed[length] as number) ^ 1
      t.notOk(raw.open(m, 0, 0, length + TAG))
      t.equal(traces(), 0, `refused ${length} bytes`)
    }
  })
}
