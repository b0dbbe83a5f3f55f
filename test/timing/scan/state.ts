// What is known at one place in a function, and where paths meet.
import { join, same, type Value } from './value.ts'

export type State = { locals: Value[]; stack: Value[]; live: boolean }
/** A place to branch to: what arrived there so far, and how much of the stack stays below its results. */
export type Label = { results: number; height: number; state: State | undefined }

export function target(labels: readonly Label[], depth: number): Label {
  return labels[labels.length - 1 - depth] as Label
}

/** Carries a state to a label: its results are on top, what lies between is dropped. */
export function leave(label: Label, state: State): void {
  if (!state.live) return
  const kept = state.stack.slice(0, label.height)
  const arrived = { ...state, locals: [...state.locals], stack: [...kept, ...top(state.stack, label.results)] }
  label.state = label.state === undefined ? arrived : meet(label.state, arrived)
}

function top(stack: Value[], count: number): Value[] {
  return count === 0 ? [] : stack.slice(-count)
}

export function meet(a: State, b: State): State {
  const values = (left: Value[], right: Value[]) => left.map((value, index) => join(value, right[index] as Value))
  return { locals: values(a.locals, b.locals), stack: values(a.stack, b.stack), live: true }
}

export function copy(state: State): State {
  return { ...state, locals: [...state.locals], stack: [...state.stack] }
}

export function dead(state: State): State {
  return { ...copy(state), live: false }
}

export function sameState(a: State, b: State): boolean {
  return a.locals.every((value, index) => same(value, b.locals[index] as Value))
}
