// Protobuf bodies to JSON, against an encoder of another origin, bodies that kubectl sent, and whatever bytes there may be.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { MESSAGES } from '../../assembly/workloads/kubernetes/protobuf/messages.ts'
import { buildProbe } from '../kit/kubernetes-probe.ts'
import {
  encodeBody,
  encodeMessage,
  encodeObject,
  field,
  fieldListPresent,
  fieldsOf,
  jsonName,
  type KubeObject,
  messageNames,
  randomMessage,
  shortName,
  varint,
} from '../kit/protobuf-encoder.ts'
import { firstSeed, Seeded } from '../kit/seeded.ts'

const OK = 0
const MALFORMED = -1
const UNKNOWN_KIND = -2
const TOO_LARGE = -3
const MAX_JSON_BYTES = 6 * 1024 * 1024
const BODY_BYTES = 3 * 1024 * 1024

const ENTRY = `
import { TextWriter } from '../../sdk/text-writer'
import { decodeProtobuf, MAX_DEPTH } from './protobuf/decode'
const input = heap.alloc(${BODY_BYTES})
const out = new TextWriter()
export function at(): usize { return input }
export function decode(at: usize, length: usize): i32 { return decodeProtobuf(at, length, out.clear()) }
export function outAt(): usize { return out.at }
export function outLength(): usize { return out.length }
export function maxDepth(): i32 { return MAX_DEPTH }
`
type Probe = {
  memory: WebAssembly.Memory
  at(): number
  decode(at: number, length: number): number
  outAt(): number
  outLength(): number
  maxDepth(): number
}
const probe = buildProbe(ENTRY).exports as unknown as Probe

/** Kinds by their apiVersion, and the fields that Go has pointers for: their zero values are kept. */
const KINDS: Record<string, string[]> = {
  v1: ['ConfigMap', 'Event', 'Namespace', 'Secret', 'ServiceAccount', 'DeleteOptions'],
  'coordination.k8s.io/v1': ['Lease'],
  'authentication.k8s.io/v1': ['SelfSubjectReview', 'TokenRequest', 'TokenReview'],
  'authorization.k8s.io/v1': ['SelfSubjectAccessReview', 'SelfSubjectRulesReview', 'SubjectAccessReview'],
  'rbac.authorization.k8s.io/v1': ['ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding'],
}
const objects = Object.entries(KINDS).flatMap(([apiVersion, kinds]) => kinds.map((kind) => ({ apiVersion, kind })))

function decode(body: Uint8Array): { status: number; text: string } {
  new Uint8Array(probe.memory.buffer).set(body, probe.at())
  const status = probe.decode(probe.at(), body.length)
  return { status, text: Buffer.from(probe.memory.buffer, probe.outAt(), probe.outLength()).toString() }
}

function decoded(body: Uint8Array): unknown {
  const { status, text } = decode(body)
  return status === OK ? JSON.parse(text) : status
}

t.test('reads what kubectl sends', async (t) => {
  const recorded = JSON.parse(readFileSync('test/kubernetes/recorded-bodies.json', 'utf8')) as {
    bodies: { command: string; body: string; object: KubeObject }[]
  }
  t.equal(recorded.bodies.length, 13)
  for (const { command, body, object } of recorded.bodies) t.same(decoded(Buffer.from(body, 'base64')), object, command)
})

