/**
 * What the host knows of its admin requests: a fold over the log and nothing besides (PROTOCOLS.md 7). Entries are taken when they are
 * durable, those of an opened log first, so that after a crash it is what it was. A request is claimed before its entry is durable: two
 * copies that come at once are one request and its replay.
 */
import { type Entry, HOST } from '../log/proofs/entry.ts'
import { type Genesis, genesisDigest } from './genesis.ts'
import { Offices } from './offices.ts'
import { isGuardEntry } from './proposals/entry.ts'
import { GuardState } from './proposals/state.ts'

/** An intent whose outcome is not in the log. */
export type OpenIntent = { index: number; subject: string; action: string; request: string }

type Seen = { subject: string; action: string | null; replayed: boolean }

export class ControlState {
  readonly offices: Offices
  /** Policy in force, proposals, releases that may run. */
  readonly guard: GuardState
  /** By the digest of what was signed; as long as the log is. */
  readonly #requests = new Map<string, Seen>()
  readonly #open = new Map<number, OpenIntent>()
  readonly #quarantined = new Set<string>()

  constructor(genesis: Genesis) {
    this.offices = new Offices(genesis)
    this.guard = new GuardState({ genesis, digest: genesisDigest(genesis) })
  }

  get openIntents(): OpenIntent[] {
    return [...this.#open.values()]
  }

  isQuarantined(subject: string): boolean {
    return this.#quarantined.has(subject)
  }

  /** Subject and action of a request that came before. */
  seen(request: string): Pick<Seen, 'subject' | 'action'> | undefined {
    return this.#requests.get(request)
  }

  /** From here on, this request came before: `replay` is to be logged, once; a `repeat` is a replay that stands in the log already. */
  claim(request: string): 'new' | 'replay' | 'repeat' {
    const seen = this.#requests.get(request)
    if (seen === undefined) {
      this.#requests.set(request, { subject: HOST, action: null, replayed: false })
      return 'new'
    }
    if (seen.replayed) return 'repeat'
    seen.replayed = true
    return 'replay'
  }

  take(index: number, entry: Entry): void {
    if (isGuardEntry(entry)) {
      const verdict = this.guard.apply(index, entry)
      if (verdict.holds && verdict.effect?.action === 'change-policy') this.offices.appoint(verdict.effect.policy)
      return
    }
    switch (entry.kind) {
      case 'intent':
        this.#see(entry.request, entry.subject, entry.action)
        this.#open.set(index, { index, subject: entry.subject, action: entry.action, request: entry.request })
        return
      case 'refused':
        if (entry.code === 'ERR_ADMIN_REPLAY' && this.#requests.has(entry.request))
          (this.#requests.get(entry.request) as Seen).replayed = true
        else this.#see(entry.request, entry.subject, entry.action)
        return
      case 'outcome':
        this.#open.delete(entry.of)
        if (entry.code !== null) return
        if (entry.admitted !== undefined) this.offices.admit(entry.subject, entry.admitted)
        if (entry.action === 'quarantine') this.#quarantined.add(entry.subject)
        if (entry.action === 'lift-quarantine') this.#quarantined.delete(entry.subject)
        return
      default:
        return
    }
  }

  #see(request: string, subject: string, action: string | null): void {
    const replayed = this.#requests.get(request)?.replayed ?? false
    this.#requests.set(request, { subject, action, replayed })
  }
}
