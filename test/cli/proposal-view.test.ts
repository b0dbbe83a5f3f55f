// E14: what an approver sees is recomputed from the payload; a host that shows one thing and means another is refused.
import t from 'tap'
import { describeProposal, readPolicy, readProposal } from '../../host/cli/proposal-view.ts'
import { policyDifference } from '../../host/control/policy/difference.ts'
import type { Policy } from '../../host/control/policy/document.ts'
import { payloadDigest } from '../../host/control/proposals/approval.ts'
import type { ProposalEntry } from '../../host/control/proposals/entry.ts'
import type { Json } from '../../host/wire/canonical-json.ts'
import { keyHex, newKey } from '../kit/genesis.ts'
import { GuardUnderTest } from '../kit/guard.ts'

const world = new GuardUnderTest()
const inForce = () => readPolicy(policyAnswer(), world.signed)
const policyAnswer = (): Json => structuredClone({ ...world.state.policy, releases: [] }) as unknown as Json

/** What a host answers on a proposal. */
function answer(proposal: ProposalEntry, changes: Record<string, Json> = {}): Json {
  const { kind: _, ...fields } = proposal
  return { ...fields, payloadDigest: payloadDigest(proposal.payload), approvedBy: [], threshold: 2, ...changes }
}

t.test(
  'shows a change of the policy line by line, and a release with its digests and tests, in 100 columns',
  async (t) => {
    const newcomer = keyHex(newKey())
    const guards = { ...world.state.policy.policy.guards, 'roll-out': 3 }
    const change = world.changePolicy({ approvers: [...world.approvers.map(keyHex), newcomer], guards })
    const { policy, releases } = inForce()
    const lines = describeProposal(readProposal(answer(change), world.signed, policy), policy, releases)
    t.ok(lines.includes(`+ approver ${newcomer}`))
    t.ok(lines.includes('! approvals for roll-out: 2 -> 3'))
    const released = describeProposal(readProposal(answer(world.rollOut()), world.signed, policy), policy, releases)
    t.ok(released.includes('+ keyvalue 1.0.0, security version 1'))
    t.ok(released.includes('    ok keeps what it was given'))
    t.same(
      [...lines, ...released].filter((line) => line.length > 100),
      [],
    )
  },
)

t.test('rejects what the host shows where it is not what it says', async (t) => {
  const proposal = world.changePolicy()
  const other = world.changePolicy({ auditors: [keyHex(newKey())] })
  const { policy } = inForce()
  const read = (changes: Record<string, Json>) => readProposal(answer(proposal, changes), world.signed, policy)
  t.doesNotThrow(() => read({}))
  const rows: [string, Record<string, Json>][] = [
    ['another payload under the same digest', { payload: other.payload }],
    ['another digest', { payloadDigest: payloadDigest(other.payload) }],
    ['another policy', { policy: '12'.repeat(48) }],
    ['a field more', { safe: true }],
    ['an id that is none', { id: 'x' }],
    ['a proposer with an escape', { proposer: '\u001b[1m' }],
  ]
  for (const [name, changes] of rows) t.throws(() => read(changes), { code: 'ERR_PROPOSAL_SHOWN' }, name)
  t.equal(read({ threshold: 0 }).threshold, 2, 'how many it takes is the policy’s to say')
})

t.test('rejects a policy in force that does not hash to what the host says of it', async (t) => {
  const later = new GuardUnderTest()
  t.same(later.run(later.changePolicy()), Array(4).fill('holds'))
  const shown = (change: (p: Policy) => unknown = () => {}): Json => {
    const { policy, digest } = structuredClone(later.state.policy)
    change(policy)
    return { policy, digest, releases: [] } as unknown as Json
  }
  t.equal(readPolicy(shown(), later.signed).policy.digest, later.state.policy.digest)
  t.throws(
    () =>
      readPolicy(
        shown((p) => (p.guards['roll-out'] = 3)),
        later.signed,
      ),
    { code: 'ERR_PROPOSAL_SHOWN' },
  )
  // Of version 0 only the genesis speaks: what the host makes of it is not looked at
  const founding = { ...(policyAnswer() as Record<string, Json>), digest: '12'.repeat(48) }
  t.throws(() => readPolicy(founding, world.signed), { code: 'ERR_PROPOSAL_SHOWN' })
})

t.test('sees a difference in every field of a policy', async (t) => {
  const { policy } = world.state.policy
  t.same(policyDifference(policy, structuredClone(policy)), [])
  const changes: Partial<Policy>[] = [
    { approvers: policy.approvers.slice(1) },
    { operators: [] },
    { auditors: [] },
    { revoked: ['12'.repeat(32)] },
    { roles: { ...policy.roles, auditor: [] } },
    { guards: { ...policy.guards, 'restore-backup': 3 } },
    { pipelineCertificates: [] },
    { releaseRules: [] },
    { releaseRules: policy.releaseRules.map((rule) => ({ ...rule, approval: false })) },
    { attestationRoots: [] },
    { kmsKey: '12'.repeat(32) },
    { logKey: '12'.repeat(32) },
    { development: false },
    { hostId: 'i-00000000000000000' },
    { genesis: '12'.repeat(48) },
  ]
  for (const change of changes)
    t.ok(policyDifference(policy, { ...policy, ...change }).length > 0, Object.keys(change).join())
  const looked = new Set(changes.flatMap((change) => Object.keys(change)))
  const left = Object.keys(policy).filter((field) => !looked.has(field))
  t.same(left.toSorted(), ['format', 'previous', 'version'], 'what the head line shows')
})
