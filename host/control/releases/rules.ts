/** Whether a release may run here, by the policy in force and what its approvers rolled out. Pure: there is no other way in. */
import { RefusedError } from '../../errors.ts'
import type { Policy, ReleaseRule } from '../policy/document.ts'
import type { Release } from './release.ts'

/** What approvers let run, by the digest of the release. */
export type RolledOut = ReadonlyMap<
  string,
  { workload: string; version: string; securityVersion: number; image: string }
>

/** The pipeline's side alone. @throws RefusedError ERR_RELEASE_RULE, ERR_RELEASE_PIPELINE, ERR_RELEASE_BUILDER */
export function checkRule(policy: Policy, release: Release): ReleaseRule {
  const rule =
    policy.releaseRules.find(({ workload }) => workload === release.workload) ??
    policy.releaseRules.find(({ workload }) => workload === '*')
  if (rule === undefined)
    throw new RefusedError('ERR_RELEASE_RULE', `the policy has no rule for releases of ${release.workload}`)
  if (!rule.certificates.includes(release.certificate) || !policy.pipelineCertificates.includes(release.certificate))
    throw new RefusedError(
      'ERR_RELEASE_PIPELINE',
      `the release is signed under ${release.certificate}, the rule for ${rule.workload} trusts ${rule.certificates.join(', ') || 'none'}`,
    )
  if (rule.builders !== null && !rule.builders.includes(release.builder))
    throw new RefusedError(
      'ERR_RELEASE_BUILDER',
      `built by ${release.builder}, the rule for ${rule.workload} trusts ${rule.builders.join(', ') || 'none'}`,
    )
  return rule
}

/** @throws RefusedError what checkRule throws, ERR_RELEASE_APPROVAL, ERR_RELEASE_DOWNGRADE */
export function checkRelease(policy: Policy, rolledOut: RolledOut, release: Release): void {
  const rule = checkRule(policy, release)
  if (rule.approval && !rolledOut.has(release.digest))
    throw new RefusedError(
      'ERR_RELEASE_APPROVAL',
      `release ${release.digest} of ${release.workload} ${release.version} is not rolled out: ` +
        `"admin propose roll-out", and ${policy.guards['roll-out']} approvals`,
    )
  checkDowngrade(rolledOut, release)
}

/** Once a security version of a workload is rolled out, none below it runs. @throws RefusedError ERR_RELEASE_DOWNGRADE */
export function checkDowngrade(rolledOut: RolledOut, release: Pick<Release, 'workload' | 'securityVersion'>): void {
  const highest = Math.max(
    0,
    ...[...rolledOut.values()]
      .filter(({ workload }) => workload === release.workload)
      .map(({ securityVersion }) => securityVersion),
  )
  if (release.securityVersion < highest)
    throw new RefusedError(
      'ERR_RELEASE_DOWNGRADE',
      `security version ${release.securityVersion} of ${release.workload}, rolled out is ${highest} already`,
    )
}
