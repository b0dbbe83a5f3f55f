/** The guarded actions: what nobody does alone, and how many approvals each takes. */

/** `propose` names one of these; each has a payload of its own (proposals/payload.ts). */
export const GUARDED_ACTIONS = [
  /** The policy itself: offices, thresholds, keys, rules of releases. */
  'change-policy',
  /** A release may run from now on. */
  'roll-out',
  /** A release may not be launched any more. */
  'retire-release',
  'rotate-store-keys',
] as const
export type GuardedAction = (typeof GUARDED_ACTIONS)[number]

/** PROTOCOLS.md 7: never fewer. */
export const MIN_THRESHOLD = 2
export const MAX_MEMBERS = 64
/** Canonical bytes of what is proposed. With its frame it fits into one entry of the log and one signed request. */
export const MAX_PAYLOAD_BYTES = 32_768
