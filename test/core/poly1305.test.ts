// Poly1305 where chance never goes: accumulators that end in [p, 2^130), which one message in 2^128 does, solved for and built.
import { createCipheriv, createHash } from 'node:crypto'
import t from 'tap'
import { loadCore } from '../../host/core/index.ts'

const core = await loadCore()
// RFC 8439 section 2.5
const P = 2n ** 130n - 5n
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn

/** Two blocks of ciphertext, the second chosen so that the accumulator over both and the lengths is `residue` modulo p. */
function build(key: Buffer, nonce: Buffer, residue: bigint): Buffer | undefined {
  const r = littleEndian(keystream(key, nonce, 16)) & CLAMP
  const first = createHash('sha256').update(key).digest().subarray(0, 16)
  const lengths = Buffer.alloc(16)
  lengths.writeBigUInt64LE(32n, 8)
  const inverse = power(r, P - 2n)
  // ((first · r + second) · r + lengths) · r = residue, each block with its bit 128
  const beforeLengths = residue * inverse - (littleEndian(lengths) + 2n ** 128n)
  const second = mod(beforeLengths * inverse - (littleEndian(first) + 2n ** 128n) * r) - 2n ** 128n
  return second >= 0n && second < 2n ** 128n ? Buffer.concat([first, toBytes(second)]) : undefined
}

/** RFC 8439 section 2.6: the one-time key is the beginning of block 0. */
function keystream(key: Buffer, nonce: Buffer, length: number): Buffer {
  return createCipheriv('chacha20', key, Buffer.concat([Buffer.alloc(4), nonce])).update(Buffer.alloc(length))
}

const mod = (x: bigint) => ((x % P) + P) % P
const littleEndian = (bytes: Buffer) => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
const toBytes = (x: bigint) => Buffer.from(x.toString(16).padStart(32, '0'), 'hex').reverse()

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  for (let e = exponent, b = mod(base); e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b)
  return result
}

t.test('tags are right where the accumulator ends at p and just around it', async (t) => {
  const nonce = Buffer.alloc(12, 7)
  // 0 to 4 stand for p to 2^130 - 1 before the last reduction; p - 1 and 5 are their neighbours.
  for (const residue of [0n, 1n, 2n, 3n, 4n, 5n, P - 1n, P - 2n]) {
    let tried = 0
    for (let seed = 0; tried < 4; seed++) {
      const key = createHash('sha256').update(`key ${residue} ${seed}`).digest()
      const ciphertext = build(key, nonce, residue)
      if (ciphertext === undefined) continue
      tried++
      // The plaintext that seals to it: ciphertext XOR key stream from block 1 on
      const pad = keystream(key, nonce, 96).subarray(64)
      const plaintext = ciphertext.map((byte, i) => byte ^ (pad[i] as number))
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
      const expected = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
      t.ok(expected.subarray(0, 32).equals(ciphertext), 'the message is the one that was built')
      // Section 2.5.1: tag = (accumulator + s) mod 2^128
      const s = littleEndian(keystream(key, nonce, 32).subarray(16))
      t.equal(littleEndian(expected.subarray(32)), BigInt.asUintN(128, residue + s), 'its accumulator is the residue')
      const aead = core.chacha20poly1305(key)
      t.ok(expected.equals(aead.seal(nonce, plaintext)), `residue ${residue === P - 1n ? 'p - 1' : residue}`)
      t.ok(Buffer.from(plaintext).equals(aead.open(nonce, expected)))
      aead.destroy()
    }
  }
})
