/** What a change of the policy changes, line by line, for people who are to approve it: recomputed from the two policies, never told. */
import { ROLES } from '../actions.ts'
import type { Policy } from './document.ts'
import { GUARDED_ACTIONS } from './guards.ts'

const LISTS = [
  ['approver', 'approvers'],
  ['operator', 'operators'],
  ['auditor', 'auditors'],
  ['revoked', 'revoked'],
  ['pipeline', 'pipelineCertificates'],
  ['attestation root', 'attestationRoots'],
] as const

/** `-` gone, `+` new, `!` another value. Every field of a policy is looked at; nothing where they are the same but for the version. */
export function policyDifference(before: Policy, after: Policy): string[] {
  return [
    ...LISTS.flatMap(([name, field]) => setDifference(name, before[field], after[field])),
    ...ROLES.flatMap((role) => setDifference(`role ${role} may`, before.roles[role], after.roles[role])),
    ...GUARDED_ACTIONS.flatMap((action) =>
      valueDifference(`approvals for ${action}`, before.guards[action], after.guards[action]),
    ),
    ...setDifference('releases of', before.releaseRules.map(ruleText), after.releaseRules.map(ruleText)),
    ...valueDifference('KMS key', before.kmsKey, after.kmsKey),
    ...valueDifference('log key', before.logKey, after.logKey),
    ...valueDifference('development', before.development, after.development),
    ...valueDifference('host', before.hostId, after.hostId),
    ...valueDifference('genesis', before.genesis, after.genesis),
  ]
}

function setDifference(name: string, before: readonly string[], after: readonly string[]): string[] {
  return [
    ...before.filter((item) => !after.includes(item)).map((item) => `- ${name} ${item}`),
    ...after.filter((item) => !before.includes(item)).map((item) => `+ ${name} ${item}`),
  ]
}

function valueDifference(name: string, before: unknown, after: unknown): string[] {
  return before === after ? [] : [`! ${name}: ${String(before ?? 'none')} -> ${String(after ?? 'none')}`]
}

function ruleText({ workload, certificates, builders, approval }: Policy['releaseRules'][number]): string {
  const by = builders === null ? 'any builder' : `builders ${builders.join(', ') || 'none'}`
  return `${workload}: pipelines ${certificates.join(', ') || 'none'}; ${by}; ${approval ? 'approved' : 'NOT approved by anybody'}`
}
