// Who may do what: principals, actions, resources, Deny over Allow, and what an enclave's measurement decides.
import t from 'tap'
import { evaluatePolicy } from '../../host/kms/policy/index.ts'
import { matchesArn, matchesPattern } from '../../host/kms/policy/pattern.ts'
import { ACCOUNT, allow, allowed, decide, deny, KEY, PCR0, policyOf, ROOT, USER } from './kit.ts'

const OTHER = 'arn:aws:iam::444455556666:user/mallory'
const ROLE = `arn:aws:iam::${ACCOUNT}:role/path/enclave`
const SESSION = `arn:aws:sts::${ACCOUNT}:assumed-role/enclave/i-0123`

t.test('nobody is let in by nothing, and a Deny beats every Allow, wherever it stands', async (t) => {
  t.match(decide([allow({ Action: 'kms:Encrypt' })]), {
    allowed: false,
    explicitDeny: false,
    statement: undefined,
    warnings: [],
  })
  t.match(decide([allow()]), { allowed: true, explicitDeny: false, statement: 0 })
  t.match(decide([allow(), deny()]), { allowed: false, explicitDeny: true, statement: 1 })
  t.match(decide([deny(), allow()]), { allowed: false, explicitDeny: true, statement: 0 })
  t.match(decide([deny()]), { allowed: false, explicitDeny: true })
  t.match(decide([allow({ Action: 'kms:Encrypt' }), allow(), allow()]), { allowed: true, statement: 1 })
})

t.test('principals', async (t) => {
  const rows: [unknown, string, boolean][] = [
    ['*', OTHER, true],
    [{ AWS: '*' }, OTHER, true],
    [{ AWS: ACCOUNT }, USER, true],
    [{ AWS: ROOT }, USER, true],
    [{ AWS: ROOT }, ROOT, true],
    [{ AWS: ROOT }, SESSION, true],
    [{ AWS: ROOT }, OTHER, false],
    [{ AWS: ACCOUNT }, 'arn:aws:iam::444455556666:root', false],
    [{ AWS: USER }, USER, true],
    [{ AWS: USER }, ROOT, false],
    [{ AWS: USER }, USER.toUpperCase(), false],
    [{ AWS: USER }, `${USER}2`, false],
    [{ AWS: [USER, OTHER] }, OTHER, true],
    [{ AWS: ROLE }, ROLE, true],
    [{ AWS: ROLE }, SESSION, true],
    [{ AWS: ROLE }, SESSION.replace('enclave/', 'enclaves/'), false],
    [{ AWS: ROLE }, SESSION.replace(ACCOUNT, '444455556666'), false],
    [{ AWS: SESSION }, SESSION, true],
    [{ AWS: SESSION }, `${SESSION}4`, false],
    [{ AWS: SESSION }, ROLE, false],
    [{ AWS: `arn:aws:iam::${ACCOUNT}:user/enclave` }, SESSION, false],
    [{ Service: 'logs.amazonaws.com' }, USER, false],
  ]
  for (const [Principal, principal, expected] of rows)
    t.equal(allowed(allow({ Principal }), { principal }), expected, `${JSON.stringify(Principal)} and ${principal}`)
})

t.test('NotPrincipal spares who is listed with the account, and denies all others', async (t) => {
  const notPrincipal = (names: unknown, principal: string) =>
    decide([allow(), { Effect: 'Deny', NotPrincipal: names, Action: 'kms:*', Resource: '*' }], { principal })
  t.equal(notPrincipal({ AWS: [USER, ROOT] }, USER).allowed, true)
  t.equal(notPrincipal({ AWS: [USER, ROOT] }, ROOT).allowed, true)
  t.equal(notPrincipal({ AWS: [USER, ROOT] }, OTHER).allowed, false)
  t.equal(notPrincipal({ AWS: [ROOT] }, USER).allowed, false, 'an account spares its root alone')
  t.equal(notPrincipal({ AWS: [ROLE, ACCOUNT] }, SESSION).allowed, true)
  const missing = notPrincipal({ AWS: [USER] }, USER)
  t.match(missing, {
    allowed: false,
    explicitDeny: true,
    warnings: [/Statement\[1\]: NotPrincipal spares nobody whose account/],
  })
  t.equal(notPrincipal('*', OTHER).allowed, true)
  t.equal(notPrincipal({ Service: 'x.amazonaws.com' }, USER).allowed, false)
})

