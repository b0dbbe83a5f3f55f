// The enclave's half of the handshake (PROTOCOLS 4; the bytes stand in abi/CHANNEL.md). Each key pair serves one M3. A handshake that
// fails, fails in one way: the session closes with one reason, and its secrets are gone.
import {
  ACCEPTED_PLAINTEXT_BYTES, CHANNEL_HEADER_BYTES, CHANNEL_VERSION, HEAD_TOKEN_BYTES, HELLO_MAX_BYTES, KEYS_PLAINTEXT_BYTES, KIND_ACCEPTED,
  KIND_REFUSED, MESSAGE_EVIDENCE, NONCE_BYTES, ROLE_OWNER, ROLE_USER, TAG_BYTES
} from '../abi/channel'
import { HANDSHAKE_MS, MAX_HEAD_BYTES, MAX_REQUEST_BODY, MAX_STREAMS, STREAM_WINDOW } from '../abi/limits'
import { CLOSE_HANDSHAKE, CLOSE_LIMIT } from '../abi/wire'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { ed25519Verify } from '../crypto/ed25519'
import { HPKE_CHACHA20_POLY1305, HPKE_CONTEXT, hpkeErase, hpkeExport, hpkeOpen, hpkeSetupBaseR } from '../crypto/hpke'
import { sha384 } from '../crypto/sha512'
import { x25519Base } from '../crypto/x25519'
import { copy, isZero, store16, zeroise } from '../mem/bytes'
import { Direction } from './channel-keys'
import { now } from './clock'
import {
  LABEL_C2E, LABEL_CHANNEL, LABEL_CLIENT, LABEL_DOCUMENT, LABEL_E2C, LABEL_HELLO, LABEL_KEYS, LABEL_SESSION, prefixed, prefixedLabel
} from './labels'
import { hasStore, isOwner, recordsLength, writeRecords } from './launch'
import { requestAttestation, WAITS_SESSION } from './nsm'
import { beginMessage, endMessage, outbox } from './outbox'
import { random } from './random'
import { closeSession, findSession, SECRET_BYTES, Session, STATE_NEW, STATE_OFFERED, STATE_OPEN, STATE_SIGNING } from './session'
import { awaitSignature, hasRoomForHandshake } from './signing'
import { isStale, tokenIsAhead } from './store/stale'
import { judgeToken, TOKEN_AHEAD, TOKEN_INVALID, writeHeadItem, writeTokenItem } from './store/token'
import { isEnrolled } from './users'

const HASH_BYTES: usize = 48
const MAX_VERSIONS: u64 = 16
// M3's plaintext: pkC ‖ sig ‖ u8 hasToken ‖ token ‖ zeros
const SIGNATURE_AT: usize = 32
const HAS_TOKEN_AT: usize = 96
const TOKEN_AT: usize = 97

const publicKey = memory.data(32, 16)
const context = memory.data(<i32>HPKE_CONTEXT, 16)
const digest = memory.data(48, 16)
const keyBytes = memory.data(32, 16)
const scratch = new Writer(16384)

/** M1: kept until its turn for a signature comes. */
export function receiveHello(session: Session, at: usize, length: usize): void {
  if (session.state != STATE_NEW || length > <usize>HELLO_MAX_BYTES || readHello(at, length) == 0) return refuse(session)
  if (!hasRoomForHandshake()) return closeSession(session, CLOSE_LIMIT)
  session.keepMessage(at, length)
  awaitSignature(session)
}

/** The session's turn has come: a fresh key, B2 around it, and a document that binds both to M1. */
export function offerKey(session: Session): void {
  random(session.secret, SECRET_BYTES)
  x25519Base(publicKey, session.secret)
  const offer = new Writer(256 + recordsLength())
  offer.cborArray(6)
  offer.cborUint(CHANNEL_VERSION)
  offer.cborBytes(publicKey, 32)
  if (hasStore) writeHeadItem(offer)
  else offer.cborNull()
  writeRecords(offer)
  session.offer = offer.at
  session.offerLength = offer.length
  // t1 = H(lp(label) ‖ lp(M1) ‖ lp(B2))
  scratch.clear()
  prefixedLabel(scratch, LABEL_HELLO)
  prefixed(scratch, session.message, session.messageLength)
  prefixed(scratch, session.offer, session.offerLength)
  sha384(session.transcript, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_CHANNEL)
  scratch.raw(session.transcript, HASH_BYTES)
  const nonce = readHello(session.message, session.messageLength)
  requestAttestation(scratch.at, scratch.length, nonce, NONCE_BYTES, publicKey, 32, WAITS_SESSION, session.id)
}

/** The document of a handshake: t2, and M2. */
export function receiveDocument(id: u32, document: usize, length: usize): void {
  const session = findSession(id)
  if (!session || session.state != STATE_SIGNING) return
  scratch.clear()
  prefixedLabel(scratch, LABEL_DOCUMENT)
  scratch.raw(session.transcript, HASH_BYTES)
  prefixed(scratch, document, length)
  sha384(session.transcript, scratch.at, scratch.length)
  const start = beginMessage(id)
  outbox.byte(MESSAGE_EVIDENCE)
  outbox.cborArray(2)
  outbox.cborBytes(session.offer, session.offerLength)
  outbox.cborBytes(document, length)
  endMessage(start)
  session.dropOffer()
  session.enter(STATE_OFFERED)
}

/** The NSM did not sign. */
export function documentRefused(id: u32): void {
  const session = findSession(id)
  if (session) refuse(session)
}

