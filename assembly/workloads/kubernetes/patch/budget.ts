// How much work a patch may be: steps over members and items. A body of three megabytes could ask for as many steps as it has bytes, for each
// of them; a step of the enclave has a deadline, and ends it.

const MAX_STEPS: i64 = 25000000

let left: i64 = 0

export function beginPatch(): void {
  left = MAX_STEPS
}

/** The same for other work on an object, that comes besides. */
export function beginSteps(most: i64): void {
  left = most
}

/** @returns false when it is too much */
export function spend(steps: i64): bool {
  left -= steps
  return left >= 0
}

export function stepsLeft(): i64 {
  return left
}

export function isSpent(): bool {
  return left < 0
}