if (!fieldListPresent) t.comment('vectors not present: skipped (protobuf field list)')
else {
  t.test('has every field of the list, by its JSON name and type', async (t) => {
    const rows = new Map(MESSAGES.trim().split('\n').map(readRow))
    let compared = 0
    for (const short of messageNames()) {
      if (['Time', 'MicroTime', 'FieldsV1'].includes(short)) continue
      for (const [number, [name, cardinality, type]] of fieldsOf(short)) {
        if (name === 'clusterName') continue // gone since 1.24
        const mark = cardinality === 'repeated' ? '[]' : cardinality === 'map' ? '{}' : ''
        const given = rows.get(short)?.get(number)?.replace('*', '')
        t.equal(given, `${jsonName(name)}:${mark}${typeName(type)}`, `${short} ${number}`)
        compared++
      }
    }
    t.equal(compared, 188)
    t.ok(deepest(rows, 'Event') + 2 <= probe.maxDepth(), 'the depth of the table is within the bound')
  })

  t.test('reads random objects of every kind as they were written', async (t) => {
    const random = new Seeded(firstSeed(1))
    for (const { apiVersion, kind } of objects)
      for (let i = 0; i < 60; i++) {
        const object = { kind, apiVersion, ...randomMessage(random, kind) }
        if (!t.same(decoded(encodeObject(object)), object, `${kind} ${i}`, { bail: true })) return
      }
  })

  t.test('survives a body cut at every byte, and refuses it or reads less', async (t) => {
    const random = new Seeded(firstSeed(2))
    for (const { apiVersion, kind } of objects) {
      const whole = encodeObject({ kind, apiVersion, ...randomMessage(random, kind) })
      let refused = 0
      for (let length = 0; length < whole.length; length++) if (readable(whole.subarray(0, length))) refused++
      // Of all cuts, the object's own message cannot be shorter than it says: what is read has lost it whole.
      t.ok(refused <= 2, `${kind}: ${refused} of ${whole.length}`)
    }
  })

  t.test('survives mutated bodies: JSON or a refusal, nothing else', async (t) => {
    const random = new Seeded(firstSeed(3))
    let read = 0
    for (let i = 0; i < 20_000; i++) {
      const { apiVersion, kind } = random.pick(objects)
      const body = encodeObject({ kind, apiVersion, ...randomMessage(random, kind) })
      for (let n = 1 + random.below(4); n > 0; n--) {
        const place = 4 + random.below(body.length - 4)
        body[place] = random.chance(50) ? random.below(256) : (body[place] as number) ^ (1 << random.below(8))
      }
      if (readable(body)) read++
    }
    t.ok(read > 1000 && read < 19_000, `${read} of 20,000 could be read`)
  })
}

/** Whether it was read; what was read as an object has to be JSON, unless FieldsV1 was not. */
function readable(body: Uint8Array): boolean {
  const { status, text } = decode(body)
  if (status !== OK) {
    if (![MALFORMED, UNKNOWN_KIND, TOO_LARGE].includes(status)) throw new Error(`status ${status}`)
    return false
  }
  try {
    JSON.parse(text)
  } catch (error) {
    if (!text.includes('"fieldsV1"')) throw error
  }
  return true
}

const secret = (raw: Buffer, extra: Buffer[] = []) => encodeBody('v1', 'Secret', raw, extra)
const lease = (raw: Buffer) => encodeBody('coordination.k8s.io/v1', 'Lease', raw)
const named = (...more: Buffer[]) => field(1, Buffer.concat([field(1, Buffer.from('a')), ...more]))
const flag = (number: number, value: number) => Buffer.concat([varint(BigInt(number << 3)), varint(BigInt(value))])

t.test('leaves out what Go writes for nothing, and keeps what it has a pointer for', async (t) => {
  const empty = Buffer.alloc(0)
  const meta = named(field(2, empty), flag(7, 0), field(8, empty), flag(10, 0))
  t.same(decoded(secret(Buffer.concat([meta, field(3, empty), flag(5, 0)]))), {
    kind: 'Secret',
    apiVersion: 'v1',
    metadata: { name: 'a', deletionGracePeriodSeconds: 0 },
    immutable: false,
  })
  t.same(decoded(lease(field(2, Buffer.concat([field(1, empty), flag(2, 0), field(3, empty)])))), {
    kind: 'Lease',
    apiVersion: 'coordination.k8s.io/v1',
    spec: { holderIdentity: '', leaseDurationSeconds: 0 },
  })
  const role = encodeBody('rbac.authorization.k8s.io/v1', 'Role', field(2, field(2, empty)))
  t.same((decoded(role) as KubeObject).rules, [{ apiGroups: [''] }], 'an empty string in a list is one')
  const entry = (content: Buffer) => field(2, content)
  t.same(
    (
      decoded(
        secret(Buffer.concat([entry(field(1, Buffer.from('k'))), entry(field(2, Buffer.from('v')))])),
      ) as KubeObject
    ).data,
    { k: '', '': 'dg==' },
    'an entry without a value, and one without a key',
  )
})

t.test('skips unknown fields of every wire type, and refuses groups and what is reserved', async (t) => {
  const object = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' }, type: 'T' }
  const type = field(3, Buffer.from('T'))
  const unknown = (wire: number, content: Buffer) => Buffer.concat([varint(BigInt((999 << 3) | wire)), content])
  for (const extra of [
    unknown(0, varint(2n ** 64n - 1n)),
    unknown(1, Buffer.alloc(8)),
    unknown(2, Buffer.from('\x03abc')),
    unknown(5, Buffer.alloc(4)),
  ]) {
    t.same(decoded(secret(Buffer.concat([named(extra), extra, type, extra]))), object)
    t.equal(decoded(secret(Buffer.concat([named(), type, extra.subarray(0, extra.length - 1)]))), MALFORMED)
  }
  for (const wire of [3, 4, 6, 7])
    t.equal(decoded(secret(Buffer.concat([named(), unknown(wire, Buffer.alloc(8))]))), MALFORMED)
})

