// The endpoint as a stranger meets it: what is no request, what tries to be two, sizes at their limits, and callers who take their time.
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { signRequest } from '../../host/kms/http/sigv4.ts'
import { MAX_BODY, MAX_CONNECTIONS, MAX_HEADERS } from '../../host/kms/limits.ts'
import { ENCLAVE_ROLE, KmsUnderTest, REGION, USER } from './kit.ts'
import { Lane } from './lane.ts'

t.setTimeout(120_000)
const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const host = `127.0.0.1:${kms.port}`

type Parts = {
  target?: string
  body?: Uint8Array
  head?: string
  line?: string
  headers?: string[]
  length?: string | null
}

/** Signed, and then as it is told. */
function request({
  target = 'TrentService.ListKeys',
  body = Buffer.from('{}'),
  line,
  headers = [],
  length,
}: Parts): Buffer {
  const signed = signRequest(kms.credential(), { host, target, body, region: REGION, nowMs: Date.now() })
  const lines = [
    line ?? 'POST / HTTP/1.1',
    ...Object.entries(signed).map(([name, value]) => `${name}: ${value}`),
    ...headers,
    ...(length === null ? [] : [`content-length: ${length ?? body.length}`]),
  ]
  return Buffer.concat([
    Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    length === null ? Buffer.alloc(0) : body,
  ])
}

/** Statuses and error names, in order, on a connection of its own. */
async function ask(...requests: Buffer[]): Promise<string[]> {
  const lane = new Lane(kms.port)
  const replies = await lane.exchange(requests)
  lane.close()
  return replies.map(({ status, type }) => (type === '' ? String(status) : type))
}
const chunks = (body: Uint8Array, size: number) => {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size)
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), Buffer.from(part), Buffer.from('\r\n'))
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

t.test('answers POST / and nothing else', async (t) => {
  t.same(await ask(request({})), ['200'])
  for (const line of [
    'GET / HTTP/1.1',
    'PUT / HTTP/1.1',
    'OPTIONS / HTTP/1.1',
    'POST /x HTTP/1.1',
    'POST //  HTTP/1.1'.replace('  ', ' '),
    'POST /? HTTP/1.1',
    'POST /?X-Amz-Signature=x HTTP/1.1',
    `POST http://${host}/ HTTP/1.1`,
    'POST /. HTTP/1.1',
    'POST * HTTP/1.1',
  ])
    t.same(await ask(request({ line })), ['UnknownOperationException'], line)
  for (const line of ['CONNECT / HTTP/1.1', 'POST / HTTP/3.0', 'PRI * HTTP/2.0', 'POST /\x00 HTTP/1.1', ''])
    t.match((await ask(request({ line })))[0] ?? 'closed', /^(400|closed|505)$/, line)
  t.same(
    await ask(request({ headers: ['upgrade: websocket', 'connection: upgrade'] })),
    ['200'],
    'never another protocol',
  )
})

t.test('never takes one request for two, or two for one', async (t) => {
  const inner = request({ target: 'TrentService.CreateKey' })
  const before = kms.store.all.length
  for (const [what, bytes] of [
    ['a length and chunks', Buffer.concat([request({ headers: ['transfer-encoding: chunked'] }), inner])],
    ['two lengths that differ', Buffer.concat([request({ headers: ['content-length: 0'] }), inner])],
    ['a length with a sign', request({ length: '+2' })],
    ['a length in hex', request({ length: '0x2' })],
    ['a negative length', request({ length: '-1' })],
    ['a list of lengths', request({ length: '2, 2' })],
    ['a header without a name', request({ headers: [': x'] })],
    ['a space before a colon', request({ headers: ['transfer-encoding : chunked'] })],
    ['a bare carriage return', request({ headers: ['x-a: b\rtransfer-encoding: chunked'] })],
    ['a NUL in a header', request({ headers: ['x-a: \0'] })],
    ['chunks that are not the last coding', request({ headers: ['transfer-encoding: chunked, gzip'], length: null })],
    ['a coding of another name', request({ headers: ['transfer-encoding: xchunked'], length: null })],
    ['two codings', request({ headers: ['transfer-encoding: chunked', 'transfer-encoding: identity'], length: null })],
    [
      'a chunk length that is none',
      Buffer.concat([
        request({ headers: ['transfer-encoding: chunked'], length: null }),
        Buffer.from('g\r\n{}\r\n0\r\n\r\n'),
      ]),
    ],
    [
      'a chunk length beyond numbers',
      Buffer.concat([
        request({ headers: ['transfer-encoding: chunked'], length: null }),
        Buffer.from(`${'f'.repeat(17)}\r\n{}`),
      ]),
    ],
  ] as const) {
    const answers = await ask(bytes, inner)
    t.notOk(answers.includes('200'), `${what}: ${answers.join(', ') || 'closed'}`)
  }
  t.equal(kms.store.all.length, before, 'no key was made')
  t.same(await ask(request({}), inner), ['200', '200'], 'their twins, one behind the other')
  t.equal(kms.store.all.length, before + 1)
})

