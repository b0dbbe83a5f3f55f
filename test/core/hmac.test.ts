// Kept HMAC keys on both builds: what they sign and refuse, and that keys do not disturb each other or outlive `destroy`.
import { createHmac, randomBytes } from 'node:crypto'
import t from 'tap'
import { Core } from '../../host/core/index.ts'
import { instantiateCore } from '../../host/core/module.ts'
import { coreBytes, cores } from '../kit/cores.ts'

const HASHES = [
  { name: 'sha256', id: 0, block: 64, digest: 32 },
  { name: 'sha384', id: 1, block: 128, digest: 48 },
  { name: 'sha512', id: 2, block: 128, digest: 64 },
] as const
const byNode = (name: string, key: Uint8Array, data: Uint8Array) => createHmac(name, key).update(data).digest()

for (const { build, core } of cores) {
  for (const { name, block, digest } of HASHES)
    t.test(
      `${build}: HMAC-${name} under a kept key is node:crypto's, for keys about a block long and any message`,
      async (t) => {
        let wrong = 0
        for (const keyLength of [0, 1, 31, 32, block - 1, block, block + 1, 2 * block, 1000]) {
          const secret = randomBytes(keyLength)
          const key = core.hmacKey(name, secret)
          for (let length = 0; length <= 300; length++) {
            const data = randomBytes(length)
            const expected = byNode(name, secret, data)
            if (!expected.equals(key.sign(data)) || !key.verify(data, expected)) wrong++
            if (!expected.equals(core.hmac(name, secret, data))) wrong++
          }
          key.destroy()
        }
        t.equal(wrong, 0)
        t.equal(core.hmacKey(name, randomBytes(32)).sign(randomBytes(3)).length, digest)
      },
    )

  for (const { name, digest } of HASHES)
    t.test(
      `${build}: HMAC-${name} rejects a MAC with any bit changed, or of another length, and accepts it whole`,
      async (t) => {
        const key = core.hmacKey(name, randomBytes(40))
        const data = randomBytes(77)
        const mac = key.sign(data)
        for (let bit = 0; bit < 8 * digest; bit++) {
          const forged = mac.slice()
          forged[bit >> 3] = (forged[bit >> 3] as number) ^ (1 << (bit & 7))
          if (key.verify(data, forged)) t.fail(`bit ${bit} does not count`)
        }
        for (const length of [0, 1, digest - 1]) t.notOk(key.verify(data, mac.subarray(0, length)), `${length} bytes`)
        t.notOk(key.verify(data, Buffer.concat([mac, Buffer.alloc(1)])), 'a byte too many')
        t.notOk(key.verify(randomBytes(77), mac), 'another message')
        t.notOk(core.hmacKey(name, randomBytes(40)).verify(data, mac), 'another key')
        t.ok(key.verify(data, mac))
      },
    )

  t.test(`${build}: keys live side by side, and one that was destroyed refuses`, async (t) => {
    const kept = Array.from({ length: 50 }, (_, i) => {
      const { name } = HASHES[i % 3] as (typeof HASHES)[number]
      const secret = randomBytes(i * 5)
      return { name, secret, key: core.hmacKey(name, secret) }
    })
    const data = randomBytes(200)
    const right = () => kept.filter(({ name, secret, key }) => byNode(name, secret, data).equals(key.sign(data))).length
    t.equal(right(), 50)
    const gone = kept.splice(20, 1)[0]
    gone?.key.destroy()
    gone?.key.destroy()
    t.throws(() => gone?.key.sign(data), { code: 'ERR_KEY_DESTROYED' })
    for (const length of [0, 32, 48, 64])
      t.throws(() => gone?.key.verify(data, randomBytes(length)), { code: 'ERR_KEY_DESTROYED' })
    t.equal(right(), 49)
    for (const { key } of kept) key.destroy()
  })

  t.test(`${build}: refuses a hash that is none of ours`, async (t) => {
    for (const name of ['md5', 'toString', 'SHA256', ''])
      t.throws(() => core.hmacKey(name as 'sha256', randomBytes(8)), { code: 'ERR_CORE_ALGORITHM' })
    t.equal(core.hmacKey('sha256', randomBytes(8)).sign(randomBytes(8)).length, 32)
  })

  t.test(
    `${build}: a kept key leaves neither itself nor a MAC behind, and nothing of its own after destroy`,
    async (t) => {
      const wasm = instantiateCore(coreBytes(build))
      const own = new Core(wasm)
      const holds = (part: Uint8Array) => Buffer.from(wasm.memory.buffer).includes(part)
      for (const { name, id, block } of HASHES) {
        const [secret, data] = [randomBytes(100), randomBytes(300)]
        const key = own.hmacKey(name, secret)
        const mac = key.sign(data)
        key.verify(data, mac)
        const forged = mac.slice()
        forged[0] = (forged[0] as number) ^ 1
        t.notOk(key.verify(data, forged))
        // The pads, RFC 2104 section 2, of the key as it enters them
        const entering = secret.length > block ? own[name](secret) : secret
        for (const [what, bytes] of [
          ['the key', secret],
          ['the key in its inner pad', entering.map((byte) => byte ^ 0x36)],
          ['the key in its outer pad', entering.map((byte) => byte ^ 0x5c)],
          ['the message', data],
          ['the MAC', mac],
        ] as const)
          for (const at of [0, 16]) t.notOk(holds(bytes.subarray(at, at + 16)), `${name}: ${what}`)
        // The chaining value after the inner pad is what stands for the key: it is there, then gone.
        const context = wasm.allocate(wasm.HMAC_CONTEXT.value as number)
        const at = wasm.allocate(100)
        new Uint8Array(wasm.memory.buffer).set(secret, at)
        wasm.hmacKey(context, id, at, 100)
        const chain = new Uint8Array(wasm.memory.buffer).slice(context + 8, context + 8 + 32)
        wasm.hmacDestroy(context)
        t.ok(holds(chain), `${name}: the search finds what the key was made into`)
        key.destroy()
        t.notOk(holds(chain), `${name}: and not after destroy`)
        wasm.release(at, 100)
      }
    },
  )

  t.test(`${build}: 10,000 keys come and go, and memory stays flat`, async (t) => {
    const wasm = instantiateCore(coreBytes(build))
    const own = new Core(wasm)
    own.hmacKey('sha384', randomBytes(32)).destroy()
    const size = wasm.memory.buffer.byteLength
    for (let i = 0; i < 10_000; i++) own.hmacKey('sha384', new Uint8Array(32)).destroy()
    t.equal(wasm.memory.buffer.byteLength, size)
  })
}
