// The enclave's half of the handshake (PROTOCOLS 4), and evidence for auditors (PROTOCOLS 1). Each key pair serves one M3. A handshake
// that fails, fails in one way: the session closes with one reason, and its secrets are gone.
import {
  ACCEPTED_PLAINTEXT_BYTES, CHANNEL_HEADER_BYTES, CHANNEL_VERSION, HELLO_MAX_BYTES, KEYS_PLAINTEXT_BYTES, KIND_ACCEPTED, KIND_REFUSED,
  MESSAGE_ATTESTED, MESSAGE_EVIDENCE, NONCE_BYTES, ROLE_OWNER, ROLE_USER, TAG_BYTES
} from '../abi/channel'
import {
  HANDSHAKE_MS, MAX_HANDSHAKES, MAX_HANDSHAKES_SIGNING, MAX_HEAD_BYTES, MAX_PUBLIC_KEY_BYTES, MAX_REQUEST_BODY, MAX_STREAMS,
  MAX_USER_DATA_BYTES, SESSION_MS, STREAM_WINDOW
} from '../abi/limits'
import { CLOSE_HANDSHAKE, CLOSE_IDLE, CLOSE_LIMIT } from '../abi/wire'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { ed25519Verify } from '../crypto/ed25519'
import { HPKE_CHACHA20_POLY1305, HPKE_CONTEXT, hpkeErase, hpkeExport, hpkeOpen, hpkeSetupBaseR } from '../crypto/hpke'
import { sha384 } from '../crypto/sha512'
import { x25519Base } from '../crypto/x25519'
import { copy, store16, zeroise } from '../mem/bytes'
import { Direction } from './channel-keys'
import { now } from './clock'
import {
  LABEL_C2E, LABEL_CHANNEL, LABEL_CLIENT, LABEL_DOCUMENT, LABEL_E2C, LABEL_EVIDENCE, LABEL_HELLO, LABEL_KEYS, LABEL_SESSION, prefixed,
  prefixedLabel
} from './labels'
import {
  admissionRecord, admissionRecordLength, attestCallerKey, bootRecord, bootRecordLength, grantChain, grantChainLength, isOwner
} from './launch'
import { requestAttestation, WAITS_EVIDENCE, WAITS_SESSION } from './nsm'
import { beginMessage, endMessage, outbox } from './outbox'
import { random } from './random'
import {
  closeSession, findSession, Session, sessions, SECRET_BYTES, STATE_NEW, STATE_OFFERED, STATE_OPEN, STATE_QUEUED, STATE_SIGNING
} from './session'
import { isEnrolled } from './users'

const HASH_BYTES: usize = 48
const publicKey = memory.data(32, 16)
const context = memory.data(<i32>HPKE_CONTEXT, 16)
const digest = memory.data(48, 16)
const keyBytes = memory.data(32, 16)
const scratch = new Writer(16384)

/** M1, or E1: first message of a session. */
export function receiveHello(session: Session, at: usize, length: usize): void {
  if (session.state != STATE_NEW || length > <usize>HELLO_MAX_BYTES || unfinished() > MAX_HANDSHAKES) return refuse(session)
  const reader = new CborReader(at + 1, at + length)
  reader.array(2)
  const versions = reader.arrayUpTo(16)
  let speaks = false
  for (let i = 0; i < versions; i++) if (reader.uint() == CHANNEL_VERSION) speaks = true
  reader.bytesOf(NONCE_BYTES)
  if (!reader.done() || !speaks) return refuse(session)
  copy(session.nonce, reader.at, NONCE_BYTES)
  random(session.secret, SECRET_BYTES)
  writeOffer(session)
  // t1 = H(lp(label) ‖ lp(M1) ‖ lp(B2))
  scratch.clear()
  prefixedLabel(scratch, LABEL_HELLO)
  prefixed(scratch, at, length)
  prefixed(scratch, session.offer, session.offerLength)
  sha384(session.transcript, scratch.at, scratch.length)
  session.state = STATE_QUEUED
  session.since = now
  signNext()
}