t.test('takes a body in chunks as it takes it whole, its signature over the bytes without them', async (t) => {
  const body = Buffer.from(`{"Limit":1,"Padding":"${'x'.repeat(3000)}"}`)
  for (const size of [1, 7, 1000, 5000]) {
    const head = request({ body, headers: ['transfer-encoding: chunked'], length: null })
    t.same(await ask(Buffer.concat([head, chunks(body, size)])), ['200'], `chunks of ${size}`)
    const other = Buffer.from(body)
    other[30] = 0x79
    t.same(
      await ask(Buffer.concat([head, chunks(other, size)])),
      ['InvalidSignatureException'],
      `of another body, ${size}`,
    )
  }
})

t.test('bounds bodies, headers and their number', async (t) => {
  const padded = (length: number) => Buffer.from(`{"Padding":"${'x'.repeat(length - 14)}"}`)
  for (const [length, outcome] of [
    [MAX_BODY - 1, '200'],
    [MAX_BODY, '200'],
    [MAX_BODY + 1, 'RequestEntityTooLargeException'],
  ] as const) {
    const body = padded(length)
    t.same(await ask(request({ body })), [outcome], `${length} bytes`)
    const head = request({ body, headers: ['transfer-encoding: chunked'], length: null })
    t.same(await ask(Buffer.concat([head, chunks(body, 60_000)])), [outcome], `${length} bytes in chunks`)
  }
  t.same(
    await ask(request({ length: String(2 ** 40) })),
    ['RequestEntityTooLargeException'],
    'before a byte of it came',
  )
  t.same(await ask(request({ headers: [`x-long: ${'x'.repeat(MAX_HEADERS - 2000)}`] })), ['200'])
  t.same(await ask(request({ headers: [`x-long: ${'x'.repeat(MAX_HEADERS)}`] })), ['431'])
  t.same(await ask(request({ headers: Array.from({ length: 3000 }, (_, i) => `x-${i}: 1`) })), ['431'])
})

t.test('judges what is signed by the bytes that came: doubled, folded and unsigned headers', async (t) => {
  const other = 'x-amz-target: TrentService.CreateKey'
  const before = kms.store.all.length
  t.match(await ask(request({ headers: [other] })), ['InvalidSignatureException'], 'a target more')
  t.match(await ask(request({ headers: ['X-AMZ-TARGET: TrentService.CreateKey'] })), ['InvalidSignatureException'])
  t.match(await ask(request({ headers: [`host: ${host}`] })), [/InvalidSignatureException|400/], 'a host more')
  t.match(await ask(request({ headers: ['authorization: AWS4-HMAC-SHA256 x'] })), ['IncompleteSignatureException'])
  t.match(await ask(request({ headers: ['x-amz-date: 20200101T000000Z'] })), ['IncompleteSignatureException'])
  t.match(await ask(request({ headers: ['content-type: text/plain'] })), [/Exception$/], 'a type more')
  t.match(await ask(request({ headers: ['x-http-method-override: GET', 'x-forwarded-for: 10.0.0.1'] })), ['200'])
  t.equal((kms.events.at(-1) as { sourceIPAddress: string }).sourceIPAddress, '127.0.0.1', 'is who connected')
  t.equal(kms.store.all.length, before)
})

t.test('does what was asked once: a page of the web cannot ask at all', async (t) => {
  const { 'content-type': _, ...signed } = signRequest(kms.credential(), {
    host,
    target: 'TrentService.ListKeys',
    body: Buffer.from('{}'),
    region: REGION,
    nowMs: Date.now(),
  })
  const simple = await fetch(kms.endpoint, { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } })
  t.equal(simple.status, 400)
  t.equal(simple.headers.get('access-control-allow-origin'), null)
  t.equal((await simple.json()).__type, 'MissingAuthenticationTokenException')
  const typed = await fetch(kms.endpoint, {
    method: 'POST',
    body: '{}',
    headers: { ...signed, 'content-type': 'text/plain' },
  })
  t.notOk(typed.ok, 'signed, and of another type')
})

