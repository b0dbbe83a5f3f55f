// Group E: approvals that are not what they seem, each beside its twin that counts. The guard alone; a real host is in host.test.ts.

import { sign } from 'node:crypto'
import t from 'tap'
import { approvalSigningInput, payloadDigest } from '../../../host/control/proposals/approval.ts'
import type { ProposalEntry } from '../../../host/control/proposals/entry.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest, HOUR } from '../../kit/guard.ts'

const HOLDS = 'holds'
const DONE = [HOLDS, HOLDS, HOLDS, HOLDS]

/** A proposal that waits for approvals. */
function waiting(action: 'rollOut' | 'changePolicy' = 'rollOut', changes: Partial<ProposalEntry> = {}) {
  const world = new GuardUnderTest()
  const proposal = world[action]({}, changes)
  t.equal(world.log(proposal), HOLDS)
  const approve = (index: number) => world.log(world.approval(proposal, world.approver(index)))
  return { world, proposal, approve, execute: () => world.log(world.execution(proposal)) }
}

t.test('E07 rejects the approval of the proposer, and counts those of two others', async (t) => {
  const proposer = new GuardUnderTest()
  const own = proposer.rollOut({}, { proposer: keyHex(proposer.approver(0)) })
  t.equal(proposer.log(own), HOLDS)
  t.equal(proposer.log(proposer.approval(own, proposer.approver(0))), 'ERR_APPROVAL_SELF')
  t.equal(proposer.log(proposer.approval(own, proposer.approver(1))), HOLDS)
  t.equal(proposer.log(proposer.execution(own)), 'ERR_APPROVAL_THRESHOLD')
  t.equal(proposer.log(proposer.approval(own, proposer.approver(2))), HOLDS)
  t.equal(proposer.log(proposer.execution(own)), HOLDS)
})

t.test('E07 rejects a policy in which one key holds two offices, and so one person two names', async (t) => {
  const { world } = waiting()
  const operator = keyHex(world.operator)
  const approvers = world.approvers.map(keyHex)
  t.equal(world.log(world.changePolicy({ approvers: [...approvers, operator] })), 'ERR_POLICY_SYNTAX')
  t.equal(world.log(world.changePolicy({ approvers: [...approvers, approvers[0] as string] })), 'ERR_POLICY_SYNTAX')
  t.equal(world.log(world.changePolicy({ approvers: [...approvers, keyHex(newKey())] })), HOLDS)
})

t.test('E08 counts an approver once, and nobody who is none', async (t) => {
  const { world, proposal, approve, execute } = waiting()
  t.equal(approve(0), HOLDS)
  for (let i = 0; i < 3; i++) t.equal(approve(0), 'ERR_APPROVAL_TWICE')
  t.equal(execute(), 'ERR_APPROVAL_THRESHOLD')
  for (const key of [newKey(), world.auditor, world.operator]) {
    const code = key === world.operator ? 'ERR_APPROVAL_SELF' : 'ERR_APPROVAL_KEY'
    t.equal(world.log(world.approval(proposal, key)), code)
  }
  t.equal(approve(1), HOLDS)
  t.equal(execute(), HOLDS)
})

t.test('E09 rejects an approval of one proposal for another with the same text', async (t) => {
  const { world, proposal } = waiting()
  const twin = { ...proposal, id: '11'.repeat(32) }
  t.equal(world.log(twin), HOLDS)
  const replayed = { ...world.approval(proposal, world.approver(0)), proposal: twin.id } as never
  t.equal(world.log(replayed), 'ERR_APPROVAL_SIGNATURE')
  t.equal(world.log(world.approval(twin, world.approver(0))), HOLDS)
})

