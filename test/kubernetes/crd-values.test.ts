// What values a schema takes: each rule with a value that meets it and one that does not, told as kube-openapi tells it. And patterns, against
// the engine of JavaScript where both speak the same language.
import t from 'tap'
import { MAX_PATTERN_STATES } from '../../assembly/workloads/kubernetes/limits.ts'
import { CRON_TABS, cronTab, cronTabs, DEFINITIONS, GROUP, trySpec, withCronTabs } from '../kit/custom-resources.ts'
import { KubernetesShell } from '../kit/kubernetes.ts'

const INVALID = `CronTab.${GROUP} "tried" is invalid: `
const big = (text: string) =>
  `{"apiVersion":"${GROUP}/v1","kind":"CronTab","metadata":{"generateName":"n-"},"spec":{"x":${text}}}`

t.test('rejects a value with the real answer, and accepts its twin', async (t) => {
  const item = { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer' } }, required: ['k'] }
  const rows: [schema: object, bad: unknown, message: string, good: unknown][] = [
    [{ type: 'integer' }, 'a', 'spec.x: Invalid value: "string": spec.x in body must be of type integer: "string"', 1],
    [{ type: 'integer' }, 1.5, 'spec.x: Invalid value: "number": spec.x in body must be of type integer: "number"', -1],
    [{ type: 'string' }, 1, 'spec.x: Invalid value: "integer": spec.x in body must be of type string: "integer"', ''],
    [{ type: 'string' }, null, 'spec.x: Invalid value: "null": spec.x in body must be of type string: "null"', 'a'],
    [
      { type: 'boolean' },
      'true',
      'spec.x: Invalid value: "string": spec.x in body must be of type boolean: "string"',
      true,
    ],
    [{ type: 'number' }, true, 'spec.x: Invalid value: "boolean": spec.x in body must be of type number: "boolean"', 1],
    [
      { type: 'object', properties: {} },
      [],
      'spec.x: Invalid value: "array": spec.x in body must be of type object: "array"',
      {},
    ],
    [
      { 'x-kubernetes-int-or-string': true },
      1.5,
      'spec.x: Invalid value: "number": spec.x in body must be of type integer,string: "number"',
      '80%',
    ],
    [{ type: 'string', enum: ['a', 'b'] }, 'c', 'spec.x: Unsupported value: "c": supported values: "a", "b"', 'b'],
    [{ type: 'integer', enum: [1, 2] }, 3, 'spec.x: Unsupported value: 3: supported values: "1", "2"', 2],
    [
      { type: 'integer', minimum: 1 },
      0,
      'spec.x: Invalid value: 0: spec.x in body should be greater than or equal to 1',
      1,
    ],
    [
      { type: 'integer', maximum: 10 },
      11,
      'spec.x: Invalid value: 11: spec.x in body should be less than or equal to 10',
      10,
    ],
    [
      { type: 'number', minimum: 1, exclusiveMinimum: true },
      1,
      'spec.x: Invalid value: 1: spec.x in body should be greater than 1',
      1.01,
    ],
    [
      { type: 'number', maximum: 1, exclusiveMaximum: true },
      1,
      'spec.x: Invalid value: 1: spec.x in body should be less than 1',
      0.99,
    ],
    [
      { type: 'number', multipleOf: 0.1 },
      0.25,
      'spec.x: Invalid value: 0.25: spec.x in body should be a multiple of 0.1',
      0.3,
    ],
    [
      { type: 'string', minLength: 2 },
      'é',
      'spec.x: Invalid value: "é": spec.x in body should be at least 2 chars long',
      'éé',
    ],
    [{ type: 'string', maxLength: 2 }, 'ééé', 'spec.x: Too long: may not be more than 2 bytes', 'éé'],
    [
      { type: 'string', pattern: '^a+$' },
      'b',
      'spec.x: Invalid value: "b": spec.x in body should match \'^a+$\'',
      'aa',
    ],
    [
      { type: 'array', items: { type: 'string' }, maxItems: 1 },
      ['a', 'b'],
      'spec.x: Too many: 2: must have at most 1 items',
      ['a'],
    ],
    [
      { type: 'array', items: { type: 'string' }, minItems: 1 },
      [],
      'spec.x: Invalid value: []: spec.x in body should have at least 1 items',
      ['a'],
    ],
    [
      { type: 'array', items: { type: 'string' } },
      ['a', 1],
      'spec.x[1]: Invalid value: "integer": spec.x[1] in body must be of type string: "integer"',
      ['a'],
    ],
    [
      { type: 'object', additionalProperties: { type: 'string' }, maxProperties: 1 },
      { a: '', b: '' },
      'spec.x: Too many: 2: must have at most 1 items',
      { a: '' },
    ],
    [
      { type: 'object', additionalProperties: { type: 'string' }, minProperties: 1 },
      {},
      'spec.x: Invalid value: {}: spec.x in body should have at least 1 properties',
      { a: '' },
    ],
    [
      { type: 'object', additionalProperties: { type: 'integer' } },
      { a: '' },
      'spec.x.a: Invalid value: "string": spec.x.a in body must be of type integer: "string"',
      { a: 1 },
    ],
    [{ ...item }, { v: 1 }, 'spec.x.k: Required value', { k: '' }],
    [
      { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      ['a', 'b', 'a'],
      'spec.x[2]: Duplicate value: "a"',
      ['a', 'b'],
    ],
    [
      { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
      [{ k: 'a' }, { k: 'a', v: 1 }],
      'spec.x[1]: Duplicate value: {"k":"a"}',
      [{ k: 'a' }, { k: 'b' }],
    ],
    [
      { type: 'string', format: 'date-time' },
      'x',
      'spec.x: Invalid value: "x": spec.x in body must be of type date-time: "x"',
      '2026-01-02T03:04:05Z',
    ],
    [
      { type: 'string', format: 'date' },
      '2026-02-30',
      'spec.x: Invalid value: "2026-02-30": spec.x in body must be of type date: "2026-02-30"',
      '2026-02-28',
    ],
    [
      { type: 'string', format: 'ipv4' },
      '1.2.3.256',
      'spec.x: Invalid value: "1.2.3.256": spec.x in body must be of type ipv4: "1.2.3.256"',
      '1.2.3.255',
    ],
    [
      { type: 'string', format: 'ipv6' },
      '1::2::3',
      'spec.x: Invalid value: "1::2::3": spec.x in body must be of type ipv6: "1::2::3"',
      '::ffff:1.2.3.4',
    ],
    [
      { type: 'string', format: 'uuid' },
      'a',
      'spec.x: Invalid value: "a": spec.x in body must be of type uuid: "a"',
      '00000000-0000-4000-8000-000000000000',
    ],
    [
      { type: 'string', format: 'byte' },
      '=',
      'spec.x: Invalid value: "=": spec.x in body must be of type byte: "="',
      'AA==',
    ],
    [
      { type: 'string', format: 'email' },
      'a',
      'spec.x: Invalid value: "a": spec.x in body must be of type email: "a"',
      'a@b',
    ],
    [
      { type: 'string', format: 'duration' },
      '1',
      'spec.x: Invalid value: "1": spec.x in body must be of type duration: "1"',
      '1h2.5s',
    ],
    [
      { type: 'integer', format: 'int32' },
      2147483648,
      'spec.x: Invalid value: 2147483648: Checked value must be of type integer with format int32 in spec.x',
      2147483647,
    ],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'string' } },
        oneOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      { a: '', b: '' },
      '<nil>: Invalid value: "": "spec.x" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      { a: '' },
    ],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'string' } },
        anyOf: [{ required: ['a'] }, { required: ['b'] }],
      },
      {},
      '<nil>: Invalid value: "": "spec.x" must validate at least one schema (anyOf)',
      { b: '' },
    ],
    [
      { type: 'string', not: { enum: ['a'] } },
      'a',
      '<nil>: Invalid value: "": "spec.x" must not validate the schema (not)',
      'b',
    ],
    [
      { type: 'string', allOf: [{ minLength: 1 }, { pattern: 'b' }] },
      'a',
      'spec.x: Invalid value: "a": spec.x in body should match \'b\'',
      'b',
    ],
    [
      { type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true },
      { kind: 'A' },
      'spec.x.apiVersion: Required value: must not be empty',
      { apiVersion: 'v1', kind: 'A' },
    ],
  ]
  for (const [schema, bad, message, good] of rows) {
    const at = withCronTabs({ x: schema })
    const { status, json } = trySpec(at, { x: bad })
    t.same([status, json.message], [422, INVALID + message], JSON.stringify(schema))
    const twin = trySpec(at, { x: good })
    t.equal(twin.status, 201, `${JSON.stringify(schema)} ${JSON.stringify(good)} ${twin.text}`)
  }
  const at = withCronTabs({ a: { type: 'string' }, b: { type: 'string' } })
  const both = trySpec(at, { a: 1, b: 2 }).json
  t.match(both.message, /is invalid: \[spec\.a: .*, spec\.b: .*\]$/)
  t.same(
    both.details.causes.map(({ field }: { field: string }) => field),
    ['spec.a', 'spec.b'],
  )
})