t.test('ends connections that trickle, and is there for others meanwhile', async (t) => {
  const slow = Array.from({ length: 20 }, () => {
    const socket = connect(kms.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST / HTTP/1.1\r\nhost: x\r\n')
    const timer = setInterval(() => socket.write('x: y\r\n'), 500)
    return new Promise<void>((resolve) =>
      socket.once('close', () => {
        clearInterval(timer)
        resolve()
      }),
    )
  })
  const ended = Promise.all(slow).then(() => 'ended')
  for (let i = 0; i < 3; i++) {
    t.same(await ask(request({})), ['200'])
    await sleep(200)
  }
  t.equal(await Promise.race([ended, sleep(60_000, 'still there')]), 'ended')
})

t.test(`holds ${MAX_CONNECTIONS} connections, drops the next, and takes others once they are gone`, async (t) => {
  const own = await KmsUnderTest.start()
  t.teardown(() => own.stop())
  const open = () =>
    new Promise<{ alive: boolean; destroy(): void }>((resolve) => {
      const socket = connect(own.port, '127.0.0.1')
      const facts = { alive: true, destroy: () => socket.destroy() }
      socket.on('error', () => {})
      socket.once('close', () => {
        facts.alive = false
      })
      socket.once('connect', () => resolve(facts))
    })
  const held = []
  for (let i = 0; i < MAX_CONNECTIONS; i++) held.push(await open())
  const more = await open()
  for (let waited = 0; more.alive && waited < 20_000; waited += 20) await sleep(20)
  t.notOk(more.alive, 'the next one is dropped')
  t.equal(held.filter(({ alive }) => alive).length, MAX_CONNECTIONS, 'and none of the others')
  for (const each of held) each.destroy()
  for (let tries = 0; tries < 500; tries++) {
    const { status } = await own.raw('TrentService.ListKeys', '{}').catch(() => ({ status: 0 }))
    if (status === 200) return t.pass('it answers again')
    await sleep(20)
  }
  t.fail('it does not answer any more')
})

t.test('keys of another account, another region or partition are not here, whoever asks', async (t) => {
  const KeyId = await kms.newKey()
  const arn = `arn:aws:kms:${REGION}:${ACCOUNT}:key/${KeyId}`
  const describe = async (reference: string) => {
    const { json } = await kms.raw('TrentService.DescribeKey', JSON.stringify({ KeyId: reference }))
    return json.__type ?? 'found'
  }
  t.equal(await describe(arn), 'found')
  for (const other of [
    arn.replace(ACCOUNT, '111122223333'),
    arn.replace(REGION, 'us-east-1'),
    arn.replace('aws', 'aws-us-gov'),
    arn.replace('kms', 's3'),
    `${arn}:x`,
    arn.replace(':key/', ':key/../key/'),
    `arn:aws:kms:${REGION}:${ACCOUNT}:alias/../key/${KeyId}`,
    `alias/${arn}`,
  ])
    t.equal(await describe(other), 'NotFoundException', other)
  const policy = (AWS: string) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Principal: { AWS: USER }, Action: 'kms:*', Resource: '*' },
        { Effect: 'Allow', Principal: { AWS }, Action: 'kms:*', Resource: '*' },
      ],
    })
  const may = async (AWS: string) => {
    const key = await kms.newKey({ Policy: policy(AWS) })
    const { status } = await kms.raw('TrentService.DescribeKey', JSON.stringify({ KeyId: key }), ENCLAVE_ROLE)
    return status === 200
  }
  t.equal(await may(ENCLAVE_ROLE), true)
  t.equal(await may(ACCOUNT), true)
  t.equal(await may('111122223333'), false)
  t.equal(await may(ENCLAVE_ROLE.replace(ACCOUNT, '111122223333')), false)
  t.equal(await may(`${ENCLAVE_ROLE}x`), false)
})

t.test('a dry run does nothing and says what it would have been; grant tokens are of nobody here', async (t) => {
  const KeyId = await kms.newKey()
  const call = async (operation: string, input: object) => {
    const { json } = await kms.raw(`TrentService.${operation}`, JSON.stringify({ KeyId, ...input }))
    return json
  }
  const Plaintext = 'AAAA'
  const { CiphertextBlob } = await call('Encrypt', { Plaintext })
  for (const [operation, input, secret] of [
    ['Encrypt', { Plaintext }, 'CiphertextBlob'],
    ['Decrypt', { CiphertextBlob }, 'Plaintext'],
    ['ReEncrypt', { CiphertextBlob, DestinationKeyId: KeyId }, 'CiphertextBlob'],
    ['GenerateDataKey', { KeySpec: 'AES_256' }, 'Plaintext'],
    ['GenerateDataKeyWithoutPlaintext', { KeySpec: 'AES_256' }, 'CiphertextBlob'],
    ['GenerateDataKeyPair', { KeyPairSpec: 'ECC_NIST_P256' }, 'PrivateKeyPlaintext'],
    ['GenerateDataKeyPairWithoutPlaintext', { KeyPairSpec: 'ECC_NIST_P256' }, 'PublicKey'],
  ] as const) {
    t.type((await call(operation, input))[secret], 'string', operation)
    const dry = await call(operation, { ...input, DryRun: true })
    t.equal(dry.__type, 'DryRunOperationException', operation)
    t.notOk(secret in dry)
    t.equal((await call(operation, { ...input, GrantTokens: ['x'] })).__type, 'InvalidGrantTokenException', operation)
    t.type((await call(operation, { ...input, GrantTokens: [], DryRun: false }))[secret], 'string', operation)
    t.equal((await call(operation, { ...input, DryRun: 'true' })).__type, 'SerializationException', operation)
  }
  t.equal((await call('Decrypt', { CiphertextBlob: 'AAAA', DryRun: true })).__type, 'InvalidCiphertextException')
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
