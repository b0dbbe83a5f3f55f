// The kernel's phases, and which call belongs to which. A call in another phase is a fault, and the kernel is dead.
import { FAULT_NO_MATCHING_ROUTE, FAULT_NONE } from '../abi/fault'
import { fault, kind } from './faults'

export const PHASE_COLD: u32 = 0
/** The launch's records are being extended into PCR16-18. */
export const PHASE_MEASURING: u32 = 1
/** They are locked; the workload may be made. */
export const PHASE_MEASURED: u32 = 2
export const PHASE_SERVING: u32 = 3
export const PHASE_DEAD: u32 = 4

// Routes: a bit for each phase a call is allowed in
export const ROUTE_BOOT: u32 = 1 << PHASE_COLD
export const ROUTE_ANSWER: u32 = (1 << PHASE_MEASURING) | (1 << PHASE_SERVING)
export const ROUTE_READY: u32 = 1 << PHASE_MEASURED
export const ROUTE_STEP: u32 = 1 << PHASE_SERVING
/** The workload's `init` may already call. */
export const ROUTE_CALL: u32 = (1 << PHASE_MEASURED) | (1 << PHASE_SERVING)

export let current: u32 = PHASE_COLD

export function enter(phase: u32): void {
  if (current != PHASE_DEAD) current = phase
}

/** Whether a call is allowed now; where it is not, that is the caller's fault. After a fault nothing is. */
export function allowed(route: u32, blame: i32): bool {
  if (kind == FAULT_NONE && (route & (1 << current)) != 0) return true
  fault(FAULT_NO_MATCHING_ROUTE, blame)
  return false
}
