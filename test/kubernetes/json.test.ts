// Bodies are parsed strictly and written again as they were meant: RFC 8259, UTF-8, and what Go's types make of them.
import t from 'tap'
import { MAX_BODY_BYTES, MAX_DEPTH } from '../../assembly/workloads/kubernetes/limits.ts'
import { DEFAULT, KubernetesShell } from '../kit/kubernetes.ts'

const CONFIG_MAPS = `${DEFAULT}/configmaps`
/** A ConfigMap whose value is this JSON text. */
const withValue = (value: string) => `{"metadata":{"generateName":"x-"},"data":{"k":${value}}}`

t.test('takes strings as they are meant and gives them back', async (t) => {
  const at = new KubernetesShell()
  const texts = [
    '',
    'plain',
    'é ü ☃ 😀',
    'q"b\\s/',
    'tab\tnl\ncr\rbs\bff\f',
    '\u0001\u001f',
    '\u007f',
    '\u2028',
    'x'.repeat(5000),
  ]
  for (const text of texts) {
    const plain = at.ask('POST', CONFIG_MAPS, withValue(JSON.stringify(text)))
    t.same([plain.status, plain.json.data?.k ?? ''], [201, text])
    const escaped = [...text]
      .map((c) =>
        [...Array(c.length).keys()].map((i) => `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
      )
      .join('')
    const other = at.ask('POST', CONFIG_MAPS, withValue(`"${escaped}"`))
    t.same([other.status, other.json.data?.k ?? ''], [201, text], 'escaped')
  }
})

t.test('takes all escapes and white space, and rejects what JSON does not have', async (t) => {
  const at = new KubernetesShell()
  t.equal(
    at.demand(201, 'POST', CONFIG_MAPS, withValue('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041"')).data.k,
    '"\\/\b\f\n\r\tA',
  )
  t.equal(at.ask('POST', CONFIG_MAPS, ' \t\r\n{ "metadata" : { "generateName" : "x-" } } \n').status, 201)
  const before = at.shell.version
  const rejected = [
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\ud800"',
    '"\\ud800\\u0041"',
    '"\\udc00"',
    '"\n"',
    '"\u0000"',
    '"a',
    "'a'",
    'tru',
    'nul',
    '+1',
    '01',
    '.5',
    '1.',
    '1e',
    '--1',
    '[1,]',
    '{"a":1,}',
    '{a:1}',
    '{"a" 1}',
    '[1 2]',
    'NaN',
    '',
    '1 2',
  ]
  for (const value of rejected) {
    const { status, json } = at.ask('POST', CONFIG_MAPS, withValue(value))
    t.same([status, json.reason], [400, 'BadRequest'], value)
  }
  for (const text of ['', '{', '{}x', '{}{}', '[]', '"a"', 'null', '\ufeff{}']) {
    const { status } = at.ask('POST', CONFIG_MAPS, text)
    t.equal(status === 400 || status === 422, true, JSON.stringify(text))
  }
  t.equal(at.shell.version, before, 'and writes nothing')
})

t.test('rejects what is not UTF-8', async (t) => {
  const at = new KubernetesShell()
  const post = (bytes: number[]) =>
    at.ask(
      'POST',
      CONFIG_MAPS,
      Buffer.concat([
        Buffer.from('{"metadata":{"generateName":"x-"},"data":{"k":"'),
        Buffer.from(bytes),
        Buffer.from('"}}'),
      ]),
    ).status
  const accepted = [
    [0xc2, 0x80],
    [0xdf, 0xbf],
    [0xe0, 0xa0, 0x80],
    [0xed, 0x9f, 0xbf],
    [0xee, 0x80, 0x80],
    [0xf0, 0x90, 0x80, 0x80],
    [0xf4, 0x8f, 0xbf, 0xbf],
  ]
  const rejected = [
    [0x80],
    [0xc0, 0x80],
    [0xc1, 0xbf],
    [0xc2],
    [0xc2, 0x41],
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xed, 0xbf, 0xbf],
    [0xe1, 0x80],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xff],
  ]
  // Behind none, some and more than sixteen bytes of ASCII, which are stepped over at once
  for (const before of [0, 5, 16, 33]) {
    const ascii = Array(before).fill(0x61)
    for (const bytes of accepted) t.equal(post([...ascii, ...bytes]), 201, `${bytes}`)
    for (const bytes of rejected) t.equal(post([...ascii, ...bytes]), 400, `${bytes}`)
  }
})

t.test('keeps to its limits of depth and size', async (t) => {
  const at = new KubernetesShell()
  // Unknown fields are pruned: how deep they are is the parser's business alone. Two levels are around it.
  const deep = (depth: number) =>
    `{"metadata":{"generateName":"x-","x":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`
  for (const [depth, status] of [
    [MAX_DEPTH - 1, 201],
    [MAX_DEPTH, 201],
    [MAX_DEPTH + 1, 400],
  ] as const)
    t.equal(at.ask('POST', CONFIG_MAPS, deep(depth)).status, status, `${depth}`)
  const sized = (bytes: number) => `{"metadata":{"generateName":"x-"}}`.padEnd(bytes)
  for (const [bytes, status] of [
    [MAX_BODY_BYTES - 1, 201],
    [MAX_BODY_BYTES, 201],
    [MAX_BODY_BYTES + 1, 413],
  ] as const)
    t.equal(at.ask('POST', CONFIG_MAPS, sized(bytes)).status, status, `${bytes}`)
  t.same(
    at.ask('POST', CONFIG_MAPS, sized(MAX_BODY_BYTES + 1)).json.message,
    `Request entity too large: limit is ${MAX_BODY_BYTES}`,
  )
})

t.test('survives bodies that are made of brackets, names and duplicates', async (t) => {
  const at = new KubernetesShell()
  const many = (value: string) => Array.from({ length: 100_000 }, (_, i) => `"k${i.toString(36)}":"${value}"`).join()
  const fill = (piece: string, open: string, close: string) =>
    `${open}${piece.repeat(Math.floor((MAX_BODY_BYTES - 200) / piece.length)).slice(0, -1)}${close}`
  for (const body of [
    fill('[],', '{"x":[', ']}'),
    fill('{},', '{"x":[', ']}'),
    fill('"":0,', '{"metadata":{"generateName":"x-"},', '}'),
    `{"x":{${Array.from({ length: 300_000 }, (_, i) => `"${i.toString(36)}":0`).join()}}}`,
    `{"metadata":{"name":"y","finalizers":[${Array.from({ length: 300_000 }, (_, i) => `"${i.toString(36)}"`).join()}]}}`,
    `{"metadata":{"name":"y","labels":{${Array.from({ length: 200_000 }, (_, i) => `"${i.toString(36)}":""`).join()}}}}`,
    `{"metadata":{"name":"y","labels":{${Array.from({ length: 200_000 }, (_, i) => `"-${i.toString(36)}":""`).join()}}}}`,
    `{"metadata":{"name":"y"},"data":{${Array.from({ length: 200_000 }, (_, i) => `"!${i.toString(36)}":""`).join()}}}`,
    `{"metadata":{"name":"y"},"data":{${many('')}},"binaryData":{${many('')}}}`,
    fill('"a":"b",', '{"metadata":{"name":"y"},"data":{', '}}'),
    fill('{},', '{"metadata":{"name":"y","ownerReferences":[', ']}}'),
    fill('null,', '{"metadata":{"name":"y","ownerReferences":[', ']}}'),
    '['.repeat(MAX_BODY_BYTES),
  ]) {
    const { status } = at.ask('POST', CONFIG_MAPS, body)
    t.ok([201, 400, 413, 422].includes(status), `${status} to ${body.slice(0, 40)}…`)
    t.equal(at.ask('GET', CONFIG_MAPS).status, 200, 'and serves on')
  }
  t.ok(at.shell.memoryBytes < 256 * 1024 * 1024, `${at.shell.memoryBytes} bytes`)
})

t.test('lets the last of duplicate names count, and tells them where it is asked to', async (t) => {
  const at = new KubernetesShell()
  const body = '{"metadata":{"name":"d","labels":{"a":"1","\\u0061":"2"}},"data":{"k":"first","k":"last"}}'
  const strict = at.ask('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, body)
  t.same(
    [strict.status, strict.json.message],
    [
      400,
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: duplicate field "metadata.labels.a", duplicate field "data.k"',
    ],
  )
  const created = at.demand(201, 'POST', CONFIG_MAPS, body)
  t.same([created.data, created.metadata.labels], [{ k: 'last' }, { a: '2' }])
  const many = Array.from({ length: 50 }, (_, i) => `"k${i}":"x"`)
  const large = at.ask(
    'POST',
    `${CONFIG_MAPS}?fieldValidation=Strict`,
    `{"metadata":{"name":"e"},"data":{${[...many, '"k7":"y"'].join()}}}`,
  )
  t.match(large.json.message, /duplicate field "data\.k7"$/)
  t.equal(
    at.ask('POST', `${CONFIG_MAPS}?fieldValidation=Strict`, `{"metadata":{"name":"e"},"data":{${many.join()}}}`).status,
    201,
  )
})
