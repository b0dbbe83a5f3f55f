/**
 * The admin policy (PROTOCOLS.md 7): who holds which office, what each may ask for, how many approve a guarded action, and which
 * releases may run. Version 0 is the genesis; each later one names the digest of the one before. Parsing checks shape and what a policy
 * may never say; that a change was approved is the chain's business (chain.ts).
 */
import { createHash } from 'node:crypto'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import { ACTIONS, type Action, ROLES, type Role } from '../actions.ts'
import type { SignedGenesis } from '../genesis.ts'
import { GUARDED_ACTIONS, type GuardedAction, MAX_MEMBERS, MIN_THRESHOLD } from './guards.ts'
import { Shape } from './shape.ts'

const MAX_RULES = 64
const MAX_REVOKED = 1024
/** A policy travels in a signed request and stands in one entry of the log. */
export const MAX_POLICY_BYTES = 32_768

/** Whose releases of a workload may run. The rule that names the workload holds; else the one for `*`; else none may. */
export type ReleaseRule = {
  workload: string
  /** SHA-384 of the DER of pipelines' certificates, hex. */
  certificates: string[]
  /** Builder ids of the provenance; null: whatever the pipeline says. */
  builders: string[] | null
  /** Whether a release must be rolled out by approvals, or the pipeline's word is enough. */
  approval: boolean
}

export type Policy = {
  format: 1
  version: number
  /** SHA-384 of the policy before, hex; of version 1: the digest of the genesis. Null in version 0 alone. */
  previous: string | null
  /** SHA-384 of the genesis that it all began with, hex: the audience of every request. */
  genesis: string
  development: boolean
  hostId: string
  /** Ed25519 public keys, 32 bytes, hex. No key stands in two lists. */
  approvers: string[]
  operators: string[]
  auditors: string[]
  /** Keys that held an office once and never will again. */
  revoked: string[]
  roles: Record<Role, Action[]>
  /** How many distinct approvers each guarded action takes. */
  guards: Record<GuardedAction, number>
  pipelineCertificates: string[]
  releaseRules: ReleaseRule[]
  attestationRoots: string[]
  kmsKey: string | null
  logKey: string | null
}

/** A policy and its digest, which the next version names as `previous` and PCR17 commits. */
export type DatedPolicy = { policy: Policy; digest: string }

const FIELDS = [
  'format',
  'version',
  'previous',
  'genesis',
  'development',
  'hostId',
  'approvers',
  'operators',
  'auditors',
  'revoked',
  'roles',
  'guards',
  'pipelineCertificates',
  'releaseRules',
  'attestationRoots',
  'kmsKey',
  'logKey',
] as const

const shape = new Shape('ERR_POLICY_SYNTAX')

/** Version 0: what the genesis says, one threshold for all, every release approved. Its digest is the genesis' own. */
export function foundingPolicy({ genesis, digest }: SignedGenesis): DatedPolicy {
  const { threshold, version: _, ...offices } = structuredClone(genesis)
  const policy: Policy = {
    ...offices,
    format: 1,
    version: 0,
    previous: null,
    genesis: digest,
    revoked: [],
    guards: Object.fromEntries(GUARDED_ACTIONS.map((action) => [action, threshold])) as Policy['guards'],
    releaseRules: [{ workload: '*', certificates: [...offices.pipelineCertificates], builders: null, approval: true }],
  }
  return { policy, digest }
}

export function encodePolicy(policy: Policy): Uint8Array {
  return encodeCanonicalJson(policy as unknown as Json)
}

/** SHA-384 of a later policy's canonical bytes, hex. */
export function policyDigest(policy: Policy): string {
  return createHash('sha384').update(encodePolicy(policy)).digest('hex')
}

/** A policy of version 1 or later. @throws RefusedError ERR_POLICY_SYNTAX, ERR_JSON_SYNTAX, ERR_JSON_CANONICAL */
export function decodePolicy(bytes: Uint8Array): Policy {
  if (bytes.length > MAX_POLICY_BYTES)
    throw shape.refused(`a policy of ${bytes.length} bytes, at most ${MAX_POLICY_BYTES}`)
  return parsePolicy(decodeCanonicalJson(bytes))
}

