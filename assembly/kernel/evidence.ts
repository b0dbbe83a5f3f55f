// Evidence for auditors, without a session (PROTOCOLS 1): the caller's nonce, and the caller's data behind a label that no handshake and
// no key release accepts.
import { MESSAGE_ATTESTED } from '../abi/channel'
import { MAX_PUBLIC_KEY_BYTES, MAX_USER_DATA_BYTES } from '../abi/limits'
import { CLOSE_HANDSHAKE, CLOSE_LIMIT } from '../abi/wire'
import { CborReader } from '../codec/cbor-reader'
import { Writer } from '../codec/writer'
import { LABEL_EVIDENCE } from './labels'
import { attestCallerKey, writeRecords } from './launch'
import { requestAttestation, WAITS_EVIDENCE } from './nsm'
import { beginMessage, endMessage, outbox } from './outbox'
import { closeSession, findSession, Session, STATE_NEW, STATE_SIGNING } from './session'
import { awaitSignature, hasRoomForHandshake } from './signing'

const userData = new Writer(2048)

// E1 = [nonce, user data, public key], each bytes or null
class EvidenceRequest {
  reader: CborReader
  nonce: usize = 0
  nonceLength: usize = 0
  data: usize = 0
  dataLength: usize = 0
  key: usize = 0
  keyLength: usize = 0

  constructor(at: usize, length: usize) {
    const reader = new CborReader(at + 1, at + length)
    this.reader = reader
    reader.array(3)
    this.nonce = optional(reader)
    this.nonceLength = reader.length
    this.data = optional(reader)
    this.dataLength = reader.length
    this.key = optional(reader)
    this.keyLength = reader.length
  }

  isValid(): bool {
    if (!this.reader.done()) return false
    if (this.nonceLength > <usize>MAX_USER_DATA_BYTES || this.dataLength > <usize>MAX_USER_DATA_BYTES) return false
    return this.keyLength <= <usize>MAX_PUBLIC_KEY_BYTES
  }
}

export function receiveEvidenceRequest(session: Session, at: usize, length: usize): void {
  if (session.state != STATE_NEW) return closeSession(session, CLOSE_HANDSHAKE)
  if (!hasRoomForHandshake()) return closeSession(session, CLOSE_LIMIT)
  const request = new EvidenceRequest(at, length)
  if (!request.isValid()) return closeSession(session, CLOSE_HANDSHAKE)
  // Otherwise the parent could have the enclave vouch for the parent's key
  if (request.key != 0 && !attestCallerKey) return closeSession(session, CLOSE_HANDSHAKE)
  session.forEvidence = true
  session.keepMessage(at, length)
  awaitSignature(session)
}

/** Its turn has come: asks for the document of a request that was checked when it came. */
export function requestEvidence(session: Session): void {
  const request = new EvidenceRequest(session.message, session.messageLength)
  userData.clear()
  userData.ascii(LABEL_EVIDENCE)
  userData.raw(request.data, request.dataLength)
  requestAttestation(
    userData.at, userData.length, request.nonce, request.nonceLength, request.key, request.keyLength, WAITS_EVIDENCE, session.id
  )
}

/** E2 = [document, grant chain, admission record, boot record]; the session may ask again. */
export function sendEvidence(id: u32, document: usize, length: usize): void {
  const session = findSession(id)
  if (!session || session.state != STATE_SIGNING) return
  const start = beginMessage(id)
  outbox.byte(MESSAGE_ATTESTED)
  outbox.cborArray(4)
  outbox.cborBytes(document, length)
  writeRecords(outbox)
  endMessage(start)
  session.forEvidence = false
  session.enter(STATE_NEW)
}

// 0 for null. An empty string is none.
function optional(reader: CborReader): usize {
  if (reader.isNull()) {
    reader.length = 0
    return 0
  }
  reader.bytes()
  return reader.at
}
