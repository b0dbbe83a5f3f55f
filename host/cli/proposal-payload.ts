/** From what a person asks for to the payload of a proposal. Keys are enrolled and revoked by a whole new policy: there is no other way. */
import { type DatedPolicy, type Policy, parsePolicy } from '../control/policy/document.ts'
import { GUARDED_ACTIONS, type GuardedAction } from '../control/policy/guards.ts'
import { parsePayload, rollOutPayload } from '../control/proposals/payload.ts'
import { UsageError } from '../errors.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { verifySignature } from '../nitro/eif/signature.ts'
import type { Json } from '../wire/canonical-json.ts'
import { readFile, readJsonObject } from './files.ts'
import { releaseOf } from './release-sign.ts'

export type PayloadOptions = {
  eifPath?: string
  release?: string
  policyFile?: string
  role?: string
  publicKey?: string
  enclaveName?: string
}

const OFFICES = { operator: 'operators', approver: 'approvers', auditor: 'auditors' } as const
const SUGAR = ['enrol-key', 'revoke-key']

/** @throws UsageError ERR_USAGE_*, RefusedError what the host would refuse the payload with */
export function proposedPayload(
  action: string,
  options: PayloadOptions,
  inForce: DatedPolicy,
): { action: GuardedAction; payload: Json } {
  const made = compose(action, options, inForce)
  // Judged here as the host will judge it.
  parsePayload(made.action, made.payload)
  return made
}

function compose(action: string, options: PayloadOptions, inForce: DatedPolicy) {
  switch (action) {
    case 'enrol-key':
      return changed(inForce, enrol(inForce.policy, given(options.role, '--role'), publicKey(options)))
    case 'revoke-key':
      return changed(inForce, revoke(inForce.policy, publicKey(options)))
    case 'change-policy':
      return changed(inForce, edited(given(options.policyFile, '--policy-file')))
    case 'roll-out':
      return { action, payload: rollOut(given(options.eifPath, '--eif-path'), options.release) } as const
    case 'retire-release':
      return { action, payload: { release: given(options.release, '--release') } } as const
    case 'rotate-store-keys':
      return { action, payload: { enclave: given(options.enclaveName, '--enclave-name') } } as const
    default:
      throw new UsageError(
        'ERR_USAGE_ACTION',
        `no guarded action ${action.slice(0, 64)}; there are ${[...GUARDED_ACTIONS, ...SUGAR].join(', ')}`,
      )
  }
}

// Version and digest of the one before are facts, not choices.
function changed({ policy, digest }: DatedPolicy, changes: Partial<Policy>) {
  const next = { ...policy, ...changes, version: policy.version + 1, previous: digest }
  return { action: 'change-policy' as const, payload: { policy: next as unknown as Json } }
}

function enrol(policy: Policy, role: string, key: string): Partial<Policy> {
  if (!Object.hasOwn(OFFICES, role))
    throw new UsageError('ERR_USAGE_ROLE', `--role is operator, approver or auditor: ${role.slice(0, 40)}`)
  const office = OFFICES[role as keyof typeof OFFICES]
  return { [office]: [...policy[office], key] }
}

function revoke(policy: Policy, key: string): Partial<Policy> {
  const without = (keys: string[]) => keys.filter((each) => each !== key)
  if (![...policy.operators, ...policy.approvers, ...policy.auditors].includes(key))
    throw new UsageError('ERR_USAGE_KEY', `key ${key} holds no office`)
  return {
    operators: without(policy.operators),
    approvers: without(policy.approvers),
    auditors: without(policy.auditors),
    revoked: [...policy.revoked, key],
  }
}

function edited(path: string): Partial<Policy> {
  const value = readJsonObject(path)
  // Version 0 is the genesis' and parses as no later one: what it says of itself is replaced anyway.
  return parsePolicy({ ...value, version: 1, previous: '0'.repeat(96) } as Json)
}

function rollOut(eifPath: string, release: string | undefined): Json {
  const { signature } = verifySignature(parseEif(readFile(eifPath)), new Date())
  return rollOutPayload(readFile(release ?? releaseOf(eifPath)), signature.certificate)
}

function publicKey({ publicKey: key }: PayloadOptions): string {
  const hex = given(key, '--public-key')
  if (!/^[0-9a-f]{64}$/.test(hex))
    throw new UsageError('ERR_USAGE_HEX', `--public-key is 32 bytes in lower-case hex: ${hex.slice(0, 70)}`)
  return hex
}

function given(value: string | undefined, flag: string): string {
  if (value === undefined) throw new UsageError('ERR_USAGE_MISSING_OPTION', `${flag} is due for this action`)
  return value
}