t.test('takes null where it may be, and 1.0 for a whole number', async (t) => {
  const at = withCronTabs({ x: { type: 'string', nullable: true }, y: { type: 'integer' } })
  t.same(trySpec(at, { x: null }).json.spec, { x: null })
  t.equal(at.ask('POST', CRON_TABS, big('null,"y":1.0')).status, 201)
  t.equal(at.ask('POST', CRON_TABS, big('null,"y":1e2')).status, 201)
  t.equal(at.ask('POST', CRON_TABS, big('null,"y":1.01')).status, 422)
})

t.test('compares numbers by their digits, where floats would not tell them apart', async (t) => {
  const bounded = (schema: object) => {
    const definition = JSON.stringify(cronTabs({ x: { type: 'number', ...schema } }))
      .replaceAll('"RAW', '')
      .replaceAll('WAR"', '')
    const at = new KubernetesShell()
    at.demand(201, 'POST', DEFINITIONS, definition)
    return (text: string) => at.ask('POST', CRON_TABS, big(text)).status
  }
  const most = bounded({ maximum: 'RAW9007199254740992WAR' })
  t.same(
    ['9007199254740992', '9007199254740993', '9007199254740992.0000001', '-1e999999999999'].map(most),
    [201, 422, 422, 201],
  )
  const least = bounded({ minimum: 'RAW0.1WAR', exclusiveMinimum: true })
  t.same(
    ['0.1', '0.10000000000000000001', '1e-1', '1.0e-1', '10E-2', '2e-1', '-0', '1e99999999999999999999'].map(least),
    [422, 201, 422, 422, 422, 201, 422, 201],
  )
  const multiple = bounded({ multipleOf: 'RAW0.03WAR' })
  t.same(
    ['0.3', '0.9', '3', '3e30', '0.31', '0.003', '0', '1e-400'].map(multiple),
    [201, 201, 201, 201, 422, 422, 201, 422],
  )
  const whole = bounded({ enum: ['RAW1.0WAR', 'RAW9007199254740993WAR'] })
  t.same(['1', '1.00', '9007199254740993', '9007199254740992'].map(whole), [201, 201, 201, 422])
})

