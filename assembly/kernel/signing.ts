// Signatures of the NSM, which handshakes and auditors wait for. Few are under way at a time, whoever has gone meanwhile; the others
// wait, oldest first, and cost no cryptography while they do.
import { MAX_HANDSHAKES, MAX_HANDSHAKES_SIGNING } from '../abi/limits'
import { requestEvidence } from './evidence'
import { offerKey } from './handshake'
import { handshakes, Session, STATE_QUEUED, STATE_SIGNING } from './session'

const waiting: Array<Session> = []
let underWay = 0

export function hasRoomForHandshake(): bool {
  return handshakes < MAX_HANDSHAKES
}

/** The session's message is kept; its document is asked for as soon as its turn comes. */
export function awaitSignature(session: Session): void {
  session.enter(STATE_QUEUED)
  waiting.push(session)
  signNext()
}

/** The session has ended: it waits no more. What is under way already stays so until nitro answers. */
export function withdraw(session: Session): void {
  const place = waiting.indexOf(session)
  if (place >= 0) waiting.splice(place, 1)
}

/** Nitro has answered one request, with a document or without. */
export function signatureCame(): void {
  underWay--
  signNext()
}

function signNext(): void {
  while (underWay < MAX_HANDSHAKES_SIGNING && waiting.length > 0) {
    const session = waiting.shift()
    session.enter(STATE_SIGNING)
    underWay++
    if (session.forEvidence) requestEvidence(session)
    else offerKey(session)
    session.dropMessage()
  }
}