t.test("refuses wire types that are not the field's, and fields that come twice", async (t) => {
  t.same((decoded(secret(flag(5, 1))) as KubeObject).immutable, true)
  t.equal(decoded(secret(field(5, Buffer.from('x')))), MALFORMED)
  t.equal(decoded(secret(Buffer.concat([flag(5, 1), flag(5, 1)]))), MALFORMED)
  t.equal(decoded(secret(flag(3, 1))), MALFORMED)
  t.equal(decoded(secret(flag(1, 1))), MALFORMED)
  t.equal(decoded(secret(Buffer.concat([named(), named()]))), MALFORMED)
  t.equal(decoded(secret(Buffer.concat([varint(2n), varint(0n)]))), MALFORMED, 'field 0')
  t.equal(decoded(secret(Buffer.concat([varint(((2n ** 29n) << 3n) | 2n), varint(0n)]))), MALFORMED, 'field 2^29')
  t.same(decoded(secret(Buffer.concat([varint(((2n ** 29n - 1n) << 3n) | 2n), varint(0n)]))), {
    kind: 'Secret',
    apiVersion: 'v1',
  })
})

t.test('refuses varints above 64 bits, and integers above 32 where there is room for no more', async (t) => {
  const generation = (bytes: number[]) => secret(field(1, Buffer.concat([varint(56n), Buffer.from(bytes)])))
  const ones = Array.from({ length: 9 }, () => 0xff)
  t.same((decoded(generation([...ones, 1])) as KubeObject).metadata, { generation: -1 })
  t.equal(decoded(generation([...ones, 2])), MALFORMED)
  t.equal(decoded(generation([...ones, 0x81, 0])), MALFORMED)
  const seconds = (value: bigint) => lease(field(2, Buffer.concat([varint(16n), varint(BigInt.asUintN(64, value))])))
  t.same((decoded(seconds(2n ** 31n - 1n)) as KubeObject).spec, { leaseDurationSeconds: 2 ** 31 - 1 })
  t.same((decoded(seconds(-(2n ** 31n))) as KubeObject).spec, { leaseDurationSeconds: -(2 ** 31) })
  t.equal(decoded(seconds(2n ** 31n)), MALFORMED)
  t.equal(decoded(seconds(-(2n ** 31n) - 1n)), MALFORMED)
})

t.test('writes times as RFC 3339 does, and refuses what it cannot write', async (t) => {
  const time = (seconds: bigint, nanos = 0n) =>
    Buffer.concat([varint(8n), varint(BigInt.asUintN(64, seconds)), varint(16n), varint(BigInt.asUintN(64, nanos))])
  const created = (content: Buffer) => {
    const object = decoded(secret(named(field(8, content))))
    return typeof object === 'number' ? object : ((object as KubeObject).metadata as KubeObject).creationTimestamp
  }
  t.equal(created(time(0n)), '1970-01-01T00:00:00Z')
  t.equal(created(time(-62_135_596_800n)), '0001-01-01T00:00:00Z')
  t.equal(created(time(253_402_300_799n, 999_999_999n)), '9999-12-31T23:59:59Z')
  for (const text of ['1600-02-29T23:59:59Z', '1900-03-01T00:00:00Z', '2000-12-31T12:00:00Z', '2400-02-29T00:00:01Z'])
    t.equal(created(time(BigInt(Date.parse(text) / 1000))), text)
  t.equal(created(time(-62_135_596_801n)), MALFORMED)
  t.equal(created(time(253_402_300_800n)), MALFORMED)
  t.equal(created(time(0n, 1_000_000_000n)), MALFORMED)
  t.equal(created(time(0n, -1n)), MALFORMED)
  t.equal(created(field(1, Buffer.from('x'))), MALFORMED)
  const renew = (nanos: bigint) => decoded(lease(field(2, field(4, time(1n, nanos)))))
  t.same((renew(1999n) as KubeObject).spec, { renewTime: '1970-01-01T00:00:01.000001Z' })
})

t.test('refuses strings that are no UTF-8', async (t) => {
  const type = (bytes: number[]) => decoded(secret(field(3, Buffer.from(bytes))))
  for (const good of ['\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'])
    t.equal((type([...Buffer.from(good)]) as KubeObject).type, good)
  for (const bad of [
    [0x80],
    [0xc1, 0xbf],
    [0xc3],
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xe2, 0x82],
    [0xe2, 0x28, 0xa1],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xf0, 0x90, 0x80, 0x41],
  ])
    t.equal(type(bad), MALFORMED, Buffer.from(bad).toString('hex'))
})

