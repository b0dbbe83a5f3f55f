import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import t from 'tap'
import { ROLE_OWNER, ROLE_USER } from '../../assembly/abi/channel.ts'
import {
  CIPHERTEXT_OVERHEAD_BYTES,
  KEY_ID_BYTES,
  MAX_CIPHERTEXT_BYTES,
  MAX_NAME_BYTES,
  MAX_NAMES,
  MAX_PLAINTEXT_BYTES,
  MAX_VERSIONS,
} from '../../assembly/abi/kms-provider.ts'
import { documentOf } from '../kit/measuring.ts'
import { type ShellResponse, WorkloadShell } from '../kit/workload-shell.ts'

const PCR0 = Buffer.alloc(48, 0xa5)
const OTHER = Buffer.alloc(48, 0x5a)
/** An entry of a ring as it is stored: assembly/workloads/kms-provider/ring.ts. */
const ENTRY_BYTES = 144
const KEK_AT = 112

type Version = { keyId: string; version: number; state: string; createdMs: number; measurement: string }

function measured(at = WorkloadShell.of('kms-provider'), pcr0 = PCR0): WorkloadShell {
  at.tick()
  at.deliver(documentOf(pcr0))
  return at
}
/** The store of one, opened by another instance: an enclave that starts again, perhaps with other code. */
function restarted(from: WorkloadShell, pcr0 = PCR0): WorkloadShell {
  const next = WorkloadShell.of('kms-provider')
  next.records = new Map(from.records)
  next.version = from.version
  return measured(next, pcr0)
}
const ask = (at: WorkloadShell, verb: string, parts: Parameters<WorkloadShell['request']>[2] = {}) =>
  at.request(['status', ''].includes(verb) ? 'GET' : 'POST', `/v1/keys/default${verb === '' ? '' : `/${verb}`}`, parts)
const named = (keyId: string, more: object = {}) => ({ headers: { 'kms-key-id': keyId }, ...more })
const code = (response: ShellResponse) => [response.status, (response.takeJson() as { error: string }).error]
const current = (at: WorkloadShell): Version => {
  const response = ask(at, 'status')
  if (response.status !== 200) throw new Error(`${response.status} ${response.takeText()}`)
  return response.takeJson() as Version
}
const versions = (at: WorkloadShell): Version[] => (ask(at, '').takeJson() as { versions: Version[] }).versions
const rotate = (at: WorkloadShell): Version => ask(at, 'rotate').takeJson() as Version
function encrypt(at: WorkloadShell, plaintext: Uint8Array): { keyId: string; ciphertext: Buffer } {
  const response = ask(at, 'encrypt', { body: plaintext })
  if (response.status !== 200) throw new Error(`${response.status} ${response.takeText()}`)
  return { keyId: response.headers['kms-key-id'] as string, ciphertext: response.take() }
}
const ring = (at: WorkloadShell, name = 'default') => Buffer.from(at.records.get(`ring/${name}`)?.value as Uint8Array)

t.test('makes the first key once it is measured, and none before', async (t) => {
  const at = WorkloadShell.of('kms-provider')
  t.same(code(ask(at, 'status')), [503, 'ERR_KEY_UNSETTLED'])
  t.same(code(ask(at, 'rotate')), [503, 'ERR_KEY_UNSETTLED'])
  at.tick()
  at.tick()
  t.same(at.tickets.length, 1, 'asks once')
  at.deliver(new Uint8Array(0))
  t.equal(at.records.size, 0, 'no document, no key')
  at.tick()
  at.deliver(documentOf(PCR0.subarray(1)))
  t.equal(at.records.size, 0, 'a register of 47 bytes is none')
  at.tick()
  at.deliver(documentOf(PCR0))
  const { keyId, version, state, createdMs, measurement } = current(at)
  t.match(keyId, /^wasmclave:[0-9a-f]{64}$/)
  t.equal(keyId.length, KEY_ID_BYTES)
  t.same([version, state, createdMs, measurement], [1, 'current', Number(at.timeMs), PCR0.toString('hex')])
  t.equal(current(restarted(at)).keyId, keyId, 'and it is the same after a restart')
})

t.test('seals AES-256-GCM with the key_id as additional data, as node:crypto opens it', async (t) => {
  const at = measured()
  const seed = randomBytes(32)
  const { keyId, ciphertext } = encrypt(at, seed)
  t.equal(keyId, current(at).keyId)
  t.equal(ciphertext.length, seed.length + CIPHERTEXT_OVERHEAD_BYTES)
  const kek = ring(at).subarray(KEK_AT, KEK_AT + 32)
  const opened = createDecipheriv('aes-256-gcm', kek, ciphertext.subarray(1, 13))
    .setAAD(Buffer.from(keyId))
    .setAuthTag(ciphertext.subarray(-16))
  t.same(Buffer.concat([opened.update(ciphertext.subarray(13, -16)), opened.final()]), seed)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', kek, nonce).setAAD(Buffer.from(keyId))
  const foreign = Buffer.concat([Buffer.from([1]), nonce, cipher.update(seed), cipher.final(), cipher.getAuthTag()])
  t.same(ask(at, 'decrypt', named(keyId, { body: foreign })).take(), seed, 'and the other way round')
  t.notSame(encrypt(at, seed).ciphertext, ciphertext, 'each has a nonce of its own')
})

