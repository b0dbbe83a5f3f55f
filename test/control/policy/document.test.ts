import t from 'tap'
import { signGenesis, verifyGenesis } from '../../../host/control/genesis.ts'
import {
  decodePolicy,
  encodePolicy,
  foundingPolicy,
  MAX_POLICY_BYTES,
  type Policy,
} from '../../../host/control/policy/document.ts'
import { GUARDED_ACTIONS, MAX_MEMBERS, MIN_THRESHOLD } from '../../../host/control/policy/guards.ts'
import { keyHex, newGenesis, newKey } from '../../kit/genesis.ts'
import { GuardUnderTest } from '../../kit/guard.ts'

const world = new GuardUnderTest()
const next = (change: (policy: Policy) => unknown = () => {}): Uint8Array => {
  const policy = world.nextPolicy()
  change(policy)
  return encodePolicy(policy)
}

t.test('makes version 0 of a genesis: its offices, its threshold for every guarded action, its digest', async (t) => {
  const { genesis, approvers } = newGenesis()
  const signed = verifyGenesis(signGenesis(genesis, approvers))
  const { policy, digest } = foundingPolicy(signed)
  t.equal(digest, signed.digest)
  t.match(policy, { version: 0, previous: null, approvers: genesis.approvers, development: true })
  for (const action of GUARDED_ACTIONS) t.equal(policy.guards[action], genesis.threshold)
  t.same(policy.releaseRules, [
    { workload: '*', certificates: genesis.pipelineCertificates, builders: null, approval: true },
  ])
})

t.test('accepts a next version, and reads again what it wrote', async (t) => {
  t.same(decodePolicy(next()), world.nextPolicy())
})

t.test('rejects a policy that is wrong in one place', async (t) => {
  const rows: [string, (p: Policy) => unknown][] = [
    ['threshold 0', (p) => (p.guards['roll-out'] = 0)],
    ['a field more', (p) => ((p as never as Record<string, unknown>).backdoor = true)],
    ['a guarded action without a threshold', (p) => delete (p.guards as Partial<Policy['guards']>)['roll-out']],
    ['a guard for what is no action', (p) => ((p.guards as Record<string, number>).exec = 2)],
    ['the same approver twice', (p) => (p.approvers[1] = p.approvers[0] as string)],
    ['an operator who approves', (p) => p.operators.push(p.approvers[0] as string)],
    ['an auditor who operates', (p) => p.auditors.push(p.operators[0] as string)],
    ['a revoked key in an office', (p) => p.revoked.push(p.approvers[0] as string)],
    ['no approvers', (p) => (p.approvers = [])],
    ['no operator', (p) => (p.operators = [])],
    ['upper-case hex', (p) => (p.approvers[0] = (p.approvers[0] as string).toUpperCase().replace(/^\d/, 'A'))],
    ['an unknown action of a role', (p) => p.roles.operator.push('read-memory' as never)],
    ['an action of the prototype', (p) => p.roles.operator.push('constructor' as never)],
    ['a role more', (p) => ((p.roles as Record<string, unknown>).root = [])],
    ['version 0, which is the genesis', (p) => (p.version = 0)],
    ['a version that is no whole number', (p) => (p.version = 1.5)],
    ['no policy before', (p) => (p.previous = null)],
    ['another format', (p) => ((p as { format: number }).format = 2)],
    ['a rule that trusts a stranger', (p) => p.releaseRules[0]?.certificates.push('00'.repeat(48))],
    ['two rules for one workload', (p) => p.releaseRules.push(structuredClone(p.releaseRules[0] as never))],
    [
      'a rule without approval stated',
      (p) => delete (p.releaseRules[0] as Partial<Policy['releaseRules'][0]>).approval,
    ],
    ['a KMS key that is none', (p) => (p.kmsKey = 'ab')],
    ['no KMS key outside of development', (p) => (p.development = false)],
  ]
  for (const [name, change] of rows) {
    t.doesNotThrow(() => decodePolicy(next()))
    t.throws(() => decodePolicy(next(change)), { code: 'ERR_POLICY_SYNTAX' }, name)
  }
})

t.test('takes thresholds from two to all approvers, for each guarded action', async (t) => {
  const all = world.approvers.length
  for (const action of GUARDED_ACTIONS)
    for (const [threshold, holds] of [
      [MIN_THRESHOLD - 1, false],
      [MIN_THRESHOLD, true],
      [MIN_THRESHOLD + 1, true],
      [all - 1, true],
      [all, true],
      [all + 1, false],
    ] as const) {
      const bytes = next((p) => (p.guards[action] = threshold))
      if (holds) t.equal(decodePolicy(bytes).guards[action], threshold)
      else t.throws(() => decodePolicy(bytes), { code: 'ERR_POLICY_SYNTAX' }, `${action} ${threshold}`)
    }
})

t.test('takes as many keys of an office as the limit, and not one more', async (t) => {
  const keys = (count: number) => Array.from({ length: count }, () => keyHex(newKey()))
  t.equal(decodePolicy(next((p) => (p.auditors = keys(MAX_MEMBERS - 1)))).auditors.length, MAX_MEMBERS - 1)
  t.equal(decodePolicy(next((p) => (p.auditors = keys(MAX_MEMBERS)))).auditors.length, MAX_MEMBERS)
  t.throws(() => decodePolicy(next((p) => (p.auditors = keys(MAX_MEMBERS + 1)))), { code: 'ERR_POLICY_SYNTAX' })
})

t.test('rejects bytes that are not the canonical ones, and more bytes than the limit', async (t) => {
  const text = Buffer.from(next()).toString('utf8')
  const rows: [string, string, string][] = [
    ['a space', text.replace(':', ': '), 'ERR_JSON_CANONICAL'],
    ['a key twice', text.replace('{', '{"version":1,'), 'ERR_JSON_CANONICAL'],
    ['an escape', text.replace('"format"', '"f\\u006frmat"'), 'ERR_JSON_CANONICAL'],
    ['a number with a fraction of zero', text.replace('"format":1', '"format":1.0'), 'ERR_JSON_CANONICAL'],
    ['a byte order mark', `\ufeff${text}`, 'ERR_JSON_SYNTAX'],
    ['__proto__', text.replace('{', '{"__proto__":{"format":1},'), 'ERR_POLICY_SYNTAX'],
    ['too long', ' '.repeat(MAX_POLICY_BYTES + 1), 'ERR_POLICY_SYNTAX'],
    ['at the limit, and so read', ' '.repeat(MAX_POLICY_BYTES), 'ERR_JSON_SYNTAX'],
  ]
  t.doesNotThrow(() => decodePolicy(Buffer.from(text)))
  for (const [name, changed, code] of rows) t.throws(() => decodePolicy(Buffer.from(changed)), { code }, name)
  t.equal(({} as Record<string, unknown>).format, undefined, 'the prototype is as it was')
})
