/** 3. Administrative APIs cannot reach content in the data plane. */
import { ACTIONS } from '../../control/actions.ts'
import { type Attempt, type Finding, refused, sharedTwin, through } from '../attempt.ts'
import { holdsCanary } from '../canary.ts'
import type { Claim } from '../claim.ts'
import { type AdminAnswer, ask, findingOf, type Wish } from '../doors.ts'
import { SIGNERS, type Signer, type Target } from '../target.ts'

/** Fields that somebody might hope for. */
const HOPES: Record<string, unknown>[] = [
  { metadata: true, content: true },
  { metadata: true, memory: true },
  { metadata: true, includeSecrets: true },
  { metadata: 'all' },
  { metadata: true, path: '/proc/self/mem' },
]

export const adminReach: Claim = {
  number: 3,
  statement: 'Administrative APIs cannot reach content in the data plane',
  attempts: (target) => [...answers(target), ...hopes(target)],
}

/** Parameters for an action that do no harm: they name an enclave that does not exist. */
function harmless(action: string): unknown {
  const nobody = { name: 'no-such-enclave' }
  const known: Record<string, unknown> = {
    'describe-enclaves': { metadata: true },
    'describe-host': {},
    'describe-health': {},
    'describe-log': {},
    'run-enclave': {},
  }
  return Object.hasOwn(known, action) ? known[action] : nobody
}

/** Every action there is, by every key there is: whatever is answered, the canary is not in it. */
function answers(target: Target): Attempt[] {
  const twin = sharedTwin('the name of the enclave is found in what the operator is told', async () => {
    const { text } = await ask(target, 'operator', { action: 'describe-enclaves', parameters: { metadata: true } })
    return text.includes(target.enclave) ? through('found') : refused('not found')
  })
  return ACTIONS.flatMap((action) =>
    SIGNERS.map((signer) => ({
      what: `search what ${action} answers to ${signer}`,
      attack: async () => withoutCanary(target, await ask(target, signer, { action, parameters: harmless(action) })),
      twin,
    })),
  )
}

function withoutCanary(target: Target, answer: AdminAnswer): Finding {
  if (holdsCanary(Buffer.from(answer.text), target.canary)) return through('the answer holds the canary')
  return refused(`${answer.code ?? 'an answer'}, ${answer.text.length} bytes, without it`)
}

function hopes(target: Target): Attempt[] {
  const twin = sharedTwin('the same action with its own fields', () => wished(target, 'operator', { metadata: true }))
  return HOPES.map((parameters) => ({
    what: `describe-enclaves with ${JSON.stringify(parameters)}`,
    attack: () => wished(target, 'operator', parameters),
    twin,
  }))
}

async function wished(target: Target, signer: Signer, parameters: Record<string, unknown>): Promise<Finding> {
  const wish: Wish = { action: 'describe-enclaves', parameters }
  return findingOf(await ask(target, signer, wish))
}
