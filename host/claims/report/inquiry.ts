/** What an inquiry found, with what a reader must know to judge it: which host, when, on whose keys the findings rest. */
import type { Judgement } from '../claim.ts'
import type { Target } from '../target.ts'

export type Inquiry = {
  date: string
  hostId: string
  genesis: string
  enclave: string
  /** A development host: the folder whose reader holds all keys, and so breaks every claim. */
  developmentFolder: string | null
  platform: string
  user: string
  judgements: Judgement[]
}

export function inquiryOf(target: Target, judgements: Judgement[], now: Date): Inquiry {
  return {
    date: now.toISOString(),
    hostId: target.genesis.genesis.hostId,
    genesis: target.genesis.digest,
    enclave: target.enclave,
    developmentFolder: target.development ? target.folder.root : null,
    platform: `${process.platform} ${process.arch}, Node ${process.version}`,
    user: process.getuid?.() === 0 ? 'root' : `user ${process.getuid?.() ?? '?'}`,
    judgements,
  }
}

/** The verdict, and what weakens it. */
export function verdictText(inquiry: Inquiry, { verdict }: Judgement): string {
  return verdict === 'intact' && inquiry.developmentFolder !== null ? 'intact (development keys)' : verdict
}

export function counts({ results }: Judgement): { held: number; broken: number; untried: number } {
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length
  return { held: count('held'), broken: count('broken'), untried: count('untried') }
}

/** Intact, each one of them. */
export function isPass(inquiry: Inquiry): boolean {
  return inquiry.judgements.length > 0 && inquiry.judgements.every(({ verdict }) => verdict === 'intact')
}