t.test('accepts sizes up to their limits and rejects one byte more', async (t) => {
  const at = measured()
  const { keyId } = current(at)
  t.equal(MAX_PLAINTEXT_BYTES + CIPHERTEXT_OVERHEAD_BYTES, MAX_CIPHERTEXT_BYTES)
  for (const [length, status] of [
    [0, 400],
    [1, 200],
    [MAX_PLAINTEXT_BYTES - 1, 200],
    [MAX_PLAINTEXT_BYTES, 200],
    [MAX_PLAINTEXT_BYTES + 1, 400],
  ] as const) {
    const plaintext = randomBytes(length)
    const response = ask(at, 'encrypt', { body: plaintext })
    t.equal(response.status, status, `${length}`)
    if (status === 400) t.match(response.takeText(), /ERR_PLAINTEXT_LENGTH/)
    else t.same(ask(at, 'decrypt', named(keyId, { body: response.take() })).take(), plaintext)
  }
  for (const [length, error] of [
    [0, 'ERR_CIPHERTEXT_LENGTH'],
    [1, 'ERR_OPEN_FAILED'],
    [MAX_CIPHERTEXT_BYTES - 1, 'ERR_OPEN_FAILED'],
    [MAX_CIPHERTEXT_BYTES, 'ERR_OPEN_FAILED'],
    [MAX_CIPHERTEXT_BYTES + 1, 'ERR_CIPHERTEXT_LENGTH'],
  ] as const)
    t.same(code(ask(at, 'decrypt', named(keyId, { body: Buffer.alloc(length, 1) }))), [400, error], `${length}`)
  for (const [length, status] of [
    [1, 201],
    [MAX_NAME_BYTES - 1, 201],
    [MAX_NAME_BYTES, 201],
    [MAX_NAME_BYTES + 1, 400],
  ] as const)
    t.equal(at.request('POST', `/v1/keys/${'n'.repeat(length)}/rotate`).status, status, `name of ${length}`)
  for (const name of ['', 'A', 'a_b', '-a', 'a-', 'a%62', 'ä'])
    t.equal(at.request('POST', `/v1/keys/${name}/rotate`).status, 400, name)
})

