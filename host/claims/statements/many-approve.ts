/** 4. Changes to the administrative APIs, and to what may run, need review and approval by more than one person. */
import { ACTIONS, isGuarded } from '../../control/actions.ts'
import { foundingPolicy, type Policy } from '../../control/policy/document.ts'
import type { Json } from '../../wire/canonical-json.ts'
import { type Attempt, type Finding, impossible, sharedTwin } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { approve, execute, type Proposal, policyInForce, propose, releaseOf, rollOut, withdraw } from '../council.ts'
import { type AdminAnswer, ask, findingOf } from '../doors.ts'
import { realPipeline, signedImage } from '../pipeline.ts'
import type { Signer, Target } from '../target.ts'

const DAY_MS = 86_400_000

/** What somebody does with a proposal that was accepted. @returns the answer to the step that must not succeed */
type Shortcut = (target: Target, proposal: Proposal) => Promise<AdminAnswer>

const SHORTCUTS: [what: string, take: Shortcut][] = [
  ['executed by the operator with no approval', (t, p) => execute(t, 'operator', p)],
  [
    'executed with one approval',
    async (t, p) => {
      await approve(t, 'approver-1', p)
      return execute(t, 'operator', p)
    },
  ],
  [
    'approved twice by one approver',
    async (t, p) => {
      await approve(t, 'approver-1', p)
      await approve(t, 'approver-1', p)
      return execute(t, 'operator', p)
    },
  ],
  ['approved by the operator who proposed it', (t, p) => approve(t, 'operator', p)],
  ['approved by a stranger', (t, p) => approve(t, 'stranger', p)],
  ['approved in another approver’s name', (t, p) => approve(t, 'approver-1', p, { signer: 'approver-2' })],
  ['approved by a stranger’s signature', (t, p) => approve(t, 'approver-1', p, { signer: 'stranger' })],
  [
    'approved by the signature for another proposal',
    async (t, p) => approve(t, 'approver-1', p, { of: await fresh(t) }),
  ],
  [
    'approved by the signature for another payload',
    (t, p) => approve(t, 'approver-1', p, { payload: { enclave: 'another' } }),
  ],
  ['withdrawn by somebody else', (t, p) => withdraw(t, 'approver-1', p)],
  [
    'executed after it was withdrawn',
    async (t, p) => {
      await approve(t, 'approver-1', p)
      await approve(t, 'approver-2', p)
      await withdraw(t, 'operator', p)
      return execute(t, 'operator', p)
    },
  ],
  [
    'executed a second time',
    async (t, p) => {
      await approve(t, 'approver-1', p)
      await approve(t, 'approver-2', p)
      await execute(t, 'operator', p)
      return execute(t, 'operator', p)
    },
  ],
  [
    'approved after it was executed',
    async (t, p) => {
      await approve(t, 'approver-1', p)
      await approve(t, 'approver-2', p)
      await execute(t, 'operator', p)
      return approve(t, 'approver-1', p)
    },
  ],
  ['executed under a number that was never proposed', (t, p) => execute(t, 'operator', { ...p, id: 'f'.repeat(64) })],
]

export const manyApprove: Claim = {
  number: 4,
  statement: 'Changes to administrative APIs need multi-party review and approval',
  attempts: (target) => {
    const twin = sharedTwin('the same, approved by both approvers: it is executed', () => approved(target))
    return [...alone(target, twin), ...shortcuts(target, twin), ...ownProposal(target, twin), ...policies(target, twin)]
  },
}

/** A roll-out that nobody has proposed before. */
async function fresh(
  target: Target,
  signer: Signer = 'operator',
  changed: Parameters<typeof propose>[4] = {},
): Promise<Proposal> {
  const pipeline = realPipeline(target)
  const envelope = releaseOf(signedImage(target, 'hello'), pipeline)
  return propose(target, signer, 'roll-out', rollOut(envelope, pipeline), changed)
}

async function approved(target: Target): Promise<Finding> {
  const proposal = await fresh(target)
  await approve(target, 'approver-1', proposal)
  await approve(target, 'approver-2', proposal)
  return findingOf(await execute(target, 'operator', proposal))
}