/** The document of a channel's handshake: t2, and M2. */
export function receiveDocument(id: u32, document: usize, length: usize): void {
  const session = findSession(id)
  if (session && session.state == STATE_SIGNING) {
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
    session.state = STATE_OFFERED
    session.since = now
  }
  signNext()
}

/** The NSM did not sign. */
export function documentRefused(id: u32): void {
  const session = findSession(id)
  if (session) refuse(session)
  signNext()
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
  const opened = usable && hpkeOpen(context, reader.at, session.transcript, HASH_BYTES, reader.at, reader.length)
  if (opened) {
    session.incoming = new Direction(exported(LABEL_C2E))
    session.outgoing = new Direction(exported(LABEL_E2C))
  }
  hpkeErase(context)
  zeroise(keyBytes, 32)
  session.forgetHandshake()
  if (!opened || !signedByClient(session, enc, reader.at)) return refuse(session)
  copy(session.user, reader.at, 32)
  session.role = isOwner(session.user) ? ROLE_OWNER : isEnrolled(session.user) ? ROLE_USER : 0
  sendVerdict(session)
  if (session.role == 0) return refuse(session)
  session.state = STATE_OPEN
  session.since = now
}

/** E1: evidence without a session, behind a label of its own. */
export function receiveEvidenceRequest(session: Session, at: usize, length: usize): void {
  if (session.state != STATE_NEW || unfinished() > MAX_HANDSHAKES) return refuse(session)
  const reader = new CborReader(at + 1, at + length)
  reader.array(3)
  const nonce = optional(reader)
  const nonceLength = reader.length
  const userData = optional(reader)
  const userDataLength = reader.length
  const key = optional(reader)
  const keyLength = reader.length
  if (!reader.done() || nonceLength > <usize>MAX_USER_DATA_BYTES || userDataLength > <usize>MAX_USER_DATA_BYTES || keyLength > <usize>MAX_PUBLIC_KEY_BYTES)
    return refuse(session)
  // Otherwise the parent could have the enclave vouch for the parent's key
  if (key != 0 && !attestCallerKey) return refuse(session)
  scratch.clear()
  scratch.ascii(LABEL_EVIDENCE)
  scratch.raw(userData, userDataLength)
  session.state = STATE_SIGNING
  session.since = now
  session.evidenceOnly = true
  if (!requestAttestation(scratch.at, scratch.length, nonce, nonceLength, key, keyLength, WAITS_EVIDENCE, session.id)) refuse(session)
}

export function sendEvidence(id: u32, document: usize, length: usize): void {
  const session = findSession(id)
  if (!session || session.state != STATE_SIGNING) return
  const start = beginMessage(id)
  outbox.byte(MESSAGE_ATTESTED)
  outbox.cborArray(4)
  outbox.cborBytes(document, length)
  writeRecords(outbox)
  endMessage(start)
  session.state = STATE_NEW
  session.since = now
}

/** Ends what took too long. */
export function expireSessions(): void {
  const all = sessions.values()
  for (let i = 0; i < all.length; i++) {
    const session = all[i]
    const age = now - session.since
    if (session.state == STATE_OPEN) {
      if (age > SESSION_MS) closeSession(session, CLOSE_LIMIT)
    } else if (session.state == STATE_NEW) {
      if (age > 2 * HANDSHAKE_MS) closeSession(session, CLOSE_IDLE)
    } else if (session.state == STATE_OFFERED && age > HANDSHAKE_MS) closeSession(session, CLOSE_HANDSHAKE)
  }
}

function refuse(session: Session): void {
  closeSession(session, CLOSE_HANDSHAKE)
}

function unfinished(): i32 {
  let count = 0
  const all = sessions.values()
  for (let i = 0; i < all.length; i++) if (all[i].state != STATE_OPEN && all[i].state != STATE_NEW) count++
  return count + 1
}

