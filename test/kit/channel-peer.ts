// The client's half of the channel once more, written from assembly/abi/CHANNEL.md on node:crypto alone: it shares no code with the
// client, the core or the kernel, so that what it agrees with is the page. Randomness is an argument.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
} from 'node:crypto'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'

const X25519_SECRET_DER = Buffer.from('302e020100300506032b656e04220420', 'hex')
const ED25519_SECRET_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const X25519_PUBLIC_DER = Buffer.from('302a300506032b656e032100', 'hex')

type Bytes = Uint8Array
export type Offer = {
  version: number
  publicKey: Bytes
  head: unknown
  grantChain: Bytes
  admissionRecord: Bytes
  bootRecord: Bytes
}
export type PeerFrame = { stream: number; request: number; kind: number; plaintext: Buffer }
/** What a hostile client writes otherwise. Each is a change to what the page says. */
export type Tampering = {
  enc?: Bytes
  /** Claimed key: the signature is still made by the peer's own. */
  claim?: Bytes
  signature?: Bytes
  /** A change to the 256 bytes that are sealed. */
  plaintext?: (plaintext: Buffer) => void
  /** Replaces t2 in what is signed. */
  signedTranscript?: Bytes
}

export const concat = (...parts: (Bytes | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))
export const u16 = (value: number): Buffer => Buffer.from([value >>> 8, value & 255])
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const lp = (bytes: Bytes | string): Buffer => concat(u32(bytes.length), bytes)
export const sha384 = (...parts: (Bytes | string)[]): Buffer =>
  createHash('sha384')
    .update(concat(...parts))
    .digest()

export function x25519Secret(raw: Bytes): KeyObject {
  return createPrivateKey({ key: concat(X25519_SECRET_DER, raw), format: 'der', type: 'pkcs8' })
}
function x25519Public(raw: Bytes): KeyObject {
  return createPublicKey({ key: concat(X25519_PUBLIC_DER, raw), format: 'der', type: 'spki' })
}
export function rawPublic(secret: KeyObject): Buffer {
  return createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(12)
}

/** An Ed25519 key of a seed. */
export class PeerIdentity {
  readonly publicKey: Buffer
  readonly #key: KeyObject

