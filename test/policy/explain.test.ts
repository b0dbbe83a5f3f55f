// What a policy comes to, and above all which statement lets somebody in without attestation: each hole beside what closes it.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { defaultPolicy, explainPolicy, explanationTable, parsePolicy } from '../../host/kms/policy/index.ts'
import { ACCOUNT, allow, deny, PCR0, policyOf, policyText, ROOT, type StatementText, USER } from './kit.ts'

const IMAGE = 'kms:RecipientAttestation:ImageSha384'
const PCR = (index: number) => `kms:RecipientAttestation:PCR${index}`
const onlyImage = { StringEqualsIgnoreCase: { [IMAGE]: PCR0 } }
const explained = (...statements: StatementText[]) => explainPolicy(policyOf(...statements))
const holes = (...statements: StatementText[]) =>
  explained(...statements).withoutAttestation.map(({ statement }) => statement)
const origin = (Condition: Record<string, unknown>) => explained(allow({ Condition })).uses[0]?.origin

t.test('the default policy has a hole, and says who may do what', async (t) => {
  const explanation = explainPolicy(parsePolicy(defaultPolicy(ACCOUNT), ACCOUNT))
  t.match(explanation.uses, [{ operations: ['all'], origin: 'anywhere', principals: [`account ${ACCOUNT}`] }])
  t.match(explanation.withoutAttestation, [
    {
      statement: 0,
      name: 'Statement[0] "Enable IAM User Permissions"',
      operations: ['Decrypt', 'GenerateDataKey', 'GenerateDataKeyPair', 'DeriveSharedSecret', 'ReEncryptFrom'],
    },
  ])
  t.match(explanation.mayRewrite, [{ statement: 0, principals: [`account ${ACCOUNT}`] }])
})

t.test('a statement that demands a document is no hole; the common trap beside it is', async (t) => {
  const attested = allow({ Condition: onlyImage })
  t.same(holes(attested), [])
  t.same(holes(attested, allow({ Principal: { AWS: ROOT }, Action: 'kms:*' })), [1], 'root may do everything')
  t.same(holes(attested, allow({ Action: ['kms:Encrypt', 'kms:DescribeKey'] })), [], 'encrypting gives nothing away')
  t.same(holes(attested, allow({ Action: 'kms:ReEncrypt*' })), [1], 'under another key, whose policy decides')
  t.same(holes(attested, allow({ Action: 'kms:ReEncryptTo' })), [])
  t.same(holes(allow({ Action: undefined, NotAction: 'kms:Decrypt' })), [0])
})

t.test('conditions that also hold without a document demand none', async (t) => {
  for (const Condition of [
    { StringEqualsIfExists: { [IMAGE]: PCR0 } },
    { 'ForAllValues:StringEquals': { [IMAGE]: PCR0 } },
    { StringNotEquals: { [IMAGE]: PCR0 } },
    { Null: { [IMAGE]: 'true' } },
  ]) {
    t.same(holes(allow({ Condition })), [0], JSON.stringify(Condition))
    t.match(explained(allow({ Condition })).warnings.join(), /also holds where there is no document/)
  }
  for (const Condition of [
    onlyImage,
    { 'ForAnyValue:StringEquals': { [IMAGE]: PCR0 } },
    { Null: { [IMAGE]: 'false' } },
  ])
    t.same(holes(allow({ Condition })), [], JSON.stringify(Condition))
})

t.test('a Deny closes the hole where it meets every request without a document, and only there', async (t) => {
  const open = allow({ Principal: { AWS: ROOT }, Action: 'kms:*' })
  const guard = (changes: StatementText = {}) =>
    deny({ Action: 'kms:*', Condition: { Null: { [IMAGE]: 'true' } }, ...changes })
  t.same(holes(open, guard()), [])
  t.same(holes(open, guard({ Condition: { StringNotEquals: { [IMAGE]: PCR0 } } })), [])
  t.same(holes(open, guard({ Principal: { AWS: ROOT } })), [], 'the same account')
  t.same(holes(open, guard({ Condition: undefined })), [], 'nobody at all')
  t.same(holes(open, guard({ Principal: { AWS: USER } })), [0], 'one of its users')
  t.same(holes(open, guard({ Action: 'kms:Decrypt' })), [0], 'one operation')
  t.notOk(explained(open, guard({ Action: 'kms:Decrypt' })).withoutAttestation[0]?.operations.includes('Decrypt'))
  t.same(holes(open, guard({ Resource: 'arn:aws:kms:*:*:key/other' })), [0], 'another key')
  const also = { Null: { [IMAGE]: 'true' }, StringEquals: { 'kms:KeySpec': 'x' } }
  t.same(holes(open, guard({ Condition: also })), [0], 'only some of them')
  t.same(holes(open, guard({ Condition: { StringEquals: { [IMAGE]: PCR0 } } })), [0], 'those with a document')
  t.same(
    holes(open, { Effect: 'Deny', NotPrincipal: { AWS: [ROOT, USER] }, Action: 'kms:*', Resource: '*' }),
    [0],
    'all but some',
  )
  const one = allow({ Principal: { AWS: USER } })
  t.same(holes(one, guard({ Principal: { AWS: USER } })), [])
  t.same(holes(one, guard({ Principal: { AWS: ROOT } })), [], 'the account of that user')
})