// Asks for documents as far as signatures may be under way, oldest first.
function signNext(): void {
  const all = sessions.values()
  let signing = 0
  for (let i = 0; i < all.length; i++) if (all[i].state == STATE_SIGNING) signing++
  for (let i = 0; i < all.length && signing < MAX_HANDSHAKES_SIGNING; i++) {
    const session = all[i]
    if (session.state != STATE_QUEUED) continue
    x25519Base(publicKey, session.secret)
    scratch.clear()
    scratch.ascii(LABEL_CHANNEL)
    scratch.raw(session.transcript, HASH_BYTES)
    requestAttestation(scratch.at, scratch.length, session.nonce, NONCE_BYTES, publicKey, 32, WAITS_SESSION, session.id)
    session.state = STATE_SIGNING
    signing++
  }
}

// B2 = [version, pkE, head, grant chain, admission record, boot record]
function writeOffer(session: Session): void {
  x25519Base(publicKey, session.secret)
  const offer = new Writer(256 + grantChainLength + admissionRecordLength + bootRecordLength)
  offer.cborArray(6)
  offer.cborUint(CHANNEL_VERSION)
  offer.cborBytes(publicKey, 32)
  offer.cborNull() // no durable store, no head
  writeRecords(offer)
  session.offer = offer.at
  session.offerLength = offer.length
}

function writeRecords(out: Writer): void {
  out.cborBytes(grantChain, grantChainLength)
  out.cborBytes(admissionRecord, admissionRecordLength)
  out.cborBytes(bootRecord, bootRecordLength)
}

// Export(label ‖ t3, 32); `digest` holds t3
function exported(label: string): usize {
  scratch.clear()
  scratch.ascii(label)
  scratch.raw(digest, HASH_BYTES)
  hpkeExport(context, keyBytes, 32, scratch.at, scratch.length)
  return keyBytes
}

// sig = Ed25519(skC, label ‖ H(lp(t2) ‖ lp(enc) ‖ lp(pkC))); plaintext = pkC ‖ sig ‖ …
function signedByClient(session: Session, enc: usize, plaintext: usize): bool {
  scratch.clear()
  prefixed(scratch, session.transcript, HASH_BYTES)
  prefixed(scratch, enc, 32)
  prefixed(scratch, plaintext, 32)
  sha384(digest, scratch.at, scratch.length)
  scratch.clear()
  scratch.ascii(LABEL_CLIENT)
  scratch.raw(digest, HASH_BYTES)
  return ed25519Verify(plaintext, scratch.at, scratch.length, plaintext + 32)
}

// M4: accepted and refused have one length.
function sendVerdict(session: Session): void {
  const start = beginMessage(session.id)
  const at = outbox.length
  outbox.grow(CHANNEL_HEADER_BYTES)
  const plaintext = outbox.length
  outbox.grow(2)
  if (session.role == 0) {
    outbox.cborArray(1)
    outbox.cborAscii('ERR_KEY_NOT_ADMITTED')
  } else {
    outbox.cborArray(3)
    outbox.cborAscii(session.role == ROLE_OWNER ? 'owner' : 'user')
    outbox.cborArray(4)
    outbox.cborUint(MAX_REQUEST_BODY)
    outbox.cborUint(MAX_HEAD_BYTES)
    outbox.cborUint(STREAM_WINDOW)
    outbox.cborUint(MAX_STREAMS)
    outbox.cborNull()
  }
  const used = outbox.length - plaintext
  store16(outbox.at + plaintext, <u32>(used - 2))
  const padding = <usize>ACCEPTED_PLAINTEXT_BYTES - used
  zeroise(outbox.grow(padding), padding)
  outbox.grow(TAG_BYTES)
  const outgoing = session.outgoing
  if (outgoing) outgoing.seal(outbox, at, 0, session.role == 0 ? KIND_REFUSED : KIND_ACCEPTED, ACCEPTED_PLAINTEXT_BYTES)
  endMessage(start)
}

function optional(reader: CborReader): usize {
  if (reader.isNull()) {
    reader.length = 0
    return 0
  }
  reader.bytes()
  return reader.at
}
