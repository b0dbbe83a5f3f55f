import t from 'tap'
import { MAX_PAYLOAD_BYTES } from '../../../host/control/policy/guards.ts'
import type { ProposalEntry } from '../../../host/control/proposals/entry.ts'
import { MAX_OPEN, MAX_OPEN_EACH, MAX_WAIT_MS } from '../../../host/control/proposals/state.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest, HOUR } from '../../kit/guard.ts'
import { releaseFacts } from '../../kit/pipeline.ts'

const HOLDS = 'holds'

t.test('rolls out a release that two approvers other than the proposer approved', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.rollOut({ version: '1.2.0' })
  t.same(world.run(proposal), [HOLDS, HOLDS, HOLDS, HOLDS])
  t.match([...world.state.rolledOut.values()], [{ workload: 'keyvalue', version: '1.2.0' }])
  t.equal(world.state.end(proposal.id), 'executed')
  t.same(world.state.open(world.nowMs), [])
})

t.test('says what an execution does, and nothing of one that does not hold', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.proposal('rotate-store-keys', { enclave: 'keyvalue' })
  t.equal(world.log(proposal), HOLDS)
  const at = { ...world.execution(proposal), timeMs: world.nowMs }
  t.match(world.state.apply(1000, at), { holds: false, refusal: { code: 'ERR_APPROVAL_THRESHOLD' } })
  for (const index of [0, 1]) t.equal(world.log(world.approval(proposal, world.approver(index))), HOLDS)
  t.same(world.state.apply(1001, at), {
    holds: true,
    effect: { action: 'rotate-store-keys', enclave: 'keyvalue' },
  })
  t.match(world.state.apply(1002, at), { holds: false, refusal: { code: 'ERR_PROPOSAL_ENDED' } }, 'once')
  t.equal(world.state.verdict(1001)?.holds, true)
  t.equal(world.state.verdict(1003), undefined)
})

t.test('retires a release, and rolls out none below the highest security version', async (t) => {
  const world = new GuardUnderTest()
  t.same(world.run(world.rollOut({ securityVersion: 2 })), Array(4).fill(HOLDS))
  t.equal(world.log(world.rollOut({ securityVersion: 1 })), 'ERR_RELEASE_DOWNGRADE')
  t.equal(world.log(world.rollOut({ securityVersion: 2, version: '2.0.1' })), HOLDS)
  t.equal(world.log(world.rollOut({ securityVersion: 1, workload: 'echo' })), HOLDS, 'of another workload')
  const [release] = world.state.rolledOut.keys()
  t.equal(world.log(world.proposal('retire-release', { release: '00'.repeat(48) })), 'ERR_PROPOSAL_DONE')
  t.same(world.run(world.proposal('retire-release', { release: release as string })), Array(4).fill(HOLDS))
  t.equal(world.state.rolledOut.size, 0)
})

t.test('takes proposals of operators and approvers alone', async (t) => {
  const world = new GuardUnderTest()
  const by = (key = world.operator) => world.rollOut({}, { proposer: keyHex(key) })
  t.equal(world.log(by()), HOLDS)
  t.equal(world.log(by(world.approver(0))), HOLDS)
  t.equal(world.log(by(world.auditor)), 'ERR_PROPOSAL_PROPOSER')
  t.equal(world.log(by(newKey())), 'ERR_PROPOSAL_PROPOSER')
})

t.test('takes back what one proposed oneself, and nothing else', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.rollOut()
  t.equal(world.log(proposal), HOLDS)
  t.equal(world.log(world.withdrawal(proposal, world.approver(0))), 'ERR_PROPOSAL_PROPOSER')
  t.equal(world.log(world.withdrawal(proposal)), HOLDS)
  t.equal(world.log(world.withdrawal(proposal)), 'ERR_PROPOSAL_ENDED')
  t.equal(world.log(world.approval(proposal, world.approver(0))), 'ERR_PROPOSAL_ENDED')
})

t.test('waits until the expiry, and not for longer than the longest wait', async (t) => {
  const world = new GuardUnderTest()
  for (const [expiresIn, verdict] of [
    [0, 'ERR_PROPOSAL_EXPIRY'],
    [1, HOLDS],
    [MAX_WAIT_MS, HOLDS],
    [MAX_WAIT_MS + 1, 'ERR_PROPOSAL_EXPIRY'],
    [Number.NaN, 'ERR_PROPOSAL_EXPIRY'],
    [0.5, 'ERR_PROPOSAL_EXPIRY'],
  ] as const)
    t.equal(world.log(world.rollOut({}, { expiresMs: world.nowMs + expiresIn })), verdict, `${expiresIn} ms`)
  const late = world.rollOut()
  t.equal(world.log(late), HOLDS)
  t.equal(world.log(world.approval(late, world.approver(0))), HOLDS)
  world.nowMs += HOUR - 1
  t.equal(world.log(world.approval(late, world.approver(1))), HOLDS, 'in the last millisecond')
  world.nowMs += 1
  t.equal(world.log(world.execution(late)), 'ERR_PROPOSAL_ENDED')
  t.equal(world.state.end(late.id), 'expired')
})