t.test('actions match without case and with wildcards; NotAction is all others', async (t) => {
  const rows: [Record<string, unknown>, string, boolean][] = [
    [{ Action: 'kms:Decrypt' }, 'kms:Decrypt', true],
    [{ Action: 'KMS:dECRYPT' }, 'kms:Decrypt', true],
    [{ Action: 'kms:De*' }, 'kms:DescribeKey', true],
    [{ Action: 'kms:De*' }, 'kms:Encrypt', false],
    [{ Action: 'kms:?ecrypt' }, 'kms:Decrypt', true],
    [{ Action: 'kms:?ecrypt' }, 'kms:ReEncryptFrom', false],
    [{ Action: '*' }, 'kms:Sign', true],
    [{ Action: ['kms:Sign', 'kms:Decrypt'] }, 'kms:Decrypt', true],
    [{ Action: 'kms:Generate*' }, 'kms:GenerateDataKeyPair', true],
    [{ Action: 'kms:GenerateDataKey' }, 'kms:GenerateDataKeyPair', false],
    [{ Action: undefined, NotAction: 'kms:Decrypt' }, 'kms:Decrypt', false],
    [{ Action: undefined, NotAction: 'kms:Decrypt' }, 'kms:Encrypt', true],
    [{ Action: undefined, NotAction: ['kms:En*', 'kms:De*'] }, 'kms:Decrypt', false],
  ]
  for (const [changes, action, expected] of rows)
    t.equal(allowed(allow(changes), { action }), expected, `${JSON.stringify(changes)} and ${action}`)
})

t.test('resources match with case; NotResource is all others', async (t) => {
  const rows: [Record<string, unknown>, boolean][] = [
    [{ Resource: '*' }, true],
    [{ Resource: KEY }, true],
    [{ Resource: KEY.toUpperCase().replace('ARN:AWS:', 'arn:aws:') }, false],
    [{ Resource: `arn:aws:kms:*:${ACCOUNT}:key/*` }, true],
    [{ Resource: `arn:aws:kms:*:444455556666:key/*` }, false],
    [{ Resource: ['arn:aws:s3:::bucket', KEY] }, true],
    [{ Resource: `arn:aws:kms:local-1:${ACCOUNT}:alias/name` }, false],
    [{ Resource: undefined, NotResource: KEY }, false],
    [{ Resource: undefined, NotResource: 'arn:aws:s3:::bucket' }, true],
  ]
  for (const [changes, expected] of rows) t.equal(allowed(allow(changes)), expected, JSON.stringify(changes))
})

t.test('a measurement lets the right image in, and no other', async (t) => {
  const keys = [
    'kms:RecipientAttestation:ImageSha384',
    'kms:RecipientAttestation:PCR0',
    'KMS:recipientattestation:pcr0',
  ]
  for (const key of keys)
    for (const given of keys) {
      const policy = allow({ Condition: { StringEqualsIgnoreCase: { [key]: PCR0.toUpperCase() } } })
      const name = `${key} by ${given}`
      t.equal(allowed(policy, { context: { [given]: [PCR0] } }), true, name)
      t.equal(allowed(policy, { context: { [given]: [PCR0.replace('a', 'b')] } }), false, `${name}: a rebuilt image`)
      t.equal(allowed(policy, { context: { [given]: ['00'.repeat(48)] } }), false, `${name}: a debug enclave`)
      t.equal(allowed(policy), false, `${name}: no document`)
    }
  const other = allow({ Condition: { StringEquals: { 'kms:RecipientAttestation:PCR8': PCR0 } } })
  t.equal(allowed(other, { context: { 'kms:RecipientAttestation:PCR8': [PCR0] } }), true)
  t.equal(allowed(other, { context: { 'kms:RecipientAttestation:PCR0': [PCR0] } }), false)
})

