// The kernel's phases, and which call belongs to which. A call in another phase is a fault, and the kernel is dead.
import { FAULT_NO_MATCHING_ROUTE, FAULT_NONE } from '../abi/fault'
import {
  PHASE_COLD, PHASE_DEAD, PHASE_MEASURED, PHASE_MEASURING, PHASE_OPENING, PHASE_SERVING, PHASE_STALE
} from '../abi/phase'
import { fault, kind } from './faults'

// Routes: a bit for each phase a call is allowed in
export const ROUTE_BOOT: u32 = 1 << PHASE_COLD
export const ROUTE_ANSWER: u32 = (1 << PHASE_MEASURING) | (1 << PHASE_OPENING) | (1 << PHASE_SERVING) | (1 << PHASE_STALE)
export const ROUTE_READY: u32 = 1 << PHASE_MEASURED
export const ROUTE_STEP: u32 = (1 << PHASE_OPENING) | (1 << PHASE_SERVING) | (1 << PHASE_STALE)
/** The workload's `init` may already call. */
export const ROUTE_CALL: u32 = (1 << PHASE_MEASURED) | (1 << PHASE_SERVING)

export let current: u32 = PHASE_COLD

export function enter(phase: u32): void {
  if (current != PHASE_DEAD) current = phase
}

/** Whether a call is allowed now; where it is not, that is the caller's fault. After a fault nothing is. */
export function allowed(route: u32, blame: i32): bool {
  if (kind == FAULT_NONE && (route & (<u32>1 << current)) != 0) return true
  fault(FAULT_NO_MATCHING_ROUTE, blame)
  return false
}
