// A session, from the parent's `opened` to `closed`: its handshake's secrets, then its keys and streams.
import { MAX_SESSIONS } from '../abi/limits'
import { zeroise } from '../mem/bytes'
import { Direction } from './channel-keys'
import { now } from './clock'
import { sendClose } from './outbox'
import { dropStreams, Stream } from './stream'

/** Nothing came yet. */
export const STATE_NEW: i32 = 0
/** M1 came; the document is not asked for, as too many are being signed. */
export const STATE_QUEUED: i32 = 1
/** The document is being signed. */
export const STATE_SIGNING: i32 = 2
/** M2 went out; M3 is due. */
export const STATE_OFFERED: i32 = 3
export const STATE_OPEN: i32 = 4

export const SECRET_BYTES: usize = 32

export class Session {
  state: i32 = STATE_NEW
  since: i64 = now
  /** X25519, for this handshake alone; erased by whatever ends it. */
  secret: usize = heap.alloc(SECRET_BYTES)
  /** B2 as it will be sent, and t1 then t2. */
  offer: usize = 0
  offerLength: usize = 0
  transcript: usize = heap.alloc(48)
  nonce: usize = heap.alloc(32)
  evidenceOnly: bool = false
  incoming: Direction | null = null
  outgoing: Direction | null = null
  role: u32 = 0
  user: usize = heap.alloc(32)
  lastStream: u32 = 0
  streams: Map<u32, Stream> = new Map()

  constructor(public id: u32) {}

  /** Whatever the outcome of a handshake: its secret and offer are gone. */
  forgetHandshake(): void {
    zeroise(this.secret, SECRET_BYTES)
    if (this.offer != 0) heap.free(this.offer)
    this.offer = 0
  }

  free(): void {
    this.forgetHandshake()
    const incoming = this.incoming
    const outgoing = this.outgoing
    if (incoming) incoming.destroy()
    if (outgoing) outgoing.destroy()
    heap.free(this.secret)
    heap.free(this.transcript)
    heap.free(this.nonce)
    heap.free(this.user)
  }
}

export const sessions: Map<u32, Session> = new Map()

/** @returns null where there is one of that number, or there are too many */
export function openSession(id: u32): Session | null {
  if (sessions.has(id) || sessions.size >= MAX_SESSIONS) return null
  const session = new Session(id)
  sessions.set(id, session)
  return session
}

export function findSession(id: u32): Session | null {
  return sessions.has(id) ? sessions.get(id) : null
}

/** Ends a session and tells the parent why. */
export function closeSession(session: Session, reason: u32): void {
  sendClose(session.id, reason)
  forgetSession(session)
}

/** Ends a session that the parent has closed. */
export function forgetSession(session: Session): void {
  if (!sessions.has(session.id)) return
  sessions.delete(session.id)
  dropStreams(session)
  session.free()
}