t.test('a Deny without attestation holds where there is none', async (t) => {
  const guard = deny({ Condition: { StringNotEqualsIgnoreCase: { 'kms:RecipientAttestation:ImageSha384': PCR0 } } })
  t.match(decide([allow(), guard]), { allowed: false, explicitDeny: true })
  t.equal(decide([allow(), guard], { context: { 'kms:RecipientAttestation:ImageSha384': [PCR0] } }).allowed, true)
  const absent = deny({ Condition: { Null: { 'kms:RecipientAttestation:PCR0': 'true' } } })
  t.equal(decide([allow(), absent]).allowed, false)
  t.equal(decide([allow(), absent], { context: { 'kms:RecipientAttestation:PCR0': [PCR0] } }).allowed, true)
})

t.test('a key that is not supported counts as absent, with a warning', async (t) => {
  const key = 'kms:ViaService'
  const warning = /Statement\[\d\]: condition key kms:ViaService is not supported here and counts as absent/
  t.match(decide([allow({ Condition: { StringEquals: { [key]: 'x' } } })]), { allowed: false, warnings: [warning] })
  t.match(decide([allow(), deny({ Condition: { StringNotEquals: { [key]: 'x' } } })]), {
    allowed: false,
    explicitDeny: true,
    warnings: [warning],
  })
  t.match(decide([allow({ Condition: { StringEqualsIfExists: { [key]: 'x' } } })]), {
    allowed: true,
    warnings: [warning],
  })
  for (const name of ['PCR32', 'PCR01', 'NitroTPMPCR4', 'x'].map((end) => `kms:RecipientAttestation:${end}`))
    t.equal(decide([allow({ Condition: { StringEquals: { [name]: 'x' } } })]).warnings.length, 1, name)
  for (const name of [
    'kms:RecipientAttestation:PCR31',
    'kms:EncryptionContext:tenant',
    'aws:PrincipalArn',
    'kms:keyspec',
  ])
    t.same(decide([allow({ Condition: { StringEquals: { [name]: 'x' } } })]).warnings, [], name)
  // Nobody is warned of a statement that is not about the request.
  t.same(decide([allow(), allow({ Action: 'kms:Sign', Condition: { Bool: { [key]: true } } })]).warnings, [])
})

t.test('time, caller and encryption context are there without being given', async (t) => {
  const condition = (operator: string, key: string, value: unknown) =>
    allow({ Condition: { [operator]: { [key]: value } } })
  t.equal(allowed(condition('DateLessThan', 'aws:CurrentTime', '2026-03-04T05:06:08Z')), true)
  t.equal(allowed(condition('DateLessThan', 'aws:CurrentTime', '2026-03-04T05:06:07Z')), false)
  t.equal(allowed(condition('NumericGreaterThanEquals', 'aws:EpochTime', '1772600767')), true)
  t.equal(allowed(condition('ArnLike', 'aws:PrincipalArn', `arn:aws:iam::${ACCOUNT}:user/*`)), true)
  t.equal(allowed(condition('StringEquals', 'kms:CallerAccount', ACCOUNT)), true)
  t.equal(allowed(condition('StringEquals', 'aws:PrincipalAccount', '444455556666')), false)
  const context = { 'kms:EncryptionContext:tenant': ['a'], 'kms:EncryptionContext:Purpose': ['b'] }
  const only = (...names: string[]) => condition('ForAllValues:StringEquals', 'kms:EncryptionContextKeys', names)
  t.equal(allowed(only('tenant', 'Purpose'), { context }), true)
  t.equal(allowed(only('tenant'), { context }), false)
  t.equal(allowed(condition('StringEquals', 'kms:EncryptionContext:TENANT', 'a'), { context }), true)
  t.equal(allowed(condition('StringEquals', 'kms:EncryptionContext:tenant', 'A'), { context }), false)
})

t.test('a policy says the same each time', async (t) => {
  const policy = policyOf(allow({ Condition: { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } } }))
  const request = {
    principal: USER,
    action: 'kms:Decrypt',
    resource: KEY,
    context: { 'aws:SourceIp': ['192.0.2.7'] },
    nowMs: 0,
  }
  for (let i = 0; i < 3; i++) t.equal(evaluatePolicy(policy, request).allowed, true)
})

