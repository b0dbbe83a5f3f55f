// F12 and F16: what counts once though it comes twice, and what an entry holds of what people send. Proposals stand in the log whole, by
// design, as approvers sign what they read there; their payloads have closed shapes, and that is what keeps other things out of them.
import { sign } from 'node:crypto'
import t from 'tap'
import { Known, tableLines as lines } from '../../../host/cli/audit-table.ts'
import { checkLogged } from '../../../host/cli/verify.ts'
import type { Request } from '../../../host/control/actions.ts'
import { Deliberation, type DeliberationRequest } from '../../../host/control/proposals/deliberation.ts'
import {
  encodeAdmissionRecord,
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  storeId,
} from '../../../host/verifier/index.ts'
import { encodeCanonicalJson, type Json } from '../../../host/wire/canonical-json.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest } from '../../kit/guard.ts'
import { codeOf, operator, PlaneUnderTest } from '../../kit/plane.ts'
import { GENESIS, LogUnderTest } from '../../kit/reader.ts'

t.setTimeout(120_000)

const CANARY = 'canary-0f9c2d'

t.test('F12 counts an entry that stands in the log twice once, and folds to the same after a restart', async (t) => {
  const world = new GuardUnderTest()
  const proposal = world.rollOut()
  t.equal(world.log(proposal), 'holds')
  t.equal(world.log(proposal), 'ERR_PROPOSAL_DUPLICATE')
  const first = world.approval(proposal, world.approver(0))
  t.equal(world.log(first), 'holds')
  t.equal(world.log(first), 'ERR_APPROVAL_TWICE')
  t.equal(world.log(world.execution(proposal)), 'ERR_APPROVAL_THRESHOLD', 'one approver, twice')
  t.same(world.restarted().approvedBy(proposal.id), [keyHex(world.approver(0))])
  t.equal(world.log(world.approval(proposal, world.approver(1))), 'holds')
  t.equal(world.log(world.execution(proposal)), 'holds', 'the twin: two of them')
  t.not(world.log(world.execution(proposal)), 'holds')
  t.equal(world.restarted().rolledOut.size, 1)
})

t.test('F12 takes a request that comes twice at the same moment once', async (t) => {
  const under = new PlaneUnderTest()
  t.teardown(() => under.close())
  const stop: Request = { action: 'terminate-enclave', parameters: { name: 'echo' } }
  const jws = await under.sign(stop)
  const answers = await Promise.all([under.send(jws, stop.action), under.send(jws, stop.action)])
  t.same(answers.map(codeOf).sort(), ['ERR_ADMIN_REPLAY', null])
  t.equal(under.effects.length, 1)
  t.equal(under.entries.filter(({ kind }) => kind === 'intent').length, 1)
  t.equal(codeOf(await under.ask(stop)), null, 'the twin: signed anew')
  t.equal(under.effects.length, 2)
})

t.test('F16 keeps parameters and results out of entries, whether a request is allowed or refused', async (t) => {
  const under = new PlaneUnderTest()
  t.teardown(() => under.close())
  under.effect = async () => ({ result: { secret: CANARY } })
  const byId = { action: 'terminate-enclave', parameters: { id: CANARY } } as Request
  const more = { action: 'terminate-enclave', parameters: { name: 'echo', more: CANARY } } as never
  const unknown = { action: 'exec', parameters: { command: CANARY } } as never
  t.equal(codeOf(await under.ask(more)), 'ERR_ADMIN_PARAMETERS')
  t.equal(codeOf(await under.ask(unknown)), 'ERR_ADMIN_ACTION')
  const done = await under.ask({ action: 'terminate-enclave', parameters: { name: 'echo' } })
  t.match(done.answered, { result: { secret: CANARY } }, 'the caller has it')
  await under.ask(byId)
  t.ok(under.entries.length >= 4)
  t.notMatch(JSON.stringify(under.entries), CANARY)
  t.match(done.proven?.entry, { kind: 'outcome', code: null, answer: /^[0-9a-f]{64}$/ }, 'the log has its digest')
})