/** Guarded actions, asked for without any proposal. */
function alone(target: Target, twin: Attempt['twin']): Attempt[] {
  const digest = '0'.repeat(96)
  const key = '0'.repeat(64)
  const parameters: Record<string, unknown> = {
    'roll-out': { name: target.enclave, release: digest },
    'rotate-store-keys': { name: target.enclave },
    'enrol-key': { role: 'operator', key },
    'revoke-key': { key },
    'change-policy': { policy: 'e30' },
  }
  return ACTIONS.filter(isGuarded).flatMap((action) =>
    (['operator', 'approver-1', 'stranger'] as const).map((signer) => ({
      what: `${action} at once, by ${signer}`,
      attack: async () =>
        findingOf(await ask(target, signer, { action, parameters: parameters[action] ?? { name: target.enclave } })),
      twin,
    })),
  )
}

function shortcuts(target: Target, twin: Attempt['twin']): Attempt[] {
  return SHORTCUTS.map(([what, take]) => ({
    what: `a roll-out, ${what}`,
    attack: async () => {
      const proposal = await fresh(target)
      if (proposal.answer.code !== undefined) return impossible(`the proposal was answered ${proposal.answer.code}`)
      const finding = findingOf(await take(target, proposal))
      await withdraw(target, 'operator', proposal)
      return finding
    },
    twin,
  }))
}

/** Who proposes does not approve, and does not choose the rules. */
function ownProposal(target: Target, twin: Attempt['twin']): Attempt[] {
  const cases: [what: string, attempt: () => Promise<AdminAnswer>][] = [
    [
      'an approver approves what it proposed',
      async () => approve(target, 'approver-1', await fresh(target, 'approver-1')),
    ],
    [
      'an approver executes what it proposed, with the other’s approval alone',
      async () => {
        const proposal = await fresh(target, 'approver-1')
        await approve(target, 'approver-2', proposal)
        return execute(target, 'approver-1', proposal)
      },
    ],
    ['a stranger proposes', async () => (await fresh(target, 'stranger')).answer],
    [
      'a proposal under a policy that is not in force',
      async () => (await fresh(target, 'operator', { policy: '0'.repeat(96) })).answer,
    ],
    [
      'a proposal that has expired',
      async () => (await fresh(target, 'operator', { expiresMs: Date.now() - 1 })).answer,
    ],
    [
      'a proposal that waits for a year',
      async () => (await fresh(target, 'operator', { expiresMs: Date.now() + 365 * DAY_MS })).answer,
    ],
  ]
  return cases.map(([what, attempt]) => ({ what, attack: async () => findingOf(await attempt()), twin }))
}

/** Policies that take the review away: refused as proposals, whoever would approve them. */
function policies(target: Target, twin: Attempt['twin']): Attempt[] {
  const { policy: founding } = foundingPolicy(target.genesis)
  const [operator, approver] = [founding.operators[0] as string, founding.approvers[0] as string]
  const cases: [what: string, change: Partial<Policy>][] = [
    ['one approval is enough', { guards: { ...founding.guards, 'roll-out': 1 } }],
    ['none is needed', { guards: { ...founding.guards, 'change-policy': 0 } }],
    ['one approver is left', { approvers: [approver] }],
    ['the operator approves', { approvers: [...founding.approvers, operator] }],
    ['one approver stands there twice', { approvers: [...founding.approvers, approver] }],
    ...(founding.development
      ? ([['it is no development host any more', { development: false }]] as [string, Partial<Policy>][])
      : []),
    ['it is another host', { hostId: 'i-00000000000000000' }],
    ['the log has another key', { logKey: '0'.repeat(64) }],
  ]
  return cases.map(([what, change]) => ({
    what: `propose a policy by which ${what}`,
    attack: async () => {
      const previous = await policyInForce(target)
      const { result } = await ask(target, 'operator', { action: 'describe-policy', parameters: {} })
      const version = ((result as { policy?: { version?: number } } | undefined)?.policy?.version ?? 0) + 1
      const policy = { ...founding, version, previous, ...change }
      const { answer } = await propose(target, 'operator', 'change-policy', { policy } as unknown as Json)
      return findingOf(answer)
    },
    twin,
  }))
}
