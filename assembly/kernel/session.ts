// A session, from the parent's `opened` to `closed`: its handshake's secrets, then its keys and streams.
import { KIND_CLOSE, ROLE_USER } from '../abi/channel'
import { MAX_SESSIONS } from '../abi/limits'
import { CLOSE_HANDSHAKE } from '../abi/wire'
import { copy, store16, zeroise } from '../mem/bytes'
import { Direction } from './channel-keys'
import { now } from './clock'
import { sendFrame } from './frames'
import { sendClose } from './outbox'
import { withdraw } from './signing'
import { dropStreams, Stream } from './stream'

/** Nothing came yet, or evidence was sent and more may be asked for. */
export const STATE_NEW: i32 = 0
/** M1 or E1 came; its document is not asked for yet, as others are being signed. */
export const STATE_QUEUED: i32 = 1
/** The document is being signed. */
export const STATE_SIGNING: i32 = 2
/** M2 went out; M3 is due. */
export const STATE_OFFERED: i32 = 3
export const STATE_OPEN: i32 = 4
export const STATE_OVER: i32 = 5

export const SECRET_BYTES: usize = 32

/** Sessions that wait for a signature or for M3. */
export let handshakes: i32 = 0
/** The parent numbers sessions upwards: no number comes again, so an answer for an old one finds nobody. */
let lastOpened: u32 = 0
const code = memory.data(2)

export class Session {
  state: i32 = STATE_NEW
  since: i64 = now
  /** What waits for a signature is evidence for an auditor, no handshake. */
  forEvidence: bool = false
  /** M1 or E1, while it waits. */
  message: usize = 0
  messageLength: usize = 0
  /** X25519, for this handshake alone; erased by whatever ends it. */
  secret: usize = heap.alloc(SECRET_BYTES)
  /** B2, from the request for its document until M2. */
  offer: usize = 0
  offerLength: usize = 0
  /** t1, then t2. */
  transcript: usize = heap.alloc(48)
  incoming: Direction | null = null
  outgoing: Direction | null = null
  role: u32 = 0
  user: usize = heap.alloc(32)
  lastStream: u32 = 0
  streams: Map<u32, Stream> = new Map()

  constructor(public id: u32) {}

  enter(state: i32): void {
    handshakes += <i32>isHandshake(state) - <i32>isHandshake(this.state)
    this.state = state
    this.since = now
  }

  keepMessage(at: usize, length: usize): void {
    this.dropMessage()
    this.message = heap.alloc(length)
    this.messageLength = length
    copy(this.message, at, length)
  }

  dropMessage(): void {
    if (this.message != 0) heap.free(this.message)
    this.message = 0
  }

  dropOffer(): void {
    if (this.offer != 0) heap.free(this.offer)
    this.offer = 0
  }

  /** Whatever the outcome of a handshake: its secret is gone. */
  eraseSecret(): void {
    zeroise(this.secret, SECRET_BYTES)
  }

  free(): void {
    this.eraseSecret()
    this.dropMessage()
    this.dropOffer()
    const incoming = this.incoming
    const outgoing = this.outgoing
    if (incoming) incoming.destroy()
    if (outgoing) outgoing.destroy()
    this.incoming = null
    this.outgoing = null
    heap.free(this.secret)
    heap.free(this.transcript)
    heap.free(this.user)
  }
}

export const sessions: Map<u32, Session> = new Map()

/** Whether the parent may open a session of this number: none is used twice. */
export function isNextSession(id: u32): bool {
  return id > lastOpened
}

/** @returns null where there are too many */
export function openSession(id: u32): Session | null {
  lastOpened = id
  if (sessions.size >= MAX_SESSIONS) return null
  const session = new Session(id)
  sessions.set(id, session)
  return session
}

export function findSession(id: u32): Session | null {
  return sessions.has(id) ? sessions.get(id) : null
}

/** Ends a session and tells the parent why. */
export function closeSession(session: Session, reason: u32): void {
  if (!sessions.has(session.id)) return
  sendClose(session.id, reason)
  forgetSession(session)
}

/** Ends an open session of the kernel's own accord: a sealed `close` tells the client that this is no truncation. */
export function endSession(session: Session, reason: u32): void {
  store16(code, reason)
  sendFrame(session, 0, KIND_CLOSE, code, 2, 0, 0)
  closeSession(session, reason)
}

/** Ends a session that the parent has closed. */
export function forgetSession(session: Session): void {
  if (!sessions.has(session.id)) return
  sessions.delete(session.id)
  withdraw(session)
  session.enter(STATE_OVER)
  dropStreams(session)
  session.free()
}

/** Ends the sessions of a user who is one no more. */
export function endSessionsOf(user: usize): void {
  const all = sessions.values()
  for (let i = 0; i < all.length; i++) {
    const session = all[i]
    if (session.state != STATE_OPEN || session.role != ROLE_USER || memory.compare(session.user, user, 32) != 0) continue // public keys
    endSession(session, CLOSE_HANDSHAKE)
  }
}

function isHandshake(state: i32): bool {
  return state == STATE_QUEUED || state == STATE_SIGNING || state == STATE_OFFERED
}
