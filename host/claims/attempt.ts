/**
 * An attempt to falsify a claim: an attack on a running host, and its twin, the same deed where it must succeed. An attack that is refused
 * shows nothing by itself; only beside a twin that comes through does the refusal tell of the host, and not of a blunt attack.
 */

/** What came of a deed: it was refused, it got through, or it could not be tried here. `saw` is the evidence, for people; never content. */
export type Finding = { got: 'refused' | 'through' | 'impossible'; saw: string }

export type Deed = () => Promise<Finding>

export type Attempt = {
  /** A deed in plain words: "read /proc/PID/mem of the enclave, as its own user". */
  what: string
  attack: Deed
  /** The same deed where it is right. Many attempts may share one, by `sharedTwin`. */
  twin: Twin
  /** Needs what not every machine has (root, a tool): where it cannot be tried, the verdict does not wait for it. */
  optional?: boolean
}

export type Twin = { what: string; run: Deed }

export type Result = {
  what: string
  saw: string
  twin: { what: string; saw: string }
  /** The host held, or was broken; or nothing can be said, as attack or twin did not work. */
  outcome: 'held' | 'broken' | 'untried'
  optional: boolean
}

export const refused = (saw: string): Finding => ({ got: 'refused', saw })
export const through = (saw: string): Finding => ({ got: 'through', saw })
export const impossible = (why: string): Finding => ({ got: 'impossible', saw: why })

/** A twin that is tried once, however many attempts name it. */
export function sharedTwin(what: string, run: Deed): Twin {
  let finding: Promise<Finding> | undefined
  return { what, run: () => (finding ??= run()) }
}

export async function carryOut(attempt: Attempt): Promise<Result> {
  const attack = await attempted(attempt.attack)
  // The twin comes last: it may take away what the attack was on
  const twin = await attempted(attempt.twin.run)
  return {
    what: attempt.what,
    saw: attack.saw,
    twin: { what: attempt.twin.what, saw: twin.saw },
    outcome: outcomeOf(attack, twin),
    optional: attempt.optional ?? false,
  }
}

function outcomeOf(attack: Finding, twin: Finding): Result['outcome'] {
  // What got through is broken, whatever the twin did
  if (attack.got === 'through') return 'broken'
  return attack.got === 'refused' && twin.got === 'through' ? 'held' : 'untried'
}

// An attack that fails in a way nobody foresaw is no refusal.
async function attempted(deed: Deed): Promise<Finding> {
  try {
    return await deed()
  } catch (error) {
    return impossible(`failed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
