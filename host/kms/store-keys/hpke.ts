/**
 * HPKE (RFC 9180), the sender of base mode alone, on node:crypto: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. The KMS answers
 * once to each key, so a context seals one message.
 */
import {
  createCipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'
import { RefusedError, UsageError } from '../../errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HASH_BYTES = 32
/** DER before the raw key, RFC 8410 sections 4 and 7. */
const PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex')
const SECRET_DER = Buffer.from('302e020100300506032b656e04220420', 'hex')

const NONE = Buffer.alloc(0)
/** RFC 9180 sections 4.1 and 5.1: KEM 0x0020; KDF 0x0001, AEAD 0x0003 */
const KEM_SUITE = Buffer.from('KEM\x00\x20', 'latin1')
const SUITE = Buffer.from('HPKE\x00\x20\x00\x01\x00\x03', 'latin1')
const MODE_BASE = Buffer.of(0)

export type HpkeSender = {
  /** The encapsulated key, 32 bytes. */
  readonly enc: Uint8Array
  /** Once. Erases the key. @throws UsageError ERR_HPKE_SEQUENCE */
  seal(aad: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** RFC 9180 section 5.3 */
  export(context: Uint8Array, lengthBytes: number): Uint8Array
}

/**
 * @param publicKey the recipient's, 32 bytes
 * @param ephemeral 32 bytes, for test vectors only
 * @throws RefusedError ERR_HPKE_KEY for a key of another length or of low order
 */
export function setupBaseS(publicKey: Uint8Array, info: Uint8Array, ephemeral?: Uint8Array): HpkeSender {
  if (publicKey.length !== KEY_BYTES)
    throw new RefusedError('ERR_HPKE_KEY', `a public key of ${publicKey.length} bytes`)
  const secret = ephemeral === undefined ? generateKeyPairSync('x25519').privateKey : secretKey(ephemeral)
  const enc = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length)
  // RFC 9180 section 4.1
  const dh = agree(secret, publicKey)
  const shared = labeledExpand(
    KEM_SUITE,
    labeledExtract(KEM_SUITE, NONE, 'eae_prk', dh),
    'shared_secret',
    Buffer.concat([enc, publicKey]),
    KEY_BYTES,
  )
  // Section 5.1
  const schedule = Buffer.concat([
    MODE_BASE,
    labeledExtract(SUITE, NONE, 'psk_id_hash', NONE),
    labeledExtract(SUITE, NONE, 'info_hash', info),
  ])
  const start = labeledExtract(SUITE, shared, 'secret', NONE)
  const key = labeledExpand(SUITE, start, 'key', schedule, KEY_BYTES)
  const nonce = labeledExpand(SUITE, start, 'base_nonce', schedule, NONCE_BYTES)
  const exporter = labeledExpand(SUITE, start, 'exp', schedule, HASH_BYTES)
  for (const used of [dh, shared, start]) used.fill(0)
  let sealed = false
  return {
    enc: new Uint8Array(enc),
    seal(aad, plaintext) {
      if (sealed) throw new UsageError('ERR_HPKE_SEQUENCE', 'this context seals one message')
      sealed = true
      const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(aad, { plaintextLength: plaintext.length })
      const out = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
      key.fill(0)
      return new Uint8Array(out)
    },
    export: (context, lengthBytes) => new Uint8Array(labeledExpand(SUITE, exporter, 'sec', context, lengthBytes)),
  }
}

function agree(secret: KeyObject, publicKey: Uint8Array): Buffer {
  let dh: Buffer
  try {
    const peer = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' })
    dh = diffieHellman({ privateKey: secret, publicKey: peer })
  } catch (error) {
    // OpenSSL refuses a result of zeros by itself.
    throw new RefusedError('ERR_HPKE_KEY', 'a public key of low order', { cause: error })
  }
  // RFC 7748 section 6.1
  if (dh.every((byte) => byte === 0)) throw new RefusedError('ERR_HPKE_KEY', 'a public key of low order')
  return dh
}

function secretKey(raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([SECRET_DER, raw]), format: 'der', type: 'pkcs8' })
}

// RFC 9180 section 4
function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer {
  return createHmac('sha256', salt).update('HPKE-v1').update(suite).update(label, 'latin1').update(ikm).digest()
}

function labeledExpand(suite: Uint8Array, key: Uint8Array, label: string, info: Uint8Array, length: number): Buffer {
  const head = Buffer.alloc(2)
  head.writeUInt16BE(length)
  // HKDF-Expand, RFC 5869 section 2.3
  const blocks: Buffer[] = []
  let block: Buffer = NONE
  for (let n = 1; blocks.length * HASH_BYTES < length; n++) {
    block = createHmac('sha256', key)
      .update(block)
      .update(head)
      .update('HPKE-v1')
      .update(suite)
      .update(label, 'latin1')
      .update(info)
      .update(Buffer.of(n))
      .digest()
    blocks.push(block)
  }
  return Buffer.concat(blocks).subarray(0, length)
}
