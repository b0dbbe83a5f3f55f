/** One of the eight statements of the EKS zero-operator-access review, as a property of a running host (DESIGN.md section 8). */
import { type Attempt, carryOut, type Result } from './attempt.ts'
import type { Target } from './target.ts'

export type Claim = {
  number: number
  statement: string
  attempts(target: Target): Attempt[] | Promise<Attempt[]>
}

/** Inconclusive is not a pass: something that had to be tried could not be. */
export type Verdict = 'intact' | 'falsified' | 'inconclusive'

export type Judgement = { number: number; statement: string; verdict: Verdict; results: Result[] }

/** @param onResult told after each attempt, for progress */
export async function judge(claim: Claim, target: Target, onResult: (result: Result) => void): Promise<Judgement> {
  const results: Result[] = []
  // One after the other: an attack must not be taken for another one's effect
  for (const attempt of await claim.attempts(target)) {
    const result = await carryOut(attempt)
    results.push(result)
    onResult(result)
  }
  return { number: claim.number, statement: claim.statement, verdict: verdictOf(results), results }
}

export function verdictOf(results: readonly Result[]): Verdict {
  if (results.some(({ outcome }) => outcome === 'broken')) return 'falsified'
  const wanted = results.filter(({ optional }) => !optional)
  if (wanted.length === 0 || wanted.some(({ outcome }) => outcome === 'untried')) return 'inconclusive'
  return 'intact'
}