t.test('E09 rejects an approval made for another host, action, policy, expiry or kind of object', async (t) => {
  const { world, proposal } = waiting()
  const key = world.approver(0)
  const audience = world.state.audience
  const digest = payloadDigest(proposal.payload)
  const matter = { ...proposal, audience }
  const rows: [string, Uint8Array][] = [
    [
      'another host',
      approvalSigningInput({ ...matter, audience: { ...audience, host: 'i-00000000000000000' } }, digest),
    ],
    [
      'another genesis',
      approvalSigningInput({ ...matter, audience: { ...audience, genesis: '00'.repeat(48) } }, digest),
    ],
    ['another action', approvalSigningInput({ ...matter, action: 'retire-release' }, digest)],
    ['another policy', approvalSigningInput({ ...matter, policy: '00'.repeat(48) }, digest)],
    ['a later expiry', approvalSigningInput({ ...matter, expiresMs: proposal.expiresMs + 1 }, digest)],
    ['no label', approvalSigningInput(matter, digest).subarray('wasmclave/approval\0'.length)],
    [
      "a grant's label",
      Buffer.concat([
        Buffer.from('wasmclave/grant\0'),
        approvalSigningInput(matter, digest).subarray('wasmclave/approval\0'.length),
      ]),
    ],
  ]
  const approval = (input: Uint8Array) => ({
    kind: 'approval' as const,
    proposal: proposal.id,
    key: keyHex(key),
    signature: sign(null, input, key).toString('hex'),
  })
  for (const [name, input] of rows) t.equal(world.log(approval(input)), 'ERR_APPROVAL_SIGNATURE', name)
  t.equal(world.log(approval(approvalSigningInput(matter, digest))), HOLDS)
})

t.test('E09 rejects signatures that are none: empty, cut, too long, of another key', async (t) => {
  const { world, proposal } = waiting()
  const good = world.approval(proposal, world.approver(0)) as { signature: string } & ReturnType<typeof world.approval>
  for (const signature of ['', good.signature.slice(2), `${good.signature}00`, 'zz', '00'.repeat(64)])
    t.equal(world.log({ ...good, signature } as never), 'ERR_APPROVAL_SIGNATURE')
  t.equal(world.log({ ...good, key: keyHex(world.approver(1)) } as never), 'ERR_APPROVAL_SIGNATURE')
  t.equal(world.log(good), HOLDS)
})

t.test('E10 rejects approvals of a payload that was edited after the first one', async (t) => {
  const { world, proposal, approve, execute } = waiting('changePolicy')
  t.equal(approve(0), HOLDS)
  // The same proposal with another threshold: who put it into the log again is refused, and what was approved is not that
  const edited = structuredClone(proposal)
  ;(edited.payload as { policy: { guards: Record<string, number> } }).policy.guards['roll-out'] = 3
  t.equal(world.log(edited), 'ERR_PROPOSAL_DUPLICATE')
  t.equal(world.log(world.approval(edited, world.approver(1))), 'ERR_APPROVAL_SIGNATURE')
  t.equal(approve(1), HOLDS)
  t.equal(execute(), HOLDS)
  t.equal(world.state.policy.policy.guards['roll-out'], 2)
})

t.test(
  'E11 counts at execution: an approver who was removed meanwhile does not, and other proposals are void',
  async (t) => {
    const { world, proposal, approve, execute } = waiting()
    t.equal(approve(0), HOLDS)
    t.equal(approve(1), HOLDS)
    const [first, ...rest] = world.approvers.map(keyHex)
    const removal = world.changePolicy({ approvers: rest, revoked: [first as string] })
    t.same(world.run(removal, world.approvers.slice(2)), DONE)
    t.equal(execute(), 'ERR_PROPOSAL_ENDED')
    t.equal(world.state.end(proposal.id), 'voided')
    const again = world.rollOut()
    t.equal(world.log(again), HOLDS)
    t.equal(world.log(world.approval(again, world.approver(0))), 'ERR_APPROVAL_KEY')
    for (const index of [1, 2]) t.equal(world.log(world.approval(again, world.approver(index))), HOLDS)
    t.equal(world.log(world.execution(again)), HOLDS)
  },
)

t.test("E11 demands the old set's quorum for a new set: whom it brings cannot vote for it", async (t) => {
  const world = new GuardUnderTest()
  const friends = [newKey(), newKey()]
  const takeover = world.changePolicy({ approvers: friends.map(keyHex) })
  t.equal(world.log(takeover), HOLDS)
  for (const friend of friends) t.equal(world.log(world.approval(takeover, friend)), 'ERR_APPROVAL_KEY')
  t.equal(world.log(world.execution(takeover)), 'ERR_APPROVAL_THRESHOLD')
  for (const index of [0, 1]) t.equal(world.log(world.approval(takeover, world.approver(index))), HOLDS)
  t.equal(world.log(world.execution(takeover)), HOLDS)
})

