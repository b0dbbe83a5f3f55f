// Phases of a kernel, as its export `phase` tells them. Which call belongs to which stands in kernel/phases.ts.

export const PHASE_COLD = 0
/** The launch's records are being extended into PCR16-18. */
export const PHASE_MEASURING = 1
/** They are locked, and the store, where there is one, is open: the workload may be made. */
export const PHASE_MEASURED = 2
export const PHASE_SERVING = 3
export const PHASE_DEAD = 4
/** The store's key is asked for, its records are read, its head is compared with the register. */
export const PHASE_OPENING = 5
/** Whether the store is the newest is unknown: only an owner is let in, to look at its heads and to accept one. */
export const PHASE_STALE = 6
