import t from 'tap'
import { walkPolicyChain } from '../../../host/control/policy/chain.ts'
import type { Policy } from '../../../host/control/policy/document.ts'
import { GUARDED_ACTIONS } from '../../../host/control/policy/guards.ts'
import type { PolicyChange } from '../../../host/control/proposals/state.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest } from '../../kit/guard.ts'

/** Two changes: a fifth approver comes, then the first one leaves. */
function changed() {
  const world = new GuardUnderTest()
  const fifth = newKey()
  t.same(world.run(world.changePolicy({ approvers: [...world.approvers, fifth].map(keyHex) })), Array(4).fill('holds'))
  const [first, ...rest] = [...world.approvers, fifth].map(keyHex)
  t.same(
    world.run(world.changePolicy({ approvers: rest, revoked: [first as string] }), [fifth, world.approver(1)]),
    Array(4).fill('holds'),
  )
  return { world, changes: structuredClone(world.state.changes) as PolicyChange[] }
}

t.test('walks from the genesis to the policy in force', async (t) => {
  const { world, changes } = changed()
  const policies = walkPolicyChain(world.signed, changes)
  t.same(
    policies.map(({ policy }) => policy.version),
    [0, 1, 2],
  )
  t.equal(policies[0]?.digest, world.signed.digest)
  t.same(policies.at(-1), world.state.policy)
})

t.test('rejects a chain of which one thing is changed', async (t) => {
  const rows: [string, string, (changes: PolicyChange[]) => unknown][] = [
    ['a change left out', 'ERR_POLICY_CHAIN', (c) => c.shift()],
    ['in another order', 'ERR_POLICY_CHAIN', (c) => c.reverse()],
    ['an approval left out', 'ERR_POLICY_CHAIN', (c) => c[0]?.approvals.pop()],
    [
      'one approval twice',
      'ERR_POLICY_CHAIN',
      (c) => ((c[0] as PolicyChange).approvals[1] = structuredClone(c[0]?.approvals[0] as never)),
    ],
    [
      'approved by the newcomer of the same change',
      'ERR_POLICY_CHAIN',
      (c) => ((c[0] as PolicyChange).approvals = structuredClone(c[1]?.approvals as never)),
    ],
    ['another expiry', 'ERR_POLICY_CHAIN', (c) => (c[1] as PolicyChange).proposal.expiresMs++],
    [
      'a threshold lowered after the approvals',
      'ERR_POLICY_CHAIN',
      (c) => (((c[1] as PolicyChange).proposal.payload as { policy: Policy }).policy.guards['roll-out'] = 3),
    ],
    ['another action', 'ERR_POLICY_CHAIN', (c) => ((c[1] as PolicyChange).proposal.action = 'roll-out')],
    [
      'an approval of one who proposed',
      'ERR_POLICY_CHAIN',
      (c) => ((c[0] as PolicyChange).proposal.proposer = c[0]?.approvals[0]?.key as string),
    ],
  ]
  for (const [name, code, change] of rows) {
    const { world, changes } = changed()
    t.doesNotThrow(() => walkPolicyChain(world.signed, changes))
    change(changes)
    t.throws(() => walkPolicyChain(world.signed, changes), { code }, name)
  }
})

t.test('rejects the chain of another host', async (t) => {
  const { changes } = changed()
  t.throws(() => walkPolicyChain(new GuardUnderTest().signed, changes), { code: 'ERR_POLICY_CHAIN' })
})

t.test('rejects a next policy that cannot follow', async (t) => {
  const rows: [string, (p: Policy, before: string) => unknown][] = [
    ['a version left out', (p) => (p.version = 2)],
    ['another policy before', (p) => (p.previous = '00'.repeat(48))],
    ['another host', (p) => (p.hostId = 'i-00000000000000000')],
    ['another genesis', (p) => (p.genesis = '00'.repeat(48))],
    ['another log key', (p) => (p.logKey = '00'.repeat(32))],
    [
      'development dropped',
      (p) => {
        p.development = false
        p.kmsKey = '00'.repeat(32)
        p.logKey = '00'.repeat(32)
      },
    ],
  ]
  for (const [name, change] of rows) {
    const world = new GuardUnderTest()
    const policy = world.nextPolicy()
    const accepted = world.proposal('change-policy', { policy: structuredClone(policy) as never })
    change(policy, world.state.policy.digest)
    t.equal(world.log(world.proposal('change-policy', { policy: policy as never })), 'ERR_POLICY_SUCCESSION', name)
    t.equal(world.log(accepted), 'holds')
  }
})

t.test('rejects a key that was revoked and comes back, in an office or without the mark', async (t) => {
  const world = new GuardUnderTest()
  const [first, ...rest] = world.approvers.map(keyHex)
  t.same(
    world.run(world.changePolicy({ approvers: rest, revoked: [first as string] }), world.approvers.slice(1, 3)),
    Array(4).fill('holds'),
  )
  t.equal(world.log(world.changePolicy({ approvers: [...rest, first as string] })), 'ERR_POLICY_SYNTAX')
  t.equal(
    world.log(world.changePolicy({ approvers: [...rest, first as string], revoked: [] })),
    'ERR_POLICY_SUCCESSION',
  )
  t.equal(world.log(world.changePolicy({ approvers: [...rest, keyHex(newKey())] })), 'holds')
})

t.test('keeps every guarded action at the quorum of the set before', async (t) => {
  const world = new GuardUnderTest()
  const guards = Object.fromEntries(GUARDED_ACTIONS.map((action) => [action, 3])) as Policy['guards']
  t.same(world.run(world.changePolicy({ guards })), Array(4).fill('holds'))
  const lower = world.changePolicy({ guards: { ...guards, 'roll-out': 2 } })
  t.same(world.run(lower), ['holds', 'holds', 'holds', 'ERR_APPROVAL_THRESHOLD'])
  t.equal(world.log(world.approval(lower, world.approver(2))), 'holds')
  t.equal(world.log(world.execution(lower)), 'holds')
})
