// Faults: what ends an enclave. A fault has a kind and a blame; it carries no content.

/** Exports of the kernel that return a value at or below this one report a fault: kind = FAULT_BASE - value. */
export const FAULT_BASE = -1000

export const FAULT_NONE = 0
/** A pointer and length outside of the caller's memory. */
export const FAULT_BAD_REGION = 1
/** A request or ticket that was never given, or is over. */
export const FAULT_BAD_HANDLE = 2
/** A hypercall in the wrong place or with the wrong arguments. */
export const FAULT_BAD_CALL = 3
/** A call that the phase table does not allow now. */
export const FAULT_NO_MATCHING_ROUTE = 4
/** The engine trapped: unreachable, out of bounds, stack exhausted. */
export const FAULT_TRAP = 5
/** Memory declared in the manifest is used up. */
export const FAULT_MEMORY = 6
/** A step took longer than its deadline. */
export const FAULT_DEADLINE = 7
/** The other side broke the framing. */
export const FAULT_PROTOCOL = 8
/** The NSM refused, or its answer does not parse or match. */
export const FAULT_NSM = 9
/** Boot input does not parse, or does not fit the image. */
export const FAULT_BOOT = 10
/** An invariant of the kernel does not hold. */
export const FAULT_KERNEL = 11
/** The store is not what its head and register say, or the KMS refuses its key. */
export const FAULT_STORE = 12
/** Another enclave has taken the store: this one ends before it acknowledges anything more. */
export const FAULT_FENCED = 13

export const BLAME_WORKLOAD = 1
export const BLAME_KERNEL = 2
export const BLAME_PARENT = 3
export const BLAME_NITRO = 4
