// What ended the kernel: the first fault, and whom it blames. Calls report it as FAULT_BASE - kind.
import { FAULT_BASE, FAULT_NONE } from '../abi/fault'

export let kind: i32 = FAULT_NONE
export let blamed: i32 = 0

/** Records the first fault. @returns what a call reports */
export function fault(what: i32, blame: i32): i32 {
  if (kind == FAULT_NONE) {
    kind = what
    blamed = blame
  }
  return FAULT_BASE - kind
}

/** 0, or the fault there was. */
export function outcome(): i32 {
  return kind == FAULT_NONE ? 0 : FAULT_BASE - kind
}
