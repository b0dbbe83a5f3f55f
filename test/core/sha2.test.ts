// SHA-256, SHA-384, SHA-512 and HKDF on both builds, against node:crypto; the hashes' streaming form is tried through HMAC.
import { createHash, createHmac, hkdfSync, randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { instantiateCore } from '../../host/core/module.ts'
import { coreBytes, cores } from '../kit/cores.ts'

const HASHES = [
  { name: 'sha256', id: 0, block: 64, digest: 32 },
  { name: 'sha384', id: 1, block: 128, digest: 48 },
  { name: 'sha512', id: 2, block: 128, digest: 64 },
] as const

for (const { build, core } of cores) {
  t.test(`${build}: hashes as node:crypto does, at every length and up to 2 MiB`, async (t) => {
    const lengths = [
      ...Array(1201).keys(),
      ...Array.from({ length: 10 }, () => randomInt(2 ** 21)),
      65_535,
      65_536,
      2 ** 21,
    ]
    for (const { name } of HASHES) {
      let wrong = 0
      for (const length of lengths) {
        const data = randomBytes(length)
        if (!createHash(name).update(data).digest().equals(core[name](data))) wrong++
      }
      t.equal(wrong, 0, `${name}, ${lengths.length} lengths`)
    }
  })

  t.test(`${build}: derives as node:crypto does, at every length up to three digests and the longest`, async (t) => {
    for (const { name, digest } of HASHES) {
      let wrong = 0
      for (const length of [...Array(3 * digest + 2).keys(), 255 * digest]) {
        const [ikm, salt, info] = [
          randomBytes(1 + randomInt(150)),
          randomBytes(randomInt(150)),
          randomBytes(randomInt(150)),
        ]
        const expected = length === 0 ? Buffer.alloc(0) : Buffer.from(hkdfSync(name, ikm, salt, info, length))
        if (!expected.equals(core.hkdf(name, ikm, salt, info, length))) wrong++
      }
      t.equal(wrong, 0, name)
      t.throws(() => core.hkdf(name, randomBytes(1), randomBytes(1), randomBytes(1), 255 * digest + 1), {
        code: 'ERR_CORE_LENGTH',
      })
    }
  })

  t.test(`${build}: a MAC comes out the same wherever its message is cut, once or twice`, async (t) => {
    const wasm = instantiateCore(coreBytes(build))
    const [context, key, out, from] = [wasm.HMAC_CONTEXT.value as number, 64, 64, 700].map((n) => wasm.allocate(n)) as [
      number,
      number,
      number,
      number,
    ]
    const view = () => Buffer.from(wasm.memory.buffer)
    for (const { name, id, block, digest } of HASHES) {
      const [secret, data] = [randomBytes(64), randomBytes(700)]
      view().set(secret, key)
      view().set(data, from)
      wasm.hmacKey(context, id, key, 64)
      let wrong = 0
      const compare = (length: number, ...cuts: number[]) => {
        wasm.hmacBegin(context)
        let at = 0
        for (const cut of [...cuts, length]) {
          wasm.hmacUpdate(context, from + at, cut - at)
          at = cut
        }
        wasm.hmacEnd(context, out)
        const expected = createHmac(name, secret).update(data.subarray(0, length)).digest()
        if (!expected.equals(view().subarray(out, out + digest))) wrong++
      }
      for (let cut = 0; cut <= 300; cut++) compare(300, cut)
      for (let cut = 0; cut <= 300; cut++) compare(cut, cut)
      const edges = [0, 1, block - 1, block, block + 1, 2 * block - 1, 2 * block, 2 * block + 1]
      for (const first of edges) for (const second of edges) if (first <= second) compare(700, first, second)
      t.equal(wrong, 0, name)
    }
  })

  t.test(`${build}: leaves nothing of a message that is hashed, nor of its schedule`, async (t) => {
    const wasm = instantiateCore(coreBytes(build))
    const [from, out] = [wasm.allocate(512), wasm.allocate(64)]
    const memory = () => Buffer.from(wasm.memory.buffer)
    for (const { name, block } of HASHES)
      for (const length of [20, block - 1, block, 3 * block + 40]) {
        const data = randomBytes(length)
        memory().fill(0, from, from + length)
        const before = Buffer.from(memory())
        memory().set(data, from)
        t.ok(memory().includes(data.subarray(0, 8)), 'the search finds what is there')
        wasm[name](out, from, length)
        memory().fill(0, from, from + length)
        memory().fill(0, out, out + 64)
        t.ok(memory().equals(before), `${name}, ${length} bytes`)
      }
  })
}
