/**
 * What stands in the log, one canonical-JSON object an entry (PROTOCOLS.md 7): who asked for what, and what came of it. Digests and names
 * of actions; never parameters, keys of records or anything of a customer's content. An entry is of one subject, and a subject's entries
 * are numbered without a gap, so that whoever holds the last number misses none.
 */
import { RefusedError, UsageError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'

/** What concerns all enclaves of a host. */
export const HOST = 'host'
export const MAX_ENTRY_BYTES = 65_536
const SUBJECT = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/

/** What a launch left to its owners: their keys (Ed25519, hex), and SHA-384 of the grant chain, hex. They may read what concerns it. */
export type Admitted = { grant: string; firstOwner: string; owners: string[] }

export type EntryBody =
  /** Entry 0: the policy the host began with, as it was signed. */
  | { kind: 'genesis'; genesis: Json }
  /**
   * A request that is about to take effect. `request`: SHA-256 of what was signed, hex. `kid`: RFC 7638 thumbprint. `approvedBy`: such
   * thumbprints, none where the action is not guarded.
   */
  | { kind: 'intent'; action: string; request: string; kid: string; role: string; approvedBy: string[] }
  /** A signed request that does not: `code` says why. `answer`: SHA-256 of what was answered, hex (host/wire/admin.ts). */
  | { kind: 'refused'; action: string | null; request: string; kid: string; code: string; answer: string }
  /** What became of the intent at index `of`: `code` is null where it was done, `answer` where nobody was left to be answered. */
  | {
      kind: 'outcome'
      of: number
      action: string
      request: string
      code: string | null
      answer: string | null
      admitted?: Admitted
    }
  /** A guarded action that waits for approvals, whole: a policy, a release. `id`: SHA-256 of the request that made it, hex. */
  | {
      kind: 'proposal'
      id: string
      action: string
      payload: Json
      policy: string
      expiresMs: number
      proposer: string
    }
  /** Keys are Ed25519 public keys, hex. What does not hold when it comes to its place is void (host/control/proposals/state.ts). */
  | { kind: 'approval'; proposal: string; key: string; signature: string }
  | { kind: 'withdrawal'; proposal: string; key: string }
  /** Of policies and releases this is the effect itself; what else is guarded follows it, once or never. */
  | { kind: 'execution'; proposal: string; key: string }
  /** Requests that nobody known has signed: how many, since the last such entry. */
  | { kind: 'strangers'; count: number }
  /** Requests that were sent again although their replay stands in the log already: how many, since the last such entry. */
  | { kind: 'repeats'; count: number }

export type EntryDraft = EntryBody & { subject: string }
export type Entry = EntryDraft & { version: 1; subjectSequence: number; timeMs: number }

/** @throws UsageError ERR_LOG_ENTRY */
export function encodeEntry(entry: Entry): Uint8Array {
  if (!SUBJECT.test(entry.subject)) throw new UsageError('ERR_LOG_ENTRY', `no subject: ${entry.subject.slice(0, 64)}`)
  const bytes = encodeCanonicalJson(entry as unknown as Json)
  if (bytes.length > MAX_ENTRY_BYTES)
    throw new UsageError('ERR_LOG_ENTRY', `an entry of ${bytes.length} bytes, at most ${MAX_ENTRY_BYTES}`)
  return bytes
}

/** Shape of what all entries have. @throws RefusedError ERR_LOG_ENTRY, ERR_JSON_* */
export function parseEntry(bytes: Uint8Array): Entry {
  const value = decodeCanonicalJson(bytes)
  const entry = value as Record<string, Json>
  const whole = (field: Json | undefined) => Number.isSafeInteger(field) && (field as number) >= 0
  if (value === null || typeof value !== 'object' || Array.isArray(value) || entry.version !== 1)
    throw new RefusedError('ERR_LOG_ENTRY', 'no entry of version 1')
  if (typeof entry.kind !== 'string' || typeof entry.subject !== 'string' || !SUBJECT.test(entry.subject))
    throw new RefusedError('ERR_LOG_ENTRY', 'an entry has a kind and a subject')
  if (!whole(entry.subjectSequence) || !whole(entry.timeMs))
    throw new RefusedError('ERR_LOG_ENTRY', 'an entry has a number of its subject, and a time')
  return value as unknown as Entry
}