/** Patterns with texts: what JavaScript says of them has to be said. */
const PATTERNS: [pattern: string, texts: string[]][] = [
  ['', ['', 'a']],
  ['a', ['a', 'ba', 'b', '']],
  ['^a$', ['a', 'aa', 'a\n', '']],
  ['^(a|b)*c$', ['c', 'abbac', 'abd', 'ac c']],
  ['^a{2,3}$', ['a', 'aa', 'aaa', 'aaaa']],
  ['^a{2}$', ['a', 'aa', 'aaa']],
  ['^a{2,}b?$', ['a', 'aa', 'aaaab', 'aabb']],
  ['^[a-c_]+$', ['abc_', 'abd', '']],
  ['^[^a-c]$', ['a', 'd', 'é', '\n']],
  ['^[]a]+$'.replace(']a', '\\]a'), [']a', 'b']],
  ['^[a\\-z]+$', ['a-z', 'b']],
  ['^[-a]+$', ['-a', 'b']],
  ['^\\d+\\.\\d*$', ['1.', '12.5', '.5', 'a.b']],
  ['^\\w+\\s\\W$', ['ab !', 'ab a', 'é !']],
  ['^\\S\\D$', ['ab', 'a1', ' a']],
  ['\\bfoo\\b', ['foo', 'a foo b', 'foobar', '_foo']],
  ['\\Boo', ['foo', 'oo']],
  ['^.$', ['a', 'é', '😀', '\n', 'ab']],
  ['^(?:ab)+$', ['abab', 'aba']],
  ['^(?<name>a)$', ['a', 'b']],
  ['^a*?b+?$', ['aab', 'b', 'a']],
  ['^(a?){3}a{3}$', ['aaa', 'aaaaaa', 'aa']],
  ['x*', ['', 'y']],
  ['(^a|b$)', ['ab', 'cb', 'c', 'ac']],
  ['^\\x41\\t\\n$', ['A\t\n', 'A']],
  ['^[\\w.]+@[\\w.]+$', ['a.b@c.d', 'a@']],
  ['^\\$\\{$', ['${', '$']],
  ['^é+$', ['éé', 'e']],
  ['^[à-ü]$', ['é', 'z']],
  ['^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', ['* * * * */5', '* * * *']],
  ['^([0-9a-f]{2}:){5}[0-9a-f]{2}$', ['00:11:22:33:44:5f', '00:11:22:33:44']],
  ['(a|ab)(c|bcd)(d*)$', ['abcd', 'acd', 'ab']],
  ['^((a))(())$', ['a', '']],
]