t.test('keeps as many proposals as the limits say, and room for more when some end', async (t) => {
  const world = new GuardUnderTest(8)
  const facts = world.rollOut()
  const propose = (proposer: string) =>
    world.log({ ...facts, id: world.proposal('roll-out', {}).id, proposer, expiresMs: world.nowMs + HOUR })
  const proposers = [world.operator, ...world.approvers].map(keyHex)
  let made = 0
  for (const proposer of proposers)
    for (let i = 0; i <= MAX_OPEN_EACH; i++) {
      const expected = i < MAX_OPEN_EACH && made < MAX_OPEN ? HOLDS : 'ERR_PROPOSAL_LIMIT'
      if (expected === HOLDS) made++
      if (propose(proposer) !== expected) t.fail(`number ${i} of ${proposer}, ${made} in all`)
    }
  t.equal(world.state.open(world.nowMs).length, MAX_OPEN)
  world.nowMs += HOUR
  t.equal(propose(proposers[0] as string), HOLDS)
  t.equal(world.state.open(world.nowMs).length, 1)
})

t.test('rejects payloads that are not of their action', async (t) => {
  const world = new GuardUnderTest()
  const release = '12'.repeat(48)
  const rows: [string, ProposalEntry, string][] = [
    ['unknown action', world.proposal('exec' as never, {}), 'ERR_PROPOSAL_PAYLOAD'],
    ['an action of the prototype', world.proposal('constructor' as never, {}), 'ERR_PROPOSAL_PAYLOAD'],
    ['two actions', world.proposal(['roll-out', 'change-policy'] as never, {}), 'ERR_PROPOSAL_PAYLOAD'],
    ['nothing', world.proposal('retire-release', null), 'ERR_PROPOSAL_PAYLOAD'],
    ['a field more', world.proposal('retire-release', { release, also: true }), 'ERR_PROPOSAL_PAYLOAD'],
    ['a list', world.proposal('retire-release', [release]), 'ERR_PROPOSAL_PAYLOAD'],
    [
      'an enclave with an escape sequence',
      world.proposal('rotate-store-keys', { enclave: '\u001b[2J' }),
      'ERR_PROPOSAL_PAYLOAD',
    ],
    ['a release by no digest', world.proposal('retire-release', { release: '../..' }), 'ERR_PROPOSAL_PAYLOAD'],
    ['no policy', world.proposal('change-policy', { policy: {} }), 'ERR_POLICY_SYNTAX'],
    ['no envelope', world.proposal('roll-out', { certificate: '', envelope: {} }), 'ERR_PROPOSAL_PAYLOAD'],
  ]
  for (const [name, entry, code] of rows) t.equal(world.log(entry), code, name)
  t.equal(world.log(world.proposal('rotate-store-keys', { enclave: 'keyvalue' })), HOLDS)
})

t.test('takes a payload up to its limit', async (t) => {
  const world = new GuardUnderTest()
  const sized = (bytes: number) => ({ enclave: 'x'.repeat(bytes - '{"enclave":""}'.length) })
  // Neither is a name; that tells which check spoke
  for (const [bytes, said] of [
    [MAX_PAYLOAD_BYTES - 1, /does not fit/],
    [MAX_PAYLOAD_BYTES, /does not fit/],
    [MAX_PAYLOAD_BYTES + 1, /bytes, at most/],
  ] as const)
    t.throws(() => world.state.judge(world.proposal('rotate-store-keys', sized(bytes)), world.nowMs), { message: said })
})

t.test('folds the same log to the same state after a restart, with what did not hold in it', async (t) => {
  const world = new GuardUnderTest()
  world.run(world.rollOut())
  world.run(world.rollOut(), [world.approver(0)])
  world.run(world.changePolicy({ operators: [keyHex(newKey()), keyHex(world.operator)] }))
  const open = world.rollOut({ version: '3.0.0' })
  world.log(open)
  world.log(world.approval(open, world.approver(2)))
  world.log(world.approval(open, world.approver(2)))
  const again = world.restarted()
  t.same(again.policy, world.state.policy)
  t.same([...again.rolledOut], [...world.state.rolledOut])
  t.same(again.open(world.nowMs), world.state.open(world.nowMs))
  t.same(again.changes, world.state.changes)
})

t.test('survives a stop between an execution and its effect: the proposal is spent', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.proposal('rotate-store-keys', { enclave: 'keyvalue' })
  t.same(world.run(proposal), Array(4).fill(HOLDS))
  const again = world.restarted()
  t.equal(again.end(proposal.id), 'executed')
  t.throws(() => again.judge(world.execution(proposal), world.nowMs), { code: 'ERR_PROPOSAL_ENDED' })
})

t.test('rolls out nothing that the pipeline did not test, sign and build as the policy asks', async (t) => {
  const world = new GuardUnderTest()
  const tests = releaseFacts().tests
  t.equal(world.log(world.rollOut({ tests: { ...tests, passed: false } })), 'ERR_RELEASE_TESTS')
  t.equal(world.log(world.rollOut({ tests: { ...tests, image: '00'.repeat(48) } })), 'ERR_RELEASE_TESTS')
  const rules = [
    { workload: '*', certificates: [world.pipeline.digest], builders: ['urn:test:builder'], approval: true },
    { workload: 'echo', certificates: [], builders: null, approval: true },
  ]
  t.same(world.run(world.changePolicy({ releaseRules: rules })), Array(4).fill(HOLDS))
  t.equal(world.log(world.rollOut({ builder: 'urn:laptop' })), 'ERR_RELEASE_BUILDER')
  t.equal(world.log(world.rollOut({ workload: 'echo' })), 'ERR_RELEASE_PIPELINE')
  t.equal(world.log(world.rollOut()), HOLDS)
})
