/** All cases, and the policy by which they are judged. */
import { CHAIN_CASES } from './chain-cases.ts'
import { ENVELOPE_CASES } from './envelope-cases.ts'
import { FIELD_CASES } from './field-cases.ts'
import type { Case } from './maker.ts'

export { type Case, GOOD, MAX_AGE_SECONDS, Maker } from './maker.ts'
export const CASES: Case[] = [...ENVELOPE_CASES, ...FIELD_CASES, ...CHAIN_CASES]
