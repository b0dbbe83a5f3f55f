/** What an operation is: a name of AWS's, whether it changes anything, and what it does with a call. */
import type { Call } from '../call.ts'
import type { Output } from '../metadata.ts'

export type Operation = {
  readOnly: boolean
  /** @returns undefined for an empty body @throws Fault */
  run(call: Call): Output | undefined | Promise<Output | undefined>
}

export const reads = (run: Operation['run']): Operation => ({ readOnly: true, run })
export const changes = (run: Operation['run']): Operation => ({ readOnly: false, run })
