// What a key policy may be: each refusal beside the policy that differs in one thing and is taken.
import t from 'tap'
import { defaultPolicy, evaluatePolicy, MAX_POLICY_BYTES, parsePolicy } from '../../host/kms/policy/index.ts'
import { ACCOUNT, allow, deny, policyText, ROOT, requestOf, USER } from './kit.ts'

/** As IAM writes one. */
const VARIABLE = ['$', 'aws:username}'].join('{')
const parse = (text: string) => parsePolicy(text, ACCOUNT)
const one = (changes: Record<string, unknown>) => policyText(allow(changes))
/** A statement with a field less. */
const less = (field: string) => {
  const statement = allow()
  delete statement[field]
  return policyText(statement)
}

t.test('takes what it should and refuses what differs in one thing, naming the place', async (t) => {
  const rows: [string, string, RegExp][] = [
    ['trailing bytes', `${policyText(allow())}x`, /line 1, column \d+: something follows/],
    ['a name twice', policyText(allow()).replace('"Effect"', '"Effect":"Deny","Effect"'), /"Effect" comes twice/],
    ['no object', '[]', /the policy: it is no object/],
    ['an unknown element', '{"Version":"2012-10-17","Statement":[],"Other":1}', /no element Other/],
    ['another version', policyText(allow()).replace('2012', '2013'), /Version: "2013-10-17"/],
    ['an Id that is no text', '{"Id":1,"Statement":[]}', /Id: it is no text/],
    ['no statement', '{"Version":"2012-10-17"}', /Statement: it is missing/],
    ['an empty list of statements', '{"Version":"2012-10-17","Statement":[]}', /Statement: there is none/],
    ['a statement that is no object', '{"Statement":["x"]}', /Statement\[0\]: it is no object/],
    ['an unknown element of a statement', one({ Actions: 'x' }), /Statement\[0\]: it has no element Actions/],
    ['a Sid that is no text', one({ Sid: 1 }), /Statement\[0\]\.Sid/],
    ['no effect', less('Effect'), /Effect: it is Allow or Deny/],
    ['another effect', one({ Effect: 'allow' }), /Effect: it is Allow or Deny/],
    ['no principal', less('Principal'), /neither Principal and NotPrincipal/],
    ['both principals', policyText(deny({ NotPrincipal: '*' })), /both Principal and NotPrincipal/],
    ['NotPrincipal with Allow', one({ Principal: undefined, NotPrincipal: '*' }), /NotPrincipal: with Allow/],
    ['a principal that is a text', one({ Principal: USER }), /it is "\*", or an object/],
    ['an empty principal', one({ Principal: {} }), /it is "\*", or an object/],
    ['an empty list of principals', one({ Principal: { AWS: [] } }), /Principal\.AWS: the list is empty/],
    ['another type of principal', one({ Principal: { Aws: ROOT } }), /Aws is no type of principal/],
    ['an account of eleven digits', one({ Principal: { AWS: '11112222333' } }), /11112222333 is no account/],
    ['a principal with a wildcard', one({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/*` } }), /no wildcards/],
    ['a group as a principal', one({ Principal: { AWS: `arn:aws:iam::${ACCOUNT}:group/g` } }), /is no account/],
    ['a principal that was deleted', one({ Principal: { AWS: 'AIDACKCEVSQ6C2EXAMPLE' } }), /is no account/],
    ['no action', less('Action'), /neither Action and NotAction/],
    ['both actions', one({ NotAction: 'kms:*' }), /both Action and NotAction/],
    ['an action of another service', one({ Action: 's3:GetObject' }), /s3:GetObject is no action of kms:/],
    ['an action without a service', one({ Action: 'Decrypt' }), /Decrypt is no action/],
    ['an action that is a number', one({ Action: 1 }), /it has texts/],
    ['an empty list of actions', one({ Action: [] }), /the list is empty/],
    ['no resource', less('Resource'), /neither Resource and NotResource/],
    ['a resource that is no ARN', one({ Resource: 'key/1' }), /neither "\*", this key, nor an ARN/],
    [
      'a policy variable in a resource',
      one({ Resource: `arn:aws:kms:*:*:key/${VARIABLE}` }),
      /policy variables are not supported/,
    ],
    ['a condition that is a list', one({ Condition: [] }), /it is an object of operators/],
    [
      'an unknown operator',
      one({ Condition: { StringMatches: { 'kms:KeySpec': 'x' } } }),
      /there is no operator StringMatches/,
    ],
    ['an operator in lower case', one({ Condition: { stringequals: { 'kms:KeySpec': 'x' } } }), /there is no operator/],
    ['an operator with a list', one({ Condition: { StringEquals: [] } }), /object of condition keys/],
    ['a key without prefix', one({ Condition: { StringEquals: { KeySpec: 'x' } } }), /has a prefix/],
    [
      'a key twice in other case',
      one({ Condition: { StringEquals: { 'kms:KeySpec': 'x', 'KMS:keyspec': 'y' } } }),
      /this key comes twice/,
    ],
    ['a value that is an object', one({ Condition: { StringEquals: { 'kms:KeySpec': {} } } }), /a value is a text/],
    ['no value', one({ Condition: { StringEquals: { 'kms:KeySpec': [] } } }), /never holds/],
    ['a number that is none', one({ Condition: { NumericEquals: { 'kms:X': 'one' } } }), /one is not a number/],
    [
      'a date that is none',
      one({ Condition: { DateLessThan: { 'aws:CurrentTime': '2026-02-30T00:00:00Z' } } }),
      /is not a date/,
    ],
    ['a Bool that is none', one({ Condition: { Bool: { 'aws:SecureTransport': 'yes' } } }), /is not true or false/],
    ['a Null that is none', one({ Condition: { Null: { 'kms:KeySpec': 'maybe' } } }), /Null expects true or false/],
    ['Null with IfExists', one({ Condition: { NullIfExists: { 'kms:KeySpec': 'true' } } }), /Null stands by itself/],
    [
      'Null of all values',
      one({ Condition: { 'ForAllValues:Null': { 'kms:KeySpec': 'true' } } }),
      /Null stands by itself/,
    ],
    [
      'another quantifier',
      one({ Condition: { 'ForSomeValues:StringEquals': { 'kms:KeySpec': 'x' } } }),
      /there is no operator/,
    ],
    ['an ARN that is none', one({ Condition: { ArnLike: { 'aws:PrincipalArn': 'user/alice' } } }), /is not an ARN/],
    [
      'an address that is none',
      one({ Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/33' } } }),
      /is not an address/,
    ],
    ['a base64 that is none', one({ Condition: { BinaryEquals: { 'kms:X': '=' } } }), /is not base64/],
    [
      'a policy variable in a value',
      one({ Condition: { StringEquals: { 'kms:KeySpec': VARIABLE } } }),
      /policy variables/,
    ],
    ['a character beyond U+00FF', one({ Sid: 'Ā' }), /a character other than/],
    ['no text at all', '', /it is empty/],
  ]
  for (const [name, text, reason] of rows)
    t.throws(() => parse(text), { code: 'ERR_KMS_POLICY', message: reason }, name)
})

t.test('takes every element that a key policy has', async (t) => {
  const texts = [
    one({}),
    one({ Sid: 'Allow everything, with spaces' }),
    one({ Principal: { AWS: '*' } }),
    one({ Principal: { AWS: [ACCOUNT, ROOT, USER, `arn:aws:iam::${ACCOUNT}:role/path/of/role`] } }),
    one({ Principal: { AWS: `arn:aws:sts::${ACCOUNT}:assumed-role/role/session@x` } }),
    one({ Principal: { Service: 'logs.amazonaws.com', AWS: ROOT } }),
    one({ Action: ['kms:*', 'KMS:decrypt', 'kms:Generate?ata*', '*'] }),
    policyText(deny({ Action: undefined, NotAction: 'kms:Get*' })),
    policyText({ ...deny({ Principal: undefined }), NotPrincipal: { AWS: [ROOT, USER] } }),
    one({ Resource: 'arn:aws:kms:us-east-1:111122223333:key/*' }),
    one({ Sid: 'ÿ' }),
    JSON.stringify({ Statement: allow() }),
    JSON.stringify({
      Version: '2008-10-17',
      Id: 'x',
      Statement: allow({ Condition: { StringEquals: { 'kms:KeySpec': VARIABLE } } }),
    }),
    one({ Condition: { StringEquals: { 'kms:KeySpec': ['a', 1, true] }, Null: { 'kms:KeySpec': false } } }),
    one({ Condition: {} }),
    `\n\t ${policyText(allow())} \r\n`,
  ]
  for (const text of texts) t.equal(parse(text).statements.length, 1, text.slice(0, 120))
})

t.test(`takes a policy of ${MAX_POLICY_BYTES} bytes, and none above`, async (t) => {
  for (const extra of [-1, 0, 1]) {
    const text = policyText(allow()).padEnd(MAX_POLICY_BYTES + extra, ' ')
    if (extra <= 0) t.equal(parse(text).statements.length, 1)
    else t.throws(() => parse(text), { code: 'ERR_KMS_POLICY', message: /32769 bytes/ })
  }
  // Bytes, not characters
  const wide = policyText(allow({ Sid: 'ÿ'.repeat(16_400) }))
  t.ok(wide.length < MAX_POLICY_BYTES)
  t.throws(() => parse(wide), { message: /bytes, a key policy/ })
})

t.test('reads JSON as JSON is, and nothing more', async (t) => {
  const statement = JSON.stringify(allow())
  const bad = [
    `{"Statement":${statement},}`,
    `{"Statement":[${statement},]}`,
    `{'Statement':${statement}}`,
    `{"Statement":${statement}`,
    `{"Statement" ${statement}}`,
    `{Statement:${statement}}`,
    `// x\n{"Statement":${statement}}`,
    `{"Id":"\\x41","Statement":${statement}}`,
    `{"Id":"a\nb","Statement":${statement}}`,
    `{"Id":01,"Statement":${statement}}`,
    `{"Id":+1,"Statement":${statement}}`,
    `{"Id":NaN,"Statement":${statement}}`,
    `{"Id":"x`,
    '{',
    'nul',
    '\ufeff{}',
  ]
  for (const text of bad) t.throws(() => parse(text), { code: 'ERR_KMS_POLICY' }, JSON.stringify(text.slice(0, 30)))
  t.equal(parse(`{"Id":"\\u0041\\n\\/","Statement":${statement}}`).id, 'A\n/')
  const deep = `{"Statement":${'['.repeat(15)}${']'.repeat(15)}}`
  t.throws(() => parse(deep), { message: /it is no object/ }, 'sixteen deep parses')
  t.throws(() => parse(`{"Statement":${'['.repeat(16)}${']'.repeat(16)}}`), { message: /nested more than 16 deep/ })
  t.throws(() => parse(`{"Statement":${'['.repeat(30_000)}`), { message: /nested more than 16 deep/ })
})

t.test('a name of Object.prototype is a name like any other', async (t) => {
  for (const name of ['__proto__', 'constructor', 'toString'])
    t.throws(() => parse(policyText(allow()).replace('"Effect"', `"${name}":1,"Effect"`)), {
      message: new RegExp(`no element ${name}`),
    })
})

t.test("the default policy lets the key's account do everything, and no other", async (t) => {
  const policy = parse(defaultPolicy(ACCOUNT))
  for (const principal of [ROOT, USER])
    t.match(evaluatePolicy(policy, requestOf({ principal, action: 'kms:PutKeyPolicy' })), {
      allowed: true,
      statement: 0,
    })
  t.equal(evaluatePolicy(policy, requestOf({ principal: 'arn:aws:iam::444455556666:root' })).allowed, false)
})