t.test('finds what a pattern of JavaScript finds', async (t) => {
  let tried = 0
  for (const [pattern, texts] of PATTERNS) {
    const at = withCronTabs({ x: { type: 'string', pattern } })
    for (const text of texts) {
      const expected = new RegExp(pattern, 'u').test(text)
      t.equal(trySpec(at, { x: text }).status === 201, pattern === '' || expected, `${pattern} ${JSON.stringify(text)}`)
      tried++
    }
  }
  t.equal(
    tried,
    PATTERNS.reduce((sum, [, texts]) => sum + texts.length, 0),
  )
})

t.test('knows what Go knows and JavaScript does not', async (t) => {
  for (const [pattern, good, bad] of [
    ['^[[:alpha:]]+$', 'ab', 'a1'],
    ['^[[:^x]+$'.replace('[[:^x]', '[^[:digit:]]'), 'ab', 'a1'],
    ['\\Aab\\z', 'ab', 'ab\n'],
    ['a{,2}', 'a{,2}', 'aa'],
    ['^(?P<n>a)$', 'a', 'b'],
    ['^\\x{1F600}$', '😀', 'a'],
  ] as const) {
    const at = withCronTabs({ x: { type: 'string', pattern } })
    t.same([trySpec(at, { x: good }).status, trySpec(at, { x: bad }).status], [201, 422], pattern)
  }
})

t.test('rejects patterns that are none, or that it does not know', async (t) => {
  const at = new KubernetesShell()
  for (const pattern of [
    '(',
    ')',
    '[',
    '[b-a]',
    '*',
    'a**',
    'a{1001}',
    'a{3,2}',
    '\\',
    '\\p{L}',
    '\\k',
    '(?=a)',
    '(?!a)',
    '(?<=a)b',
    '(a)\\1',
    '(?i)a',
    '[[:nope:]]',
    '\\x{110000}',
  ])
    t.match(
      at.ask('POST', DEFINITIONS, cronTabs({ x: { type: 'string', pattern } })).json,
      { code: 422, message: /must be a valid regular expression, but isn't: error parsing regexp: / },
      pattern,
    )
})

t.test('holds the limit of states of a pattern', async (t) => {
  const at = new KubernetesShell()
  // A state for each letter, and one for the end
  for (const [count, status] of [
    [MAX_PATTERN_STATES - 1, 201],
    [MAX_PATTERN_STATES, 201],
    [MAX_PATTERN_STATES + 1, 422],
  ] as const) {
    const pattern = 'a'.repeat(count - 1)
    t.equal(
      at.ask('POST', `${DEFINITIONS}?dryRun=All`, cronTabs({ x: { type: 'string', pattern } })).status,
      status,
      `${count} states`,
    )
  }
})

t.test('answers hostile patterns, schemas and objects in bounded time', async (t) => {
  const at = new KubernetesShell()
  for (const pattern of [
    '((((a{1000}){1000}){1000}){1000})',
    '((){1000}){1000}',
    '(((){1000}){1000}){1000}',
    `${'('.repeat(300)}a${')'.repeat(300)}`,
    `[${'a-b'.repeat(5000)}]`,
  ])
    t.equal(at.ask('POST', DEFINITIONS, cronTabs({ x: { type: 'string', pattern } })).status, 422, pattern.slice(0, 40))
  const bomb = withCronTabs({ x: { type: 'string', pattern: '^(a*)*(a|aa)+(a?){500}$' } })
  t.equal(trySpec(bomb, { x: `${'a'.repeat(2000)}b` }).status, 422)
  t.equal(trySpec(bomb, { x: 'a'.repeat(2000) }).status, 201, 'the twin')
  // As many steps as text times states: more than a request may take
  t.match(trySpec(bomb, { x: 'a'.repeat(1_000_000) }).json.message, /takes too many steps to validate/)
  const alternatives = Array.from({ length: 5000 }, (_, i) => ({ required: [`r${i}`] }))
  const many = withCronTabs({
    x: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, anyOf: alternatives } },
  })
  t.match(
    trySpec(many, { x: Array.from({ length: 50_000 }, () => ({ r4999: 1 })) }).json.message,
    /takes too many steps to validate/,
  )
  const properties = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${i}`, { type: 'string' }]))
  const wide = withCronTabs({ x: { type: 'array', items: { type: 'object', properties } } })
  t.match(trySpec(wide, { x: Array.from({ length: 50_000 }, () => ({})) }).json.message, /too large for its schema/)
  t.equal(trySpec(wide, { x: [{ p1: 'a' }] }).status, 201, 'the twin')
  let deep: unknown = {}
  for (let i = 0; i < 300; i++) deep = { a: deep }
  t.equal(bomb.ask('POST', CRON_TABS, cronTab('deep', deep)).status, 400)
})
