/**
 * The client's half of the handshake (PROTOCOLS.md 4): M1 with a nonce, appraisal of M2, M3 sealed to the attested key, M4.
 * Nothing of the client's, not even its name, leaves before the evidence has been appraised.
 */
import {
  ACCEPTED_PLAINTEXT_BYTES,
  CHANNEL_VERSION,
  HEAD_TOKEN_BYTES,
  KEYS_PLAINTEXT_BYTES,
  KIND_ACCEPTED,
  KIND_REFUSED,
  MESSAGE_EVIDENCE,
  MESSAGE_HELLO,
  MESSAGE_KEYS,
  NONCE_BYTES,
} from '../../assembly/abi/channel.ts'
import type { Core } from '../core/index.ts'
import { RefusedError } from '../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../wire/cbor.ts'
import { Direction } from './direction.ts'
import type { Identity } from './identity.ts'
import {
  clientSignatureInput,
  concat,
  evidenceTranscript,
  helloTranscript,
  keysTranscript,
  label,
} from './transcript.ts'

/** The store's head that an enclave offers with its evidence; the client compares it with its own token. */
export type StoreHead = { storeId: Uint8Array; generation: number | bigint; headHash: Uint8Array }

/** What an enclave shows. Having it means that its shape is right; whether to believe it is for the appraisal. */
export type Offer = {
  version: number
  /** X25519, made for this session */
  publicKey: Uint8Array
  head: StoreHead | null
  grantChain: Uint8Array
  admissionRecord: Uint8Array
  bootRecord: Uint8Array
  document: Uint8Array
  /** What the document must name. */
  nonce: Uint8Array
  transcript: Uint8Array
}

export type Accepted = {
  role: string
  limits: { maxRequestBody: number; maxHead: number; streamWindow: number; maxStreams: number }
  head: StoreHead | null
  /** To be shown next time; null without a store. */
  headToken: Uint8Array | null
}

export type Keys = { message: Uint8Array; outgoing: Direction; incoming: Direction }

const B2_FIELDS = 6

export function hello(nonce: Uint8Array): Uint8Array {
  if (nonce.length !== NONCE_BYTES) throw new RangeError(`nonce of ${nonce.length} bytes`)
  return concat(Uint8Array.of(MESSAGE_HELLO), encodeCbor([[CHANNEL_VERSION], nonce]))
}

/** @throws RefusedError ERR_HANDSHAKE_SYNTAX, ERR_HANDSHAKE_VERSION */
export function readOffer(core: Core, m1: Uint8Array, nonce: Uint8Array, m2: Uint8Array): Offer {
  if (m2[0] !== MESSAGE_EVIDENCE) throw syntax(`message ${m2[0]} where evidence is due`)
  const outer = decodeCbor(m2.subarray(1))
  if (!Array.isArray(outer) || outer.length !== 2) throw syntax('evidence is [B2, document]')
  const [b2, document] = outer.map((item) => bytes(item, 'evidence')) as [Uint8Array, Uint8Array]
  const fields = decodeCbor(b2)
  if (!Array.isArray(fields) || fields.length !== B2_FIELDS) throw syntax(`B2 has ${B2_FIELDS} fields`)
  const [version, publicKey, head, grantChain, admissionRecord, bootRecord] = fields as Cbor[]
  if (version !== CHANNEL_VERSION)
    throw new RefusedError(
      'ERR_HANDSHAKE_VERSION',
      `the enclave speaks version ${String(version)}, offered was ${CHANNEL_VERSION}`,
    )
  return {
    version,
    publicKey: bytes(publicKey, 'pkE', 32),
    head: readHead(head),
    grantChain: bytes(grantChain, 'grant chain'),
    admissionRecord: bytes(admissionRecord, 'admission record'),
    bootRecord: bytes(bootRecord, 'boot record'),
    document,
    nonce,
    transcript: helloTranscript(core, m1, b2),
  }
}

