// Each condition operator with values that fit and that do not, absent keys, IfExists, many values, and what cannot be compared.
import t from 'tap'
import { OPERATORS } from '../../host/kms/policy/operators.ts'
import { allow, allowed, conditionHolds, decide, deny } from './kit.ts'

const K = 'kms:KeySpec'
type Row = [operator: string, wanted: unknown, found: string, holds: boolean]
const ARN = 'arn:aws:iam::111122223333:user/alice'

const ROWS: Row[] = [
  ['StringEquals', 'a', 'a', true],
  ['StringEquals', 'a', 'A', false],
  ['StringEquals', ['b', 'a'], 'a', true],
  ['StringEquals', 'a*', 'ab', false],
  ['StringNotEquals', 'a', 'b', true],
  ['StringNotEquals', 'a', 'a', false],
  ['StringNotEquals', ['b', 'a'], 'a', false],
  ['StringEqualsIgnoreCase', 'AB', 'ab', true],
  ['StringEqualsIgnoreCase', 'AB', 'ac', false],
  ['StringNotEqualsIgnoreCase', 'AB', 'ab', false],
  ['StringNotEqualsIgnoreCase', 'AB', 'ac', true],
  ['StringLike', 'a*?', 'abc', true],
  ['StringLike', 'a*?', 'a', false],
  ['StringLike', 'A*', 'ab', false],
  ['StringNotLike', 'a*', 'ab', false],
  ['StringNotLike', 'a*', 'ba', true],
  ['NumericEquals', 10, '10.0', true],
  ['NumericEquals', '10', '11', false],
  ['NumericNotEquals', '10', '11', true],
  ['NumericNotEquals', '10', '10', false],
  ['NumericLessThan', 10, '9', true],
  ['NumericLessThan', 10, '10', false],
  ['NumericLessThanEquals', 10, '10', true],
  ['NumericLessThanEquals', 10, '11', false],
  ['NumericGreaterThan', -1, '0', true],
  ['NumericGreaterThan', 0, '0', false],
  ['NumericGreaterThanEquals', 0, '0', true],
  ['NumericGreaterThanEquals', '0.5', '0.4', false],
  ['DateEquals', '2026-03-04T05:06:07Z', '2026-03-04T06:06:07+01:00', true],
  ['DateEquals', '2026-03-04', '2026-03-04T00:00:00Z', true],
  ['DateEquals', '2026', '1767225600', true],
  ['DateEquals', '2026-03-04', '2026-03-05', false],
  ['DateNotEquals', '2026-03-04', '2026-03-05', true],
  ['DateNotEquals', '2026-03-04', '2026-03-04T00:00Z', false],
  ['DateLessThan', '2026-03-04', '2026-03-03T23:59:59Z', true],
  ['DateLessThan', '2026-03-04', '2026-03-04', false],
  ['DateLessThanEquals', '2026-03-04', '2026-03-04', true],
  ['DateLessThanEquals', '2026-03-04', '2026-03-04T00:00:00.001Z', false],
  ['DateGreaterThan', '2024-02-29', '2024-03-01', true],
  ['DateGreaterThan', '2024-02-29', '2024-02-29', false],
  ['DateGreaterThanEquals', '2024-02', '2024-02-01', true],
  ['DateGreaterThanEquals', '2024-02', '2024-01-31', false],
  ['Bool', 'true', 'true', true],
  ['Bool', true, 'TRUE', true],
  ['Bool', 'true', 'false', false],
  ['Bool', false, 'false', true],
  ['BinaryEquals', 'AQI=', 'AQI=', true],
  ['BinaryEquals', 'AQI=', 'AQM=', false],
  ['ArnEquals', ARN, ARN, true],
  ['ArnEquals', ARN.replace('alice', '*'), ARN, true],
  ['ArnEquals', ARN, ARN.replace('alice', 'bob'), false],
  ['ArnLike', ARN.replace('111122223333', '*'), ARN, true],
  ['ArnLike', 'arn:aws:iam::*:role/*', ARN, false],
  ['ArnNotEquals', ARN, ARN, false],
  ['ArnNotEquals', ARN, ARN.replace('alice', 'bob'), true],
  ['ArnNotLike', 'arn:aws:iam::*:user/*', ARN, false],
  ['ArnNotLike', 'arn:aws:iam::*:role/*', ARN, true],
  ['IpAddress', '192.0.2.0/24', '192.0.2.255', true],
  ['IpAddress', '192.0.2.0/24', '192.0.3.0', false],
  ['IpAddress', ['203.0.113.7', '2001:db8::/32'], '2001:db8::1', true],
  ['IpAddress', '203.0.113.7', '203.0.113.8', false],
  ['NotIpAddress', '192.0.2.0/24', '192.0.2.1', false],
  ['NotIpAddress', '192.0.2.0/24', '198.51.100.1', true],
]

