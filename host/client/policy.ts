/**
 * What a client demands of an enclave before it says a word: the pinned root, whose enclave it is, and what runs in it.
 * All names and keys come from here and from the grant that it pins, never from the host or the URL.
 */
import { UsageError } from '../errors.ts'

export type Policy = {
  /** Attestation root, PEM or DER: the only trust anchor. */
  root: string | Uint8Array
  /** First owner key of the grant chain: 32 bytes or hex. One of `owner` and `grant` is demanded. */
  owner?: Uint8Array | string
  /** The exact grant chain, in its bytes. */
  grant?: Uint8Array
  /** Name in the grant. Without it, any enclave of this owner and these measurements will do. */
  enclaveName?: string
  minGrantVersion?: number
  /** Reference values by PCR index, hex. PCR0 alone is complete; PCR1 or PCR2 alone is refused. */
  pcrs?: Record<number, string>
  /** Reference value of the pipeline's certificate, hex. Complete alone. */
  pcr8?: string
  /** Accept a host of development: made-up keys, nothing behind them. */
  allowDevelopment?: boolean
  /** Isolation layers that must be in force in the enclave's process, by name. */
  minIsolation?: string[]
  /** The latest head token this client holds, 104 bytes. */
  headToken?: Uint8Array
  /**
   * Come in although the store is behind the token, which is shown to the enclave all the same: it then serves nobody. For an owner who is
   * to look at its heads and to decide.
   */
  allowHeadBehind?: boolean
}

/** @throws UsageError ERR_POLICY_OWNER, ERR_POLICY_REFERENCE */
export function checkPolicy(policy: Policy): void {
  if (policy.owner === undefined && policy.grant === undefined)
    throw new UsageError(
      'ERR_POLICY_OWNER',
      'a policy names the owner key or the exact grant: otherwise any host could be any owner',
    )
  if (policy.pcr8 === undefined && policy.pcrs === undefined)
    throw new UsageError('ERR_POLICY_REFERENCE', 'a policy names PCR0 or PCR8: otherwise any code would do')
}

export function ownerHex(owner: Uint8Array | string): string {
  if (typeof owner === 'string') return owner.toLowerCase()
  return Array.from(owner, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