/** @throws RefusedError ERR_POLICY_SYNTAX */
export function parsePolicy(value: Json): Policy {
  const p = shape.exactly(value, FIELDS, 'the policy')
  if (p.format !== 1) throw shape.refused(`a policy of format ${String(p.format)}, this host reads 1`)
  const development = shape.boolean(p.development, 'development')
  const policy: Policy = {
    format: 1,
    version: shape.uint(p.version, 1, 2 ** 31, 'version'),
    previous: shape.hex(p.previous, 48, 'previous'),
    genesis: shape.hex(p.genesis, 48, 'genesis'),
    development,
    hostId: shape.text(p.hostId, /^i-[0-9a-f]{17}$/, 'hostId'),
    approvers: keys(p.approvers, 'approvers', MAX_MEMBERS),
    operators: keys(p.operators, 'operators', MAX_MEMBERS),
    auditors: keys(p.auditors, 'auditors', MAX_MEMBERS),
    revoked: keys(p.revoked, 'revoked', MAX_REVOKED),
    roles: parseRoles(p.roles),
    guards: parseGuards(p.guards),
    pipelineCertificates: digests(p.pipelineCertificates, 48, 'pipelineCertificates'),
    releaseRules: shape.list(p.releaseRules, MAX_RULES, 'releaseRules').map(parseRule),
    attestationRoots: digests(p.attestationRoots, 32, 'attestationRoots'),
    kmsKey: keyOrNull(p.kmsKey, development, 'kmsKey'),
    logKey: keyOrNull(p.logKey, development, 'logKey'),
  }
  checkOffices(policy)
  checkRules(policy)
  return policy
}

function checkOffices(policy: Policy): void {
  const all = [...policy.approvers, ...policy.operators, ...policy.auditors, ...policy.revoked]
  const twice = all.find((key, index) => all.indexOf(key) !== index)
  if (twice !== undefined) throw shape.refused(`key ${twice} holds two offices, or one although it is revoked`)
  if (policy.operators.length === 0) throw shape.refused('a policy without an operator could change no more')
  for (const action of GUARDED_ACTIONS) {
    const threshold = policy.guards[action]
    if (threshold < MIN_THRESHOLD || threshold > policy.approvers.length)
      throw shape.refused(
        `guards.${action} is ${threshold} of ${policy.approvers.length} approvers: from ${MIN_THRESHOLD} to all of them`,
      )
  }
}

function checkRules(policy: Policy): void {
  const names = policy.releaseRules.map(({ workload }) => workload)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw shape.refused(`two release rules for ${twice}`)
  for (const rule of policy.releaseRules) {
    const stranger = rule.certificates.find((digest) => !policy.pipelineCertificates.includes(digest))
    if (stranger !== undefined)
      throw shape.refused(`the rule for ${rule.workload} trusts ${stranger}, which is no pipeline of this policy`)
  }
}

function parseRoles(value: Json): Policy['roles'] {
  const roles = shape.exactly(value, ROLES, 'roles')
  const read = (role: Role) =>
    shape.set(roles[role], ACTIONS.length, `roles.${role}`, (action) => {
      if (!ACTIONS.includes(action as Action))
        throw shape.refused(`roles.${role} names ${String(action).slice(0, 64)}, no action of this host`)
      return action as Action
    })
  return Object.fromEntries(ROLES.map((role) => [role, read(role)])) as Policy['roles']
}

function parseGuards(value: Json): Policy['guards'] {
  const guards = shape.exactly(value, GUARDED_ACTIONS, 'guards')
  const read = (action: GuardedAction) => shape.uint(guards[action], MIN_THRESHOLD, MAX_MEMBERS, `guards.${action}`)
  return Object.fromEntries(GUARDED_ACTIONS.map((action) => [action, read(action)])) as Policy['guards']
}

function parseRule(value: Json): ReleaseRule {
  const r = shape.exactly(value, ['workload', 'certificates', 'builders', 'approval'], 'a release rule')
  return {
    workload: shape.text(r.workload, /^(\*|[a-z0-9][a-z0-9._-]{0,63})$/, 'releaseRules.workload'),
    certificates: digests(r.certificates, 48, 'releaseRules.certificates'),
    builders:
      r.builders === null
        ? null
        : shape.set(r.builders, MAX_RULES, 'releaseRules.builders', (id) =>
            shape.text(id, /^[\x21-\x7e]{1,256}$/, 'releaseRules.builders'),
          ),
    approval: shape.boolean(r.approval, 'releaseRules.approval'),
  }
}

function keys(value: Json, what: string, max: number): string[] {
  return shape.set(value, max, what, (key) => shape.hex(key, 32, what))
}

function digests(value: Json, lengthBytes: number, what: string): string[] {
  return shape.set(value, MAX_MEMBERS, what, (digest) => shape.hex(digest, lengthBytes, what))
}

function keyOrNull(value: Json, development: boolean, what: string): string | null {
  if (value === null && development) return null
  return shape.hex(value, 32, what)
}