  constructor(seed: Bytes) {
    this.#key = createPrivateKey({ key: concat(ED25519_SECRET_DER, seed), format: 'der', type: 'pkcs8' })
    this.publicKey = rawPublic(this.#key)
  }

  sign(message: Bytes): Buffer {
    return sign(null, message, this.#key)
  }
}

const hmac = (key: Bytes, ...parts: (Bytes | string)[]): Buffer =>
  createHmac('sha256', key)
    .update(concat(...parts))
    .digest()

// RFC 5869 section 2.3, for at most 255 blocks
function hkdfExpand(key: Bytes, info: Bytes, length: number): Buffer {
  let block: Buffer = Buffer.alloc(0)
  const blocks: Buffer[] = []
  for (let n = 1; blocks.length * 32 < length; n++) {
    block = hmac(key, block, info, Buffer.from([n]))
    blocks.push(block)
  }
  return Buffer.concat(blocks).subarray(0, length)
}

const KEM_SUITE = concat('KEM', Buffer.from([0x00, 0x20]))
const HPKE_SUITE = concat('HPKE', Buffer.from([0x00, 0x20, 0x00, 0x01, 0x00, 0x03]))
const labeledExtract = (suite: Bytes, salt: Bytes, label: string, ikm: Bytes) =>
  hmac(salt, 'HPKE-v1', suite, label, ikm)
const labeledExpand = (suite: Bytes, key: Bytes, label: string, info: Bytes, length: number) =>
  hkdfExpand(key, concat(u16(length), 'HPKE-v1', suite, label, info), length)

/** RFC 9180 base mode, sender. */
export class PeerHpke {
  readonly enc: Buffer
  readonly #key: Buffer
  readonly #nonce: Buffer
  readonly #exporter: Buffer

  constructor(recipient: Bytes, ephemeral: Bytes, info: Bytes) {
    const secret = x25519Secret(ephemeral)
    const none = Buffer.alloc(0)
    this.enc = rawPublic(secret)
    const dh = diffieHellman({ privateKey: secret, publicKey: x25519Public(recipient) })
    const prk = labeledExtract(KEM_SUITE, none, 'eae_prk', dh)
    const shared = labeledExpand(KEM_SUITE, prk, 'shared_secret', concat(this.enc, recipient), 32)
    const schedule = concat(
      Buffer.from([0]),
      labeledExtract(HPKE_SUITE, none, 'psk_id_hash', none),
      labeledExtract(HPKE_SUITE, none, 'info_hash', info),
    )
    const start = labeledExtract(HPKE_SUITE, shared, 'secret', none)
    this.#key = labeledExpand(HPKE_SUITE, start, 'key', schedule, 32)
    this.#nonce = labeledExpand(HPKE_SUITE, start, 'base_nonce', schedule, 12)
    this.#exporter = labeledExpand(HPKE_SUITE, start, 'exp', schedule, 32)
  }

  /** The first message alone: there is no other. */
  seal(aad: Bytes, plaintext: Bytes): Buffer {
    return seal(this.#key, this.#nonce, aad, plaintext)
  }

  export(context: Bytes, length: number): Buffer {
    return labeledExpand(HPKE_SUITE, this.#exporter, 'sec', context, length)
  }
}

export function seal(key: Bytes, nonce: Bytes, aad: Bytes, plaintext: Bytes): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  cipher.setAAD(aad, { plaintextLength: plaintext.length })
  return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag())
}

function open(key: Bytes, nonce: Bytes, aad: Bytes, sealed: Bytes): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  decipher.setAAD(aad, { plaintextLength: sealed.length - 16 })
  decipher.setAuthTag(sealed.subarray(sealed.length - 16))
  return concat(decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final())
}

/** One direction: a key that moves on, and a sequence. */
export class PeerDirection {
  sequence = 0n
  key: Buffer
  readonly #interval: bigint

  constructor(key: Bytes, interval = 2n ** 32n) {
    this.key = Buffer.from(key)
    this.#interval = interval
  }

  seal(stream: number, kind: number, plaintext: Bytes, request = stream): Buffer {
    const header = concat(Buffer.from([4]), u32(stream), u32(request), Buffer.from([kind]), u32(plaintext.length + 16))
    // First the nonce: it may move the key on.
    const nonce = this.#next()
    return concat(header, seal(this.key, nonce, header, plaintext))
  }

  /** The frames of a message; throws at the first that does not open. */
  open(message: Bytes): PeerFrame[] {
    const frames: PeerFrame[] = []
    let rest = Buffer.from(message)
    while (rest.length > 0) {
      const header = rest.subarray(0, 14)
      const length = header.readUInt32BE(10)
      if (header[0] !== 4 || length > rest.length - 14) throw new RangeError('no frame')
      const nonce = this.#next()
      frames.push({
        stream: header.readUInt32BE(1),
        request: header.readUInt32BE(5),
        kind: header[9] as number,
        plaintext: open(this.key, nonce, header, rest.subarray(14, 14 + length)),
      })
      rest = rest.subarray(14 + length)
    }
    return frames
  }

  #next(): Buffer {
    if (this.sequence > 0n && this.sequence % this.#interval === 0n)
      this.key = hkdfExpand(this.key, concat('wasmclave/1 rekey\0'), 32)
    const nonce = Buffer.alloc(12)
    nonce.writeBigUInt64BE(this.sequence++, 4)
    return nonce
  }
}

/** One handshake and the session after it. */
export class ChannelPeer {
  readonly m1: Buffer
  readonly identity: PeerIdentity
  m3: Buffer = Buffer.alloc(0)
  m3Plaintext: Buffer = Buffer.alloc(0)
  offer: Offer | undefined
  document: Buffer = Buffer.alloc(0)
  t1: Buffer = Buffer.alloc(0)
  t2: Buffer = Buffer.alloc(0)
  t3: Buffer = Buffer.alloc(0)
  outgoing!: PeerDirection
  incoming!: PeerDirection
  #lastStream = 0