/** M3: proves the client's key under the transcript, and gives both directions theirs. */
export function receiveKeys(session: Session, at: usize, length: usize): void {
  if (session.state != STATE_OFFERED || now - session.since > HANDSHAKE_MS) return refuse(session)
  const reader = new CborReader(at + 1, at + length)
  reader.array(2)
  reader.bytesOf(32)
  const enc = reader.at
  reader.bytesOf(KEYS_PLAINTEXT_BYTES + TAG_BYTES)
  if (!reader.done()) return refuse(session)
  const plaintext = reader.at
  // t3 = H(lp(label) ‖ t2 ‖ lp(M3)), before M3 is opened in place
  scratch.clear()
  prefixedLabel(scratch, LABEL_KEYS)
  scratch.raw(session.transcript, HASH_BYTES)
  prefixed(scratch, at, length)
  sha384(digest, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_SESSION)
  scratch.raw(session.transcript, HASH_BYTES)
  const usable = hpkeSetupBaseR(context, HPKE_CHACHA20_POLY1305, enc, session.secret, scratch.at, scratch.length)
  const opened = usable && hpkeOpen(context, plaintext, session.transcript, HASH_BYTES, plaintext, reader.length)
  if (opened) {
    session.incoming = new Direction(exported(LABEL_C2E))
    session.outgoing = new Direction(exported(LABEL_E2C))
  }
  hpkeErase(context)
  zeroise(keyBytes, 32)
  session.eraseSecret()
  if (!opened || !isPadded(plaintext) || !signedByClient(session, enc, plaintext)) return refuse(session)
  copy(session.user, plaintext, 32)
  session.role = isOwner(session.user) ? ROLE_OWNER : isEnrolled(session.user) ? ROLE_USER : 0
  const refused = session.role == 0 ? 'ERR_KEY_NOT_ADMITTED' : hasStore ? judgeStore(session, plaintext) : ''
  sendVerdict(session, refused)
  if (refused.length > 0) return refuse(session)
  session.enter(STATE_OPEN)
}

function refuse(session: Session): void {
  closeSession(session, CLOSE_HANDSHAKE)
}

// M1 = [[versions…], nonce]. @returns where the nonce is, or 0 for what does not parse or offers no version that is spoken here
function readHello(at: usize, length: usize): usize {
  const reader = new CborReader(at + 1, at + length)
  reader.array(2)
  const versions = reader.arrayUpTo(MAX_VERSIONS)
  let speaks = false
  for (let i = 0; i < versions; i++) if (reader.uint() == CHANNEL_VERSION) speaks = true
  reader.bytesOf(NONCE_BYTES)
  return reader.done() && speaks ? reader.at : 0
}

// Export(label ‖ t3, 32); `digest` holds t3
function exported(label: string): usize {
  scratch.clear()
  scratch.ascii(label)
  scratch.raw(digest, HASH_BYTES)
  hpkeExport(context, keyBytes, 32, scratch.at, scratch.length)
  return keyBytes
}

// A client that is let in shows what it has seen of the store; while that may not be the newest, owners alone are. @returns '' or the refusal
function judgeStore(session: Session, plaintext: usize): string {
  if (load<u8>(plaintext, HAS_TOKEN_AT) != 0) {
    const judged = judgeToken(plaintext + TOKEN_AT)
    if (judged == TOKEN_INVALID) return 'ERR_HEAD_TOKEN'
    if (judged == TOKEN_AHEAD) tokenIsAhead(plaintext + TOKEN_AT, session)
  }
  return isStale() && session.role != ROLE_OWNER ? 'ERR_STORE_STALE' : ''
}

// Nothing is hidden in what is to be zero.
function isPadded(plaintext: usize): bool {
  const hasToken = load<u8>(plaintext, HAS_TOKEN_AT)
  const zeros = hasToken == 0 ? TOKEN_AT : TOKEN_AT + HEAD_TOKEN_BYTES
  return hasToken <= 1 && isZero(plaintext + zeros, <usize>KEYS_PLAINTEXT_BYTES - zeros)
}

// sig = Ed25519(skC, label ‖ H(lp(t2) ‖ lp(enc) ‖ lp(pkC)))
function signedByClient(session: Session, enc: usize, plaintext: usize): bool {
  scratch.clear()
  prefixed(scratch, session.transcript, HASH_BYTES)
  prefixed(scratch, enc, 32)
  prefixed(scratch, plaintext, 32)
  sha384(digest, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_CLIENT)
  scratch.raw(digest, HASH_BYTES)
  return ed25519Verify(plaintext, scratch.at, scratch.length, plaintext + SIGNATURE_AT)
}

// M4: accepted and refused have one length.
function sendVerdict(session: Session, refused: string): void {
  const outgoing = session.outgoing
  if (!outgoing) return
  const start = beginMessage(session.id)
  const header = outbox.length
  outbox.grow(CHANNEL_HEADER_BYTES)
  const plaintext = outbox.length
  outbox.grow(2)
  if (refused.length > 0) {
    outbox.cborArray(1)
    outbox.cborAscii(refused)
  } else {
    outbox.cborArray(3)
    outbox.cborAscii(session.role == ROLE_OWNER ? 'owner' : 'user')
    outbox.cborArray(4)
    outbox.cborUint(MAX_REQUEST_BODY)
    outbox.cborUint(MAX_HEAD_BYTES)
    outbox.cborUint(STREAM_WINDOW)
    outbox.cborUint(MAX_STREAMS)
    if (hasStore) writeTokenItem(outbox)
    else outbox.cborNull()
  }
  const used = outbox.length - plaintext
  store16(outbox.at + plaintext, <u32>(used - 2))
  const padding = <usize>ACCEPTED_PLAINTEXT_BYTES - used
  zeroise(outbox.grow(padding), padding)
  outbox.grow(TAG_BYTES)
  outgoing.seal(outbox, header, 0, refused.length > 0 ? KIND_REFUSED : KIND_ACCEPTED, ACCEPTED_PLAINTEXT_BYTES)
  endMessage(start)
}
