/**
 * Who may sign an admin request: keys of the genesis by their office, and owners by the grants that were admitted, for what concerns
 * their own enclaves. An owner is enrolled by nobody and holds no office of the host: reading the log is all there is.
 */
import type { Admitted } from '../log/proofs/entry.ts'
import { ROLES, type Role } from './actions.ts'
import type { Genesis } from './genesis.ts'
import { thumbprint } from './keys.ts'

/** `subjects`: of an owner, the enclaves. */
export type Office = { role: Role; key: Uint8Array } | { role: 'owner'; key: Uint8Array; subjects: ReadonlySet<string> }

export class Offices {
  readonly #genesis = new Map<string, Office>()
  #owners = new Map<string, Office & { role: 'owner' }>()
  readonly #admitted = new Map<string, Admitted>()

  constructor(genesis: Genesis) {
    const keys: Record<Role, string[]> = {
      operator: genesis.operators,
      approver: genesis.approvers,
      auditor: genesis.auditors,
    }
    for (const role of ROLES)
      for (const hex of keys[role]) {
        const key = new Uint8Array(Buffer.from(hex, 'hex'))
        this.#genesis.set(thumbprint(key), { role, key })
      }
  }

  /** By the thumbprint in a request's `kid`. */
  byKid(kid: string): Office | undefined {
    return this.#genesis.get(kid) ?? this.#owners.get(kid)
  }

  /** Whose the name is, from the first launch under it on. */
  admitted(subject: string): Admitted | undefined {
    return this.#admitted.get(subject)
  }

  /** The newest grant's owners are those of the enclave; earlier ones no longer are. */
  admit(subject: string, admitted: Admitted): void {
    if (this.#admitted.get(subject)?.owners.join() === admitted.owners.join()) return
    this.#admitted.set(subject, admitted)
    const subjects = new Map<string, Set<string>>()
    for (const [name, { owners }] of this.#admitted)
      for (const owner of owners) subjects.set(owner, (subjects.get(owner) ?? new Set()).add(name))
    this.#owners = new Map(
      [...subjects].map(([hex, own]) => {
        const key = new Uint8Array(Buffer.from(hex, 'hex'))
        return [thumbprint(key), { role: 'owner', key, subjects: own }]
      }),
    )
  }
}