t.test('one value, each operator both ways', async (t) => {
  for (const [operator, wanted, found, expected] of ROWS)
    t.equal(
      conditionHolds({ [operator]: { [K]: wanted } }, { [K]: [found] }),
      expected,
      `${operator} ${JSON.stringify(wanted)}: ${found}`,
    )
  const tried = new Set(ROWS.map(([operator]) => operator))
  for (const operator of OPERATORS.keys())
    for (const holds of [true, false])
      t.ok(
        ROWS.some(([name, , , expected]) => name === operator && expected === holds),
        `${operator} is tried where it is ${holds}`,
      )
  t.equal(tried.size, OPERATORS.size)
})

/** A value of the operator's type. */
const fitting = (operator: string): string => (ROWS.find(([name]) => name === operator) as Row)[1] as string

t.test('an absent key: no match, but for negated operators; IfExists always; an empty one is absent', async (t) => {
  for (const [operator, { negated }] of OPERATORS)
    for (const context of [{}, { [K]: [] }]) {
      const wanted = { [K]: fitting(operator) }
      t.equal(conditionHolds({ [operator]: wanted }, context), negated, operator)
      t.equal(conditionHolds({ [`${operator}IfExists`]: wanted }, context), true, `${operator}IfExists`)
      t.equal(conditionHolds({ [`ForAllValues:${operator}`]: wanted }, context), true, `ForAllValues:${operator}`)
      t.equal(conditionHolds({ [`ForAnyValue:${operator}`]: wanted }, context), false, `ForAnyValue:${operator}`)
      t.equal(
        conditionHolds({ [`ForAnyValue:${operator}IfExists`]: wanted }, context),
        true,
        `ForAnyValue:${operator}IfExists`,
      )
    }
  for (const [operator, wanted, found, expected] of ROWS)
    t.equal(
      conditionHolds({ [`${operator}IfExists`]: { [K]: wanted } }, { [K]: [found] }),
      expected,
      `${operator}IfExists, present`,
    )
})

t.test('Null tells absent from present', async (t) => {
  const row = (wanted: unknown, context = {}) => conditionHolds({ Null: { [K]: wanted } }, context)
  t.equal(row('true'), true)
  t.equal(row('false'), false)
  t.equal(row(true, { [K]: ['x'] }), false)
  t.equal(row(false, { [K]: ['x'] }), true)
  t.equal(row('true', { [K]: [] }), true)
})

t.test('many values: all of them, or any', async (t) => {
  const row = (operator: string, wanted: string[], found: string[]) =>
    conditionHolds({ [operator]: { [K]: wanted } }, { [K]: found })
  t.equal(row('ForAllValues:StringEquals', ['a', 'b'], ['a', 'b', 'a']), true)
  t.equal(row('ForAllValues:StringEquals', ['a', 'b'], ['a', 'c']), false)
  t.equal(row('ForAnyValue:StringEquals', ['a', 'b'], ['c', 'b']), true)
  t.equal(row('ForAnyValue:StringEquals', ['a', 'b'], ['c', 'd']), false)
  t.equal(row('ForAllValues:StringNotEquals', ['a', 'b'], ['c', 'd']), true)
  t.equal(row('ForAllValues:StringNotEquals', ['a', 'b'], ['c', 'a']), false)
  t.equal(row('ForAnyValue:StringNotEquals', ['a', 'b'], ['a', 'c']), true)
  t.equal(row('ForAnyValue:StringNotEquals', ['a', 'b'], ['a', 'b']), false)
  t.equal(row('ForAnyValue:StringLike', ['a*'], ['b', 'ab']), true)
  t.equal(row('ForAllValues:NumericLessThan', ['10'], ['1', '9']), true)
  t.equal(row('ForAllValues:NumericLessThan', ['10'], ['1', '10']), false)
})