t.test(
  'wildcards: the whole text, star over nothing, mark over one, and a star in the text is a character',
  async (t) => {
    const rows: [string, string, boolean][] = [
      ['', '', true],
      ['', 'a', false],
      ['*', '', true],
      ['?', '', false],
      ['?', 'a', true],
      ['a*', 'a', true],
      ['a*', 'ba', false],
      ['*a', 'aba', true],
      ['*a*b', 'xaxb', true],
      ['*a*b', 'xbxa', false],
      ['a?c', 'abc', true],
      ['a?c', 'ac', false],
      ['a*?c', 'axc', true],
      ['a*?c', 'ac', false],
      ['a*', 'a*b', true],
      ['*b', 'a*b', true],
      ['a*c', 'a*b', false],
      ['**', 'x', true],
      ['*ab*ab*', 'abab', true],
      ['*ab*ab*ab', 'abab', false],
      ['a.c', 'abc', false],
    ]
    for (const [pattern, text, expected] of rows)
      t.equal(matchesPattern(pattern, text), expected, `${pattern} and ${text}`)
    // The worst case of a matcher that goes back to every star: it would not end in years.
    t.equal(matchesPattern(`${'*a'.repeat(40)}*b`, 'a'.repeat(8000)), false)
    t.equal(matchesPattern(`${'*a'.repeat(40)}*`, 'a'.repeat(8000)), true)
  },
)

t.test('wildcards agree with a matcher that tries everything', async (t) => {
  const slow = (pattern: string, text: string): boolean => {
    if (pattern === '') return text === ''
    if (pattern[0] === '*') return slow(pattern.slice(1), text) || (text !== '' && slow(pattern, text.slice(1)))
    return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && slow(pattern.slice(1), text.slice(1))
  }
  let seed = 1
  const random = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    return (seed >>> 12) % n
  }
  const word = (letters: string, max: number) =>
    Array.from({ length: random(max) }, () => letters[random(letters.length)]).join('')
  let matched = 0
  for (let i = 0; i < 20_000; i++) {
    const [pattern, text] = [word('ab*?', 7), word('ab*', 9)]
    const expected = slow(pattern, text)
    if (expected) matched++
    if (matchesPattern(pattern, text) !== expected) t.fail(`${pattern} and ${text}`)
  }
  t.ok(matched > 500, `${matched} of 20,000 match`)
})

t.test('wildcards take no more steps than the product of both lengths, at their worst', async (t) => {
  let steps = 0
  const counted = (text: string) =>
    new Proxy(Object(text), {
      get: (target, name) => {
        if (name !== 'length') steps++
        return Reflect.get(target, name)
      },
    }) as string
  const long = 'a'.repeat(2000)
  for (const [pattern, text, fits] of [
    ['*a'.repeat(500), long, true],
    [`${'*a'.repeat(500)}b`, long, false],
    [`*${'a'.repeat(999)}b`, long, false],
    [`${'*?'.repeat(500)}b*`, long, false],
    [`${'a*'.repeat(500)}b`, long, false],
    ['*'.repeat(1000), long, true],
  ] as const) {
    steps = 0
    t.equal(matchesPattern(counted(pattern), counted(text)), fits)
    // Each step of the loop reads a character of either at most three times.
    t.ok(steps <= 3 * (pattern.length + 1) * (text.length + 1), `${pattern.slice(0, 12)}…: ${steps} reads`)
  }
})

t.test('ARNs compare part by part: a star does not reach over a colon', async (t) => {
  const rows: [string, string, boolean | undefined][] = [
    ['arn:aws:iam::*:user/*', 'arn:aws:iam::1:user/a', true],
    ['arn:aws:*:user/a', 'arn:aws:iam::1:user/a', undefined],
    ['arn:*:iam::1:user/a', 'arn:aws:iam::1:user/a', true],
    ['arn:aws:iam::1*:user/a', 'arn:aws:iam::1:x:user/a', false],
    ['arn:aws:sts::1:a:b*', 'arn:aws:sts::1:a:bc:d', true],
    ['arn:aws:iam::1:user/a', 'alice', undefined],
  ]
  for (const [pattern, text, expected] of rows) t.equal(matchesArn(pattern, text), expected, `${pattern} and ${text}`)
})
