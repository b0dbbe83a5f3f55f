/**
 * What the parent counts of its own work, as plain numbers: a frame costs two additions. Numbers of events and of sealed bytes, which
 * whoever relays them sees anyway; no name, address, place or content. What reads them is metrics.ts.
 */
export class Counts {
  sessionsOpened = 0
  sessionsClosed = 0
  /** Why a connection was turned away: its Host, its Origin, nobody of that name, too many of its address, no room. */
  readonly refused = { host: 0, origin: 0, path: 0, rate: 0, full: 0 }
  /** Messages of sessions and the bytes in them, by where they went. */
  readonly relayed = { to_enclave: { frames: 0, bytes: 0 }, to_peer: { frames: 0, bytes: 0 } }
  readonly adminCalls = { request: 0, read: 0, malformed: 0 }
  /** As the backend answered; `failed` is not known to be durable, and not known to be lost. */
  readonly commits = { durable: 0, conflict: 0, failed: 0 }
  /** Of durable commits: changes, deletions included, and what is kept of them. */
  readonly stored = { records: 0, bytes: 0 }
  enclavesServed = 0
  enclavesEnded = 0
}