t.test(
  'E12 lowers no threshold in flight: one action a proposal, and what waits under the old one is void',
  async (t) => {
    const world = new GuardUnderTest()
    const guards = { ...world.state.policy.policy.guards, 'roll-out': 3 }
    t.same(world.run(world.changePolicy({ guards })), DONE)
    const release = world.rollOut()
    t.same(world.run(release), [HOLDS, HOLDS, HOLDS, 'ERR_APPROVAL_THRESHOLD'])
    const lower = world.changePolicy({ guards: { ...guards, 'roll-out': 2 } })
    const batch = world.proposal('change-policy', [lower.payload, release.payload])
    t.equal(world.log(batch), 'ERR_PROPOSAL_PAYLOAD')
    t.same(world.run(lower), DONE)
    t.equal(world.log(world.execution(release)), 'ERR_PROPOSAL_ENDED')
    t.equal(world.state.rolledOut.size, 0)
  },
)

t.test('E13 executes once, before the expiry, and nothing that was withdrawn', async (t) => {
  const { world, approve, execute } = waiting()
  t.equal(execute(), 'ERR_APPROVAL_THRESHOLD')
  t.equal(approve(0), HOLDS)
  t.equal(approve(1), HOLDS)
  t.equal(execute(), HOLDS)
  t.equal(execute(), 'ERR_PROPOSAL_ENDED')
  t.equal(world.state.rolledOut.size, 1)

  const late = waiting()
  late.approve(0)
  late.approve(1)
  late.world.nowMs += HOUR
  t.equal(late.execute(), 'ERR_PROPOSAL_ENDED')

  const back = waiting()
  back.approve(0)
  back.approve(1)
  t.equal(back.world.log(back.world.withdrawal(back.proposal)), HOLDS)
  t.equal(back.execute(), 'ERR_PROPOSAL_ENDED')
})

t.test('E15 lets one of two conflicting proposals win, and the other fail', async (t) => {
  const world = new GuardUnderTest()
  const [one, two] = [3, 4].map((threshold) =>
    world.changePolicy({ guards: { ...world.state.policy.policy.guards, 'roll-out': threshold } }),
  ) as [ProposalEntry, ProposalEntry]
  for (const proposal of [one, two]) {
    t.equal(world.log(proposal), HOLDS)
    for (const index of [0, 1]) t.equal(world.log(world.approval(proposal, world.approver(index))), HOLDS)
  }
  t.equal(world.log(world.execution(two)), HOLDS)
  t.equal(world.log(world.execution(one)), 'ERR_PROPOSAL_ENDED')
  t.equal(world.state.policy.policy.guards['roll-out'], 4)
})

t.test("E21 judges expiry by the log's time, whatever an approver's clock says", async (t) => {
  const { world, proposal } = waiting('rollOut', {})
  const yesterday = world.approval({ ...proposal, expiresMs: proposal.expiresMs - 24 * HOUR }, world.approver(0))
  t.equal(world.log(yesterday), 'ERR_APPROVAL_SIGNATURE')
  t.equal(world.log(world.approval(proposal, world.approver(0))), HOLDS)
})

t.test(
  'E22 takes a new key for somebody new: the departed one stays out, and both changes need a quorum',
  async (t) => {
    const world = new GuardUnderTest()
    const [departed, ...rest] = world.approvers.map(keyHex)
    const newcomer = newKey()
    const rename = world.changePolicy({ approvers: [...rest, keyHex(newcomer)], revoked: [departed as string] })
    t.equal(world.log(rename), HOLDS)
    t.equal(world.log(world.approval(rename, newcomer)), 'ERR_APPROVAL_KEY')
    for (const index of [1, 2]) t.equal(world.log(world.approval(rename, world.approver(index))), HOLDS)
    t.equal(world.log(world.execution(rename)), HOLDS)
    const next = world.rollOut()
    t.equal(world.log(next), HOLDS)
    t.equal(world.log(world.approval(next, world.approver(0))), 'ERR_APPROVAL_KEY')
    t.equal(world.log(world.approval(next, newcomer)), HOLDS)
  },
)

t.test('B12 takes no approvals that a proposal brings with it', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.rollOut()
  const prefilled = { ...proposal, approvals: new Map(world.approvers.map((key) => [keyHex(key), '00'.repeat(64)])) }
  t.equal(world.log(prefilled), HOLDS)
  t.equal(world.log(world.execution(prefilled)), 'ERR_APPROVAL_THRESHOLD')
  for (const index of [0, 1]) t.equal(world.log(world.approval(proposal, world.approver(index))), HOLDS)
  t.equal(world.log(world.execution(proposal)), HOLDS)
})