t.test('all operators and all keys of a condition must hold', async (t) => {
  const condition = { StringEquals: { [K]: 'a', 'kms:KeyUsage': 'b' }, StringLike: { 'kms:KeyOrigin': 'c*' } }
  const context = { [K]: ['a'], 'kms:KeyUsage': ['b'], 'kms:KeyOrigin': ['cd'] }
  t.equal(conditionHolds(condition, context), true)
  for (const key of Object.keys(context)) {
    t.equal(conditionHolds(condition, { ...context, [key]: ['x'] }), false, key)
    t.equal(conditionHolds(condition, { ...context, [key]: [] }), false, `${key} absent`)
  }
})

t.test('what cannot be compared counts against the caller: no Allow matches, a Deny does', async (t) => {
  const rows: [string, string, string][] = [
    ['NumericEquals', '1', 'one'],
    ['NumericNotEquals', '1', 'one'],
    ['DateLessThan', '2026', 'today'],
    ['DateNotEquals', '2026', 'today'],
    ['Bool', 'true', 'yes'],
    ['BinaryEquals', 'AQI=', 'AQI'],
    ['ArnLike', ARN, 'alice'],
    ['ArnNotLike', ARN, 'alice'],
    ['IpAddress', '192.0.2.0/24', 'localhost'],
    ['NotIpAddress', '192.0.2.0/24', 'localhost'],
  ]
  for (const [operator, wanted, found] of rows) {
    const Condition = { [operator]: { [K]: wanted } }
    const context = { [K]: [found] }
    const name = `${operator} and ${found}`
    t.match(decide([allow({ Condition })], { context }), { allowed: false, warnings: [/which is not/] }, name)
    t.match(decide([allow(), deny({ Condition })], { context }), { allowed: false, explicitDeny: true }, name)
  }
  const Condition = { StringEquals: { [K]: 'a' } }
  const context = { [K]: ['a', 'a'] }
  t.match(decide([allow({ Condition })], { context }), { allowed: false, warnings: [/has 2 values.*ForAnyValue/] })
  t.match(decide([allow(), deny({ Condition })], { context }), { allowed: false, explicitDeny: true })
  t.equal(allowed(allow({ Condition }), { context: { [K]: ['a'] } }), true)
})

t.test('two condition keys that differ in case are one key with two values', async (t) => {
  const Condition = { 'ForAnyValue:StringEquals': { 'kms:EncryptionContext:tenant': 'b' } }
  t.equal(
    allowed(allow({ Condition }), {
      context: { 'kms:EncryptionContext:Tenant': ['a'], 'kms:EncryptionContext:tenant': ['b'] },
    }),
    true,
  )
  const single = { StringEquals: { 'kms:EncryptionContext:tenant': 'b' } }
  t.equal(
    allowed(allow({ Condition: single }), {
      context: { 'kms:EncryptionContext:Tenant': ['a'], 'kms:EncryptionContext:tenant': ['b'] },
    }),
    false,
  )
})

t.test('dates that are no dates are refused as a policy’s and as a request’s', async (t) => {
  const accepts = (OPERATORS.get('DateEquals') as NonNullable<ReturnType<typeof OPERATORS.get>>).accepts
  for (const text of [
    '2026',
    '2026-03',
    '2026-03-04',
    '2026-03-04T05:06Z',
    '2026-03-04T05:06:07Z',
    '2026-03-04T05:06:07.123Z',
    '2026-03-04T05:06:07+01:00',
    '1772600767',
    '2024-02-29',
  ])
    t.equal(accepts(text), true, text)
  for (const text of [
    '',
    '2026-13',
    '2026-00',
    '2026-02-30',
    '2023-02-29',
    '2026-04-31T00:00:00Z',
    '2026-03-04T05:06:07',
    '2026-03-04 05:06:07Z',
    '2026-03-04T25:00:00Z',
    '04/03/2026',
    'now',
    '-1',
    '1e9',
  ])
    t.equal(accepts(text), false, text)
})