t.test('what is measured: the image by its value, not any enclave', async (t) => {
  const value = PCR0
  t.equal(origin({ StringEquals: { [IMAGE]: value } }), 'measured enclave')
  t.equal(origin({ StringEquals: { [PCR(0)]: value } }), 'measured enclave')
  t.equal(origin({ StringEquals: { [PCR(8)]: value } }), 'measured enclave')
  t.equal(origin({ StringEquals: { [PCR(1)]: value, [PCR(2)]: value } }), 'measured enclave')
  t.equal(origin({ StringLike: { [PCR(0)]: value } }), 'measured enclave')
  for (const Condition of [
    { StringEquals: { [PCR(1)]: value } },
    { StringEquals: { [PCR(2)]: value } },
    { StringEquals: { [PCR(3)]: value } },
    { StringLike: { [PCR(0)]: 'ab*' } },
    { Null: { [PCR(0)]: 'false' } },
    { StringEquals: { [PCR(0)]: '00'.repeat(48) } },
    { StringEquals: { [PCR(0)]: [value, '00'.repeat(48)] } },
  ]) {
    t.equal(origin(Condition), 'any enclave', JSON.stringify(Condition).slice(0, 60))
    t.match(explained(allow({ Condition })).warnings.join(), /names no image/)
  }
  t.match(
    explained(allow({ Condition: { StringEquals: { [PCR(0)]: '0'.repeat(96) } } })).warnings.join(),
    /debug enclave/,
  )
})

t.test('warns of keys that count as absent, of operations that carry no document, and of everybody', async (t) => {
  t.match(
    explained(allow({ Condition: { StringEquals: { 'kms:ViaService': 'x' } } })).warnings.join(),
    /kms:ViaService is not supported/,
  )
  const never = allow({ Principal: { AWS: USER }, Action: ['kms:Decrypt', 'kms:Sign'], Condition: onlyImage })
  t.match(explained(never).warnings, [/Sign carry no attestation, so it never allows them/])
  t.same(explained({ ...never, Action: 'kms:Decrypt' }).warnings, [])
  t.match(explained(allow()).warnings, [/anybody whose requests this KMS knows/])
})

t.test('fits a terminal of 100 columns, whatever a policy says', async (t) => {
  const explanation = explained(
    allow({ Sid: `${'x'.repeat(300)}\u009b31m`, Condition: onlyImage }),
    allow({ Principal: { AWS: [ROOT, USER, `arn:aws:iam::${ACCOUNT}:role/${'long/'.repeat(40)}r`] }, Action: '*' }),
    deny({ Principal: { AWS: USER }, Condition: { StringNotLike: { 'kms:EncryptionContext:tenant': ['a', 'b'] } } }),
  )
  const table = explanationTable(explanation)
  for (const line of table.split('\n')) t.ok(line.length <= 100, line)
  t.notMatch(table, /[^\n\P{Cc}]/u, 'nothing that steers a terminal')
  t.match(table, /STATEMENT +WHO +FOR +FROM/)
  t.match(table, /DENY Statement\[2\]/)
  t.match(table, /measured enclave/)
  t.match(table, /"abababababababab…"/)
  t.match(explanationTable(explained(allow({ Condition: onlyImage }))), /nobody reaches content/)
})

t.test('the command prints JSON where it is piped, and names the place of a fault', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-policy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const run = (text: string) => {
    const file = join(folder, 'policy.json')
    writeFileSync(file, text)
    const script = `import { explainPolicy } from './host/cli/kms-explain.ts'
      import { failWith } from './host/cli/output.ts'
      try { explainPolicy({ policyFile: ${JSON.stringify(file)}, account: '${ACCOUNT}' }) } catch (error) { failWith(error) }`
    return spawnSync(process.execPath, ['--no-warnings', '--input-type=module-typescript', '--eval', script], {
      encoding: 'utf8',
    })
  }
  t.same(JSON.parse(run(policyText(allow())).stdout), JSON.parse(JSON.stringify(explained(allow()))))
  const refused = run(policyText(allow({ Action: 'Decrypt' })))
  t.match([refused.status, refused.stderr], [1, /ERR_KMS_POLICY: Statement\[0\]\.Action: Decrypt is no action/])
})
