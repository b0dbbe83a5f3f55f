// What was reviewed and found public, by the very code it stands in: a function that changes must be reviewed anew.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModuleText } from './module-text.ts'
import { type Finding, scan } from './taint.ts'

/** Each with its reason. Keys: an export's name; `fingerprint:site` of a load; `fingerprint:site` of a branch. */
export type Allowed = {
  exempt: Record<string, string>
  publicLoads: Record<string, string>
  verdicts: Record<string, string>
}

export const NOTHING_ALLOWED: Allowed = { exempt: {}, publicLoads: {}, verdicts: {} }

export function readAllowed(): Allowed {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../../core/constant-time-allow.json'), 'utf8')) as Allowed
}

export type Review = {
  /** What is left when everything allowed is taken off. */
  findings: Finding[]
  /** Lines of the allow-list that this module needs. */
  needed: Set<string>
}

export function review(module: ModuleText, allowed: Allowed): Review {
  const { findings, usedLoads } = scan(module, {
    exempt: Object.keys(allowed.exempt),
    publicLoads: new Set(Object.keys(allowed.publicLoads)),
  })
  const needed = new Set([...usedLoads, ...Object.keys(allowed.exempt).filter((name) => module.exports.has(name))])
  const left = findings.filter(({ fingerprint, site, kind }) => {
    const place = `${fingerprint}:${site}`
    const reviewed = (kind === 'branch' || kind === 'select') && place in allowed.verdicts
    if (reviewed) needed.add(place)
    return !reviewed
  })
  return { findings: left, needed }
}

/** Lines for whoever reviews: what was found, and the loads that decide it. */
export function describeFindings(findings: readonly Finding[]): string[] {
  return findings.map(
    ({ fingerprint, site, kind, op, exports, origins }) =>
      `${fingerprint}:${site} ${kind} (${op}), reached from ${exports.join(', ')}; decided by the loads at ${origins.join(', ')}`,
  )
}