/** M3 and the session's keys. `offer` must have been appraised: from here on the enclave learns who the client is. */
export async function sealKeys(
  core: Core,
  offer: Offer,
  identity: Identity,
  headToken: Uint8Array | null,
): Promise<Keys> {
  const t2 = evidenceTranscript(core, offer.transcript, offer.document)
  const context = core.hpke.setupBaseS(offer.publicKey, concat(label('wasmclave/1 session'), t2))
  const signature = await identity.sign(clientSignatureInput(core, t2, context.enc, identity.publicKey))
  const plaintext = new Uint8Array(KEYS_PLAINTEXT_BYTES)
  plaintext.set(identity.publicKey)
  plaintext.set(signature, 32)
  if (headToken !== null) {
    if (headToken.length !== HEAD_TOKEN_BYTES) throw new RangeError(`head token of ${headToken.length} bytes`)
    plaintext[96] = 1
    plaintext.set(headToken, 97)
  }
  const m3 = concat(Uint8Array.of(MESSAGE_KEYS), encodeCbor([context.enc, context.seal(t2, plaintext)]))
  const t3 = keysTranscript(core, t2, m3)
  const outgoing = new Direction(core, context.export(concat(label('wasmclave/1 c2e'), t3), 32))
  const incoming = new Direction(core, context.export(concat(label('wasmclave/1 e2c'), t3), 32))
  return { message: m3, outgoing, incoming }
}

/** M4: frame 0 of the enclave. @throws RefusedError ERR_SESSION_REFUSED, ERR_HANDSHAKE_SYNTAX, ERR_FRAME_SEQUENCE */
export function readAccepted(incoming: Direction, message: Uint8Array): Accepted {
  const frames = [...incoming.open(message)]
  const frame = frames[0]
  if (
    frames.length !== 1 ||
    frame === undefined ||
    frame.stream !== 0 ||
    frame.plaintext.length !== ACCEPTED_PLAINTEXT_BYTES
  )
    throw syntax('the first answer is no acceptance')
  const length = new DataView(frame.plaintext.buffer, frame.plaintext.byteOffset).getUint16(0)
  if (length > ACCEPTED_PLAINTEXT_BYTES - 2) throw syntax('the acceptance is cut short')
  const value = decodeCbor(frame.plaintext.subarray(2, 2 + length))
  if (frame.kind === KIND_REFUSED)
    throw new RefusedError(
      'ERR_SESSION_REFUSED',
      `the enclave does not admit this key: ${Array.isArray(value) ? String(value[0]) : ''}`,
    )
  if (frame.kind !== KIND_ACCEPTED || !Array.isArray(value) || value.length !== 3)
    throw syntax('the first answer is no acceptance')
  const [role, limits, head] = value
  if (
    typeof role !== 'string' ||
    !Array.isArray(limits) ||
    limits.length !== 4 ||
    !limits.every((limit) => typeof limit === 'number')
  )
    throw syntax('the acceptance is [role, limits, head]')
  const [maxRequestBody, maxHead, streamWindow, maxStreams] = limits as [number, number, number, number]
  // The head's token: its three items and their HMAC
  const mac = Array.isArray(head) && head.length === 4 ? bytes(head[3], 'token', 32) : undefined
  const found = readHead(mac === undefined ? head : (head as Cbor[]).slice(0, 3))
  const headToken = found === null || mac === undefined ? null : encodeToken(found, mac)
  return { role, limits: { maxRequestBody, maxHead, streamWindow, maxStreams }, head: found, headToken }
}

function encodeToken({ storeId, generation, headHash }: StoreHead, mac: Uint8Array): Uint8Array {
  const token = new Uint8Array(HEAD_TOKEN_BYTES)
  token.set(storeId)
  new DataView(token.buffer).setBigUint64(32, BigInt(generation))
  token.set(headHash, 40)
  token.set(mac, 72)
  return token
}

function readHead(value: Cbor | undefined): StoreHead | null {
  if (value === null) return null
  if (!Array.isArray(value) || value.length !== 3) throw syntax('a head is [store id, generation, hash]')
  const generation = value[1]
  if (typeof generation !== 'number' && typeof generation !== 'bigint') throw syntax('a generation is a number')
  return { storeId: bytes(value[0], 'store id', 32), generation, headHash: bytes(value[2], 'head hash', 32) }
}

function bytes(value: Cbor | undefined, what: string, length?: number): Uint8Array {
  if (!(value instanceof Uint8Array) || (length !== undefined && value.length !== length))
    throw syntax(`${what} is not ${length === undefined ? 'a byte string' : `${length} bytes`}`)
  return value
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_HANDSHAKE_SYNTAX', message)
}