t.test('rejects every altered ciphertext with one code and one message', async (t) => {
  const at = measured()
  const { keyId, ciphertext } = encrypt(at, randomBytes(32))
  t.equal(ask(at, 'decrypt', named(keyId, { body: ciphertext })).status, 200)
  const answers = new Set<string>()
  for (let bit = 0; bit < ciphertext.length * 8; bit++) {
    const altered = Buffer.from(ciphertext)
    altered.writeUInt8(altered.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const response = ask(at, 'decrypt', named(keyId, { body: altered }))
    answers.add(`${response.status} ${response.takeText()}`)
  }
  for (let length = 1; length < ciphertext.length; length++) {
    const response = ask(at, 'decrypt', named(keyId, { body: ciphertext.subarray(0, length) }))
    answers.add(`${response.status} ${response.takeText()}`)
  }
  t.same([...answers], ['400 {"error":"ERR_OPEN_FAILED","message":"the ciphertext does not open"}\n'])
})

t.test('opens under the key_id that sealed it and under no other', async (t) => {
  const at = measured()
  const { keyId, ciphertext } = encrypt(at, randomBytes(32))
  const second = rotate(at)
  t.not(second.keyId, keyId)
  t.equal(ask(at, 'decrypt', named(keyId, { body: ciphertext })).status, 200, 'the old version opens what it sealed')
  t.same(code(ask(at, 'decrypt', named(second.keyId, { body: ciphertext }))), [400, 'ERR_OPEN_FAILED'])
  const unknown = `wasmclave:${'0'.repeat(64)}`
  for (const wrong of [
    unknown,
    keyId.toUpperCase(),
    keyId.slice(0, -1),
    `${keyId}0`,
    keyId.replace('wasmclave', 'wasmclavf'),
  ])
    t.same(code(ask(at, 'decrypt', named(wrong, { body: ciphertext }))), [404, 'ERR_KEY_UNKNOWN'], wrong)
  t.same(code(ask(at, 'decrypt', { body: ciphertext })), [400, 'ERR_KEY_ID_MISSING'])
  at.request('POST', '/v1/keys/other/rotate')
  const path = '/v1/keys/other/decrypt'
  t.same(
    code(at.request('POST', path, named(keyId, { body: ciphertext }))),
    [404, 'ERR_KEY_UNKNOWN'],
    'nor another name',
  )
  t.same(code(at.request('POST', '/v1/keys/none/decrypt', named(keyId, { body: ciphertext }))), [
    404,
    'ERR_KEY_NAME_UNKNOWN',
  ])
})

t.test('rotates to a key_id that was never there, seals with it, and with the one before for who asks', async (t) => {
  const at = measured()
  const first = current(at)
  const second = rotate(at)
  t.same([second.version, second.state, current(at).keyId], [2, 'current', second.keyId])
  t.same(
    versions(at).map(({ keyId, state }) => [keyId, state]),
    [
      [first.keyId, 'previous'],
      [second.keyId, 'current'],
    ],
  )
  t.equal(encrypt(at, randomBytes(32)).keyId, second.keyId)
  const asked = ask(at, 'encrypt', named(first.keyId, { body: randomBytes(32) }))
  t.same([asked.status, asked.headers['kms-key-id']], [200, first.keyId])
  const seen = new Set(versions(at).map(({ keyId }) => keyId))
  for (let i = 0; i < 10; i++) seen.add(rotate(at).keyId)
  t.equal(seen.size, 12)
  const before = WorkloadShell.of('kms-provider')
  before.records = new Map(
    [...at.records].map(([key, value]) => [key, { ...value, value: ring(at).subarray(0, ENTRY_BYTES) }]),
  )
  measured(before)
  t.notOk(seen.has(rotate(before).keyId), 'not even from a store that was put back')
})

t.test('retires a version for good, and the current one only where it is said', async (t) => {
  const at = measured()
  const { keyId, ciphertext } = encrypt(at, randomBytes(32))
  t.same(code(ask(at, 'retire', named(keyId))), [409, 'ERR_KEY_CURRENT'])
  rotate(at)
  const kek = ring(at).subarray(KEK_AT, KEK_AT + 32)
  t.notOk(kek.equals(Buffer.alloc(32)))
  t.equal(ask(at, 'decrypt', named(keyId, { body: ciphertext })).status, 200, 'until then it opens')
  t.match(ask(at, 'retire', named(keyId)).takeJson(), { keyId, state: 'retired' })
  t.same(code(ask(at, 'decrypt', named(keyId, { body: ciphertext }))), [409, 'ERR_KEY_RETIRED'])
  t.same(code(ask(at, 'encrypt', named(keyId, { body: 'x' }))), [409, 'ERR_KEY_RETIRED'])
  t.notOk(ring(at).includes(kek), 'its key is erased from the store')
  const { keyId: second } = current(at)
  const path = '/v1/keys/default/retire?current'
  t.equal(at.request('POST', path, named(second)).status, 200)
  for (const each of ['status', 'encrypt'])
    t.same(code(ask(at, each, each === 'status' ? {} : { body: 'x' })), [409, 'ERR_KEY_RETIRED'], each)
  t.same(code(ask(restarted(at), 'status')), [409, 'ERR_KEY_RETIRED'], 'a restart changes nothing')
  t.same(code(ask(restarted(at, OTHER), 'status')), [409, 'ERR_KEY_RETIRED'], 'nor does other code')
  t.equal(rotate(at).version, 3)
  t.equal(ask(at, 'status').status, 200)
})

t.test('makes every key anew for other code, one name a call, and keeps the old ones', async (t) => {
  const at = measured()
  for (const name of ['a', 'b']) at.request('POST', `/v1/keys/${name}/rotate`)
  const { keyId, ciphertext } = encrypt(at, Buffer.from('old'))
  const next = restarted(at, OTHER)
  for (let i = 0; i < 3; i++) next.tick()
  for (const name of ['a', 'b', 'default']) {
    const { version, measurement } = next.request('GET', `/v1/keys/${name}/status`).takeJson() as Version
    t.same([version, measurement], [2, OTHER.toString('hex')], name)
  }
  t.equal(ask(next, 'decrypt', named(keyId, { body: ciphertext })).takeText(), 'old')
  const before = next.version
  next.tick()
  t.equal(next.version, before, 'and writes no more then')
  const conflicted = WorkloadShell.of('kms-provider')
  conflicted.records = new Map(at.records)
  conflicted.version = at.version
  conflicted.writesUntilAgain = 0
  measured(conflicted, OTHER)
  t.same(
    code(conflicted.request('GET', '/v1/keys/a/status')),
    [503, 'ERR_KEY_UNSETTLED'],
    'what could not be written yet',
  )
  conflicted.writesUntilAgain = Number.POSITIVE_INFINITY
  for (let i = 0; i < 3; i++) conflicted.tick()
  t.equal(conflicted.request('GET', '/v1/keys/a/status').status, 200)
})

t.test('keeps so many versions, and drops the oldest that is retired for a new one', async (t) => {
  const at = measured()
  const first = current(at).keyId
  for (let version = 2; version <= MAX_VERSIONS; version++) t.equal(ask(at, 'rotate').status, 201, `${version}`)
  t.same(code(ask(at, 'rotate')), [409, 'ERR_KEY_VERSIONS'])
  const foreign = restarted(at, OTHER)
  foreign.tick()
  t.same(code(ask(foreign, 'status')), [409, 'ERR_KEY_VERSIONS'], 'other code without room says so')
  t.equal(ask(foreign, 'retire', named(first)).status, 200)
  foreign.tick()
  t.equal(current(foreign).version, MAX_VERSIONS + 1)
  t.equal(versions(foreign).length, MAX_VERSIONS)
  t.same(code(ask(foreign, 'decrypt', named(first, { body: Buffer.alloc(61, 1) }))), [404, 'ERR_KEY_UNKNOWN'])
})

t.test('keeps so many names', async (t) => {
  const at = measured()
  for (let name = 2; name <= MAX_NAMES; name++) t.equal(at.request('POST', `/v1/keys/n${name}/rotate`).status, 201)
  t.same(code(at.request('POST', '/v1/keys/more/rotate')), [409, 'ERR_KEY_NAMES'])
  t.equal(at.request('POST', '/v1/keys/n2/rotate').status, 201, 'those that are there rotate')
  const { keys } = at.request('GET', '/v1/keys').takeJson() as { keys: { name: string; versions: number }[] }
  t.equal(keys.length, MAX_NAMES)
  t.same(keys[0], { name: 'default', versions: 1 })
})

t.test('lets users encrypt, decrypt and ask, and owners alone do the rest', async (t) => {
  const at = measured()
  const { keyId, ciphertext } = encrypt(at, randomBytes(32))
  const rows: [method: string, path: string, user: number, owner: number, parts: object][] = [
    ['GET', '/v1/keys/default/status', 200, 200, {}],
    ['POST', '/v1/keys/default/encrypt', 200, 200, { body: 'x' }],
    ['POST', '/v1/keys/default/decrypt', 200, 200, named(keyId, { body: ciphertext })],
    ['POST', '/v1/keys/default/rotate', 403, 201, {}],
    ['POST', '/v1/keys/default/retire', 403, 200, named(keyId)],
    ['GET', '/v1/keys/default', 403, 200, {}],
    ['GET', '/v1/keys', 403, 200, {}],
  ]
  for (const [method, path, user, owner, parts] of rows) {
    const before = at.version
    t.equal(at.request(method, path, { ...parts, role: ROLE_USER }).status, user, `user ${method} ${path}`)
    t.equal(at.version, before)
    t.equal(at.request(method, path, { ...parts, role: ROLE_OWNER }).status, owner, `owner ${method} ${path}`)
  }
  for (const [method, path, status] of [
    ['POST', '/v1/keys/default/status', 405],
    ['GET', '/v1/keys/default/encrypt', 405],
    ['PUT', '/v1/keys', 405],
    ['GET', '/v1/keysx', 404],
    ['POST', '/v1/keys/default/export', 404],
    ['POST', '/v1/keys/default/encrypt/x', 404],
    ['GET', '/', 404],
  ] as const)
    t.equal(at.request(method, path).status, status, `${method} ${path}`)
})

t.test('gives no key away, in whatever it answers, and keeps none in its memory between calls', async (t) => {
  const at = measured()
  rotate(at)
  const keks = [0, 1].map((index) => ring(at).subarray(index * ENTRY_BYTES + KEK_AT, (index + 1) * ENTRY_BYTES))
  const seed = randomBytes(32)
  const { keyId, ciphertext } = encrypt(at, seed)
  const answers = [
    ask(at, 'status'),
    ask(at, ''),
    at.request('GET', '/v1/keys'),
    ask(at, 'decrypt', named(keyId, { body: ciphertext })),
    ask(at, 'retire', named('wasmclave:')),
    ask(at, 'nothing'),
  ].map((each) => Buffer.concat([Buffer.from(JSON.stringify(each.headers)), each.take()]))
  const holds = (bytes: Buffer, secret: Buffer) => bytes.includes(secret) || bytes.includes(secret.toString('hex'))
  t.ok(
    answers.some((answer) => answer.includes(seed)),
    'the twin: what was decrypted is found',
  )
  for (const kek of keks) t.notOk(answers.some((answer) => holds(answer, kek)))
  at.tick()
  const memory = Buffer.from(at.memory)
  t.ok(memory.includes(PCR0), 'the twin: the measurement is found')
  for (const kek of keks) t.notOk(memory.includes(kek))
  t.notOk(memory.includes(seed), 'nor what passed')
})
