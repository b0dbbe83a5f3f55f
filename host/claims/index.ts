/** The eight statements of the independent review of EKS's zero operator access, and an attempt to falsify each on a running host. */
import type { Result } from './attempt.ts'
import { type Claim, type Judgement, judge } from './claim.ts'
import { adminReach } from './statements/admin-reach.ts'
import { authentication } from './statements/authentication.ts'
import { content } from './statements/content.ts'
import { interactiveAccess } from './statements/interactive-access.ts'
import { manyApprove } from './statements/many-approve.ts'
import { sealedBackups } from './statements/sealed-backups.ts'
import { trustedPipeline } from './statements/trusted-pipeline.ts'
import { visibleActions } from './statements/visible-actions.ts'
import type { Target } from './target.ts'

export type { Result } from './attempt.ts'
export type { Judgement, Verdict } from './claim.ts'
export { type Inquiry, inquiryOf } from './report/inquiry.ts'
export { inquiryPage } from './report/page.ts'
export { inquiryTable } from './report/table.ts'
export { type Images, type Running, Target } from './target.ts'

export const CLAIMS: readonly Claim[] = [
  interactiveAccess,
  content,
  adminReach,
  manyApprove,
  sealedBackups,
  visibleActions,
  authentication,
  trustedPipeline,
]

/** @param onProgress told after each attempt */
export async function judgeAll(
  target: Target,
  chosen: readonly Claim[],
  onProgress: (claim: Claim, result: Result) => void,
): Promise<Judgement[]> {
  const judgements: Judgement[] = []
  for (const claim of chosen) judgements.push(await judge(claim, target, (result) => onProgress(claim, result)))
  return judgements
}