t.test(
  'F16 refuses a proposal with anything beside its payload before it is in the log, and holds its twin whole',
  async (t) => {
    const under = new PlaneUnderTest()
    t.teardown(() => under.close())
    const { guard } = under.state
    const deliberation = new Deliberation(under.log, guard, () => under.now)
    under.effect = async (request, { intent }) => {
      const id = intent.entry.kind === 'intent' ? intent.entry.request : ''
      return { result: await deliberation.take(request as DeliberationRequest, keyHex(operator), id) }
    }
    const policy = { ...structuredClone(guard.policy.policy), version: 1, previous: guard.policy.digest }
    const propose = (payload: object) =>
      under.ask({
        action: 'propose',
        parameters: {
          action: 'change-policy',
          payload: Buffer.from(encodeCanonicalJson(payload as Json)).toString('utf8'),
          policy: guard.policy.digest,
          expiresMs: under.now + 3_600_000,
        },
      })
    t.equal(codeOf(await propose({ policy, note: CANARY })), 'ERR_PROPOSAL_PAYLOAD')
    t.equal(codeOf(await propose({ policy: { ...policy, note: CANARY } })), 'ERR_POLICY_SYNTAX')
    t.notMatch(JSON.stringify(under.entries), CANARY)
    t.notOk(under.entries.some(({ kind }) => kind === 'proposal'))
    t.equal(codeOf(await propose({ policy })), null, 'the twin')
    const [proposal] = under.entries.flatMap((entry) => (entry.kind === 'proposal' ? [entry] : []))
    t.same(proposal?.payload, { policy })
    // As an audit shows it: action, key and step, in 100 columns
    const all = under.entries.map((entry, index) => ({ index, entry }))
    const id = proposal?.id as string
    const step = (kind: 'approval' | 'execution' | 'withdrawal') => ({
      index: all.length,
      entry: { ...proposal, kind, proposal: id, key: keyHex(newKey()) } as never,
    })
    const shown = lines([...all, step('approval'), step('execution'), step('withdrawal')], new Known())
    for (const text of [
      `proposed as ${id.slice(0, 8)}`,
      `approval of ${id.slice(0, 8)}`,
      `execution of ${id.slice(0, 8)}`,
    ])
      t.ok(
        shown.some((line) => line.includes('change-policy') && line.endsWith(text)),
        text,
      )
    t.match(
      shown.find((line) => line.includes('proposed as')),
      `key ${keyHex(operator).slice(0, 6)}`,
    )
    t.same(
      shown.filter((line) => line.length > 100),
      [],
    )
    t.match(lines([step('approval')], new Known())[0], '(unknown)', 'a proposal that nobody has shown')
  },
)

t.test('verify refuses records whose launch is not shown to be in the log that the grant names', async (t) => {
  const [under, other] = [new LogUnderTest(), new LogUnderTest()]
  t.teardown(() => {
    under.close()
    other.close()
  })
  await under.fill('echo')
  await other.fill('echo')
  const owner = newKey()
  const grant = encodeGrant({
    version: 1,
    owners: [keyHex(owner)],
    tenant: 'tenant',
    enclaveName: 'echo',
    workloadName: 'echo',
    storeId: await storeId(keyHex(owner), 'echo'),
    kmsKey: null,
    releaseRule: { pcr8: 'ab'.repeat(48) },
    minSecurityVersion: 1,
    logKey: keyHex(under.key),
    genesisDigest: GENESIS,
    development: true,
  })
  const signature = new Uint8Array(sign(null, grantSigningInput(grant), owner))
  const grantChain = encodeGrantChain([{ bytes: grant, signature }])
  const judge = (logIndex: number | null, checkpoint: Uint8Array | null) =>
    checkLogged({
      grantChain,
      admissionRecord: encodeAdmissionRecord({
        version: 1,
        releaseDigest: null,
        securityVersion: 1,
        policyDigest: null,
        development: true,
        logIndex,
        checkpoint: checkpoint === null ? null : Buffer.from(checkpoint).toString('utf8'),
      }),
    })
  const refused = { code: 'ERR_EVIDENCE_LOG' }
  await t.rejects(judge(0, other.log.checkpoint), refused, 'of a log with another key')
  await t.rejects(judge(null, null), refused, 'of none')
  await t.rejects(judge(under.log.size, under.log.checkpoint), refused, 'an entry that it does not cover')
  await t.resolves(judge(under.log.size - 1, under.log.checkpoint), 'the twin')
})
