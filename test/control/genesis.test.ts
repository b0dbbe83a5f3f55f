import t from 'tap'
import { type Genesis, genesisDigest, signGenesis, verifyGenesis } from '../../host/control/genesis.ts'
import { keyHex, newGenesis, newKey } from '../kit/genesis.ts'

t.test('accepts a genesis signed by every founding approver', async (t) => {
  const { genesis, approvers } = newGenesis()
  const verified = verifyGenesis(signGenesis(genesis, approvers))
  t.same(verified.genesis, genesis)
  t.equal(verified.digest, genesisDigest(genesis))
})

t.test('rejects a genesis that one approver has not signed, or a stranger has', async (t) => {
  const { genesis, approvers } = newGenesis()
  const code = { code: 'ERR_GENESIS_SIGNATURE' }
  t.throws(() => verifyGenesis(signGenesis(genesis, approvers.slice(1))), code)
  t.throws(() => verifyGenesis(signGenesis(genesis, [...approvers, newKey()])), code)
  t.throws(
    () => verifyGenesis(signGenesis(genesis, [approvers[0] as never, approvers[0] as never])),
    code,
    'the same key twice',
  )
})

t.test('rejects every changed byte', async (t) => {
  const { genesis, approvers } = newGenesis()
  const bytes = signGenesis(genesis, approvers)
  for (let i = 0; i < bytes.length; i += 7) {
    const changed = bytes.slice()
    changed[i] = (changed[i] as number) ^ 1
    t.throws(() => verifyGenesis(changed), `byte ${i}`)
  }
})

t.test('rejects a genesis that is wrong in one place', async (t) => {
  const cases: [string, (g: Genesis) => unknown][] = [
    ['threshold 1', (g) => (g.threshold = 1)],
    ['threshold above the set', (g) => (g.threshold = 3)],
    ['an operator who approves', (g) => (g.operators = [g.approvers[0] as string])],
    ['the same approver twice', (g) => (g.approvers[1] = g.approvers[0] as string)],
    ['an unknown action', (g) => g.roles.operator.push('read-memory' as never)],
    ['a field more', (g) => ((g as never as Record<string, unknown>).backdoor = true)],
    ['upper-case hex', (g) => (g.pipelineCertificates = ['AB'.repeat(48)])],
    ['no KMS key outside of development', (g) => (g.development = false)],
    ['another version', (g) => ((g as { version: number }).version = 2)],
  ]
  for (const [name, change] of cases) {
    const { genesis, approvers } = newGenesis()
    t.doesNotThrow(() => verifyGenesis(signGenesis(genesis, approvers)))
    change(genesis)
    t.throws(() => verifyGenesis(signGenesis(genesis, approvers)), { code: 'ERR_GENESIS_SYNTAX' }, name)
  }
})

t.test('names keys as 32 bytes of hex', async (t) => {
  t.match(keyHex(newKey()), /^[0-9a-f]{64}$/)
})
