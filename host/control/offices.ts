/**
 * Who may sign an admin request: keys of the policy by their office, and owners by the grants that were admitted, for what concerns
 * their own enclaves. An owner is enrolled by nobody and holds no office of the host: reading the log is all there is.
 */
import type { Admitted } from '../log/proofs/entry.ts'
import { ROLES, type Role } from './actions.ts'
import { thumbprint } from './keys.ts'

/** Ed25519 public keys, hex, of a genesis or a policy. */
export type Holders = Record<'operators' | 'approvers' | 'auditors', string[]>

/** `subjects`: of an owner, the enclaves. */
export type Office = { role: Role; key: Uint8Array } | { role: 'owner'; key: Uint8Array; subjects: ReadonlySet<string> }

export class Offices {
  #appointed = new Map<string, Office>()
  #owners = new Map<string, Office & { role: 'owner' }>()
  readonly #admitted = new Map<string, Admitted>()

  constructor(policy: Holders) {
    this.appoint(policy)
  }

  /** The holders of a policy that comes into force; earlier ones hold nothing any more. */
  appoint({ operators, approvers, auditors }: Holders): void {
    const keys: Record<Role, string[]> = { operator: operators, approver: approvers, auditor: auditors }
    this.#appointed = new Map(
      ROLES.flatMap((role) =>
        keys[role].map((hex) => {
          const key = new Uint8Array(Buffer.from(hex, 'hex'))
          return [thumbprint(key), { role, key }] as const
        }),
      ),
    )
  }

  /** By the thumbprint in a request's `kid`. */
  byKid(kid: string): Office | undefined {
    return this.#appointed.get(kid) ?? this.#owners.get(kid)
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