  constructor(identity: PeerIdentity, nonce: Bytes, versions: number[] = [1]) {
    this.identity = identity
    this.m1 = concat(Buffer.from([1]), encodeCbor([versions, nonce]))
  }

  /** Reads M2; what it says of itself is for the test to look at. */
  receiveEvidence(m2: Bytes): Offer {
    if (m2[0] !== 2) throw new RangeError(`message ${m2[0]} where evidence is due`)
    const [b2, document] = decodeCbor(m2.subarray(1)) as [Bytes, Bytes]
    const [version, publicKey, head, grantChain, admissionRecord, bootRecord] = decodeCbor(b2) as never[]
    this.offer = {
      version,
      publicKey,
      head,
      grantChain,
      admissionRecord,
      bootRecord,
    } as unknown as Offer
    this.document = Buffer.from(document)
    this.t1 = sha384(lp('wasmclave/1 hello\0'), lp(this.m1), lp(b2))
    this.t2 = sha384(lp('wasmclave/1 evidence\0'), this.t1, lp(document))
    return this.offer
  }

  /** Makes M3 and both directions' keys. */
  makeKeys(ephemeral: Bytes, tampering: Tampering = {}, rekeyInterval?: bigint): Buffer {
    const offer = this.offer as Offer
    const hpke = new PeerHpke(offer.publicKey, ephemeral, concat('wasmclave/1 session\0', this.t2))
    const enc = tampering.enc ?? hpke.enc
    const claimed = tampering.claim ?? this.identity.publicKey
    const signed = tampering.signedTranscript ?? this.t2
    const signature =
      tampering.signature ??
      this.identity.sign(concat('wasmclave/1 client\0', sha384(lp(signed), lp(enc), lp(claimed))))
    const plaintext = Buffer.alloc(256)
    claimed.forEach((byte, i) => {
      plaintext[i] = byte
    })
    plaintext.set(signature, 32)
    tampering.plaintext?.(plaintext)
    this.m3Plaintext = plaintext
    this.m3 = concat(Buffer.from([3]), encodeCbor([enc, hpke.seal(this.t2, plaintext)]))
    this.t3 = sha384(lp('wasmclave/1 keys\0'), this.t2, lp(this.m3))
    this.outgoing = new PeerDirection(hpke.export(concat('wasmclave/1 c2e\0', this.t3), 32), rekeyInterval)
    this.incoming = new PeerDirection(hpke.export(concat('wasmclave/1 e2c\0', this.t3), 32), rekeyInterval)
    return this.m3
  }

  /** A request whose body goes with its head. */
  request(method: string, path: string, body: Bytes = Buffer.alloc(0), headers: [string, string][] = [], end = true) {
    const head = encodeCbor([method, path, headers])
    return this.outgoing.seal(this.nextStream(), 3 | (end ? 0x80 : 0), concat(u32(head.length), head, body))
  }

  nextStream(): number {
    return ++this.#lastStream
  }

  get lastStream(): number {
    return this.#lastStream
  }
}

/** `u16 n ‖ CBOR[n] ‖ zeros` of an accepted or refused frame. */
export function readVerdict(frame: PeerFrame): unknown {
  return decodeCbor(frame.plaintext.subarray(2, 2 + frame.plaintext.readUInt16BE(0)))
}

/** `u32 n ‖ CBOR[n] ‖ body` of a response's head. */
export function readResponse(frame: PeerFrame): { status: number; headers: [string, string][]; body: Buffer } {
  const length = frame.plaintext.readUInt32BE(0)
  const [status, headers] = decodeCbor(frame.plaintext.subarray(4, 4 + length)) as [number, [string, string][]]
  return { status, headers, body: frame.plaintext.subarray(4 + length) }
}