t.test('takes one JSON object for FieldsV1, and nothing that ends before its end', async (t) => {
  const managed = (raw: string) => decoded(secret(named(field(17, field(7, field(1, Buffer.from(raw)))))))
  const fields = (raw: string) =>
    ((managed(raw) as KubeObject).metadata as { managedFields: KubeObject[] }).managedFields[0]?.fieldsV1
  t.same(fields('{"f:data":{".":{},"f:}":{}}}'), { 'f:data': { '.': {}, 'f:}': {} } })
  t.same(fields('{"\\"}":1}'), { '"}': 1 })
  for (const raw of ['{},"spec":{}', '{}}', '{', '{"a', '[]', '1', '{"a":1}}, {"b":{}', ' {}', '{"\\"}'])
    t.equal(managed(raw), MALFORMED, raw)
})

t.test('refuses other magic, encodings, kinds and versions', async (t) => {
  const raw = named()
  t.same(decoded(secret(raw)), { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } })
  const other = secret(raw)
  other[3] = 1
  t.equal(decoded(other), MALFORMED)
  t.equal(decoded(Buffer.from('k8s')), MALFORMED)
  t.equal(decoded(Buffer.from('k8s\0')), UNKNOWN_KIND, 'no type at all')
  t.equal(decoded(secret(raw, [field(3, Buffer.from('gzip'))])), MALFORMED)
  t.same(decoded(secret(raw, [field(3, Buffer.alloc(0)), field(4, Buffer.alloc(0))])), decoded(secret(raw)))
  t.equal(decoded(encodeBody('v1', 'Pod', raw)), UNKNOWN_KIND)
  t.equal(decoded(encodeBody('v2', 'Secret', raw)), UNKNOWN_KIND)
  t.equal(decoded(encodeBody('events.k8s.io/v1', 'Event', raw)), UNKNOWN_KIND, 'another message under the same name')
  t.equal(decoded(encodeBody('v1', 'ObjectMeta', raw)), UNKNOWN_KIND, 'a part of an object is none')
  t.same(decoded(encodeBody('coordination.k8s.io/v1', 'DeleteOptions', flag(1, 0))), {
    kind: 'DeleteOptions',
    apiVersion: 'coordination.k8s.io/v1',
    gracePeriodSeconds: 0,
  })
})

t.test('bounds the JSON that a body becomes', async (t) => {
  const type = (length: number) => decode(secret(field(3, Buffer.alloc(length, 1))))
  const overhead = '{"kind":"Secret","apiVersion":"v1","type":""}'.length
  const most = Math.floor((MAX_JSON_BYTES - overhead) / 6)
  t.equal(type(most).status, OK)
  t.equal(type(most + 1).status, TOO_LARGE)
  const items = Buffer.concat(Array.from({ length: 400_000 }, () => field(14, Buffer.from('\x01\x01\x01'))))
  t.equal(decode(secret(field(1, items))).status, TOO_LARGE, 'in a list, while it is written')
  if (fieldListPresent) {
    const data = Object.fromEntries(
      Array.from({ length: 1000 }, (_, i) => [`key-${i}`, Buffer.alloc(1000, i).toString('base64')]),
    )
    const { text } = decode(secret(encodeMessage('Secret', { data })))
    t.same((JSON.parse(text) as KubeObject).data, data)
  }
})

function readRow(row: string): [string, Map<string, string>] {
  const [head = '', ...fields] = row.split(' ')
  return [
    head.split('=')[0] as string,
    new Map(fields.map((each) => [each.slice(0, each.indexOf(':')), each.slice(each.indexOf(':') + 1)])),
  ]
}

function typeName(type: string): string {
  const short = shortName(type)
  return { Time: 'time', MicroTime: 'micro', FieldsV1: 'json', ExtraValue: 'strings' }[short] ?? short
}

function deepest(rows: Map<string, Map<string, string>>, name: string, seen: string[] = []): number {
  if (seen.includes(name)) throw new Error(`${name} holds itself`)
  const below = [...(rows.get(name)?.values() ?? [])].map((each) =>
    (each.split(':')[1] as string).replace(/^(\[\]|\{\}|\*)/, ''),
  )
  return 1 + Math.max(0, ...below.filter((type) => rows.has(type)).map((type) => deepest(rows, type, [...seen, name])))
}
