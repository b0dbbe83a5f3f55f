// What took too long ends. Waiting for nitro's signature has no limit of its own: nitro is trusted to answer.
import { HANDSHAKE_MS, SESSION_MS } from '../abi/limits'
import { CLOSE_HANDSHAKE, CLOSE_IDLE, CLOSE_LIMIT } from '../abi/wire'
import { now } from './clock'
import { closeSession, endSession, sessions, STATE_NEW, STATE_OFFERED, STATE_OPEN } from './session'

/** A session that says nothing, or wants no more evidence. */
const IDLE_MS: i64 = 2 * HANDSHAKE_MS

export function expireSessions(): void {
  const all = sessions.values()
  for (let i = 0; i < all.length; i++) {
    const session = all[i]
    const age = now - session.since
    if (session.state == STATE_OPEN && age > SESSION_MS) endSession(session, CLOSE_LIMIT)
    else if (session.state == STATE_NEW && age > IDLE_MS) closeSession(session, CLOSE_IDLE)
    else if (session.state == STATE_OFFERED && age > HANDSHAKE_MS) closeSession(session, CLOSE_HANDSHAKE)
  }
}
