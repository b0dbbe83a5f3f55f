// Signatures of requests: what is missing, incomplete, of a wrong secret, too old, altered or unknown is refused by AWS's names; the SDK's are taken.
import { ListKeysCommand } from '@aws-sdk/client-kms'
import t from 'tap'
import { ACCOUNT } from '../../host/kms/account.ts'
import { parseCredentials } from '../../host/kms/http/credentials.ts'
import { signRequest } from '../../host/kms/http/sigv4.ts'
import { KmsUnderTest, REGION, USER } from './kit.ts'

const kms = await KmsUnderTest.start()
t.teardown(() => kms.stop())
const MINUTE = 60_000
const body = Buffer.from('{}')
const base = {
  host: `127.0.0.1:${kms.port}`,
  target: 'TrentService.ListKeys',
  body,
  region: REGION,
  nowMs: Date.now(),
}
type Headers = Record<string, string>
const signed = (changes: Partial<typeof base> = {}, credential = kms.credential()) =>
  signRequest(credential, { ...base, nowMs: Date.now(), ...changes })

async function send(headers: Headers, sent: Uint8Array = body): Promise<string> {
  const response = await fetch(kms.endpoint, { method: 'POST', headers, body: Buffer.from(sent) })
  const text = await response.text()
  const type = response.ok ? 'accepted' : (JSON.parse(text).__type as string)
  // Each answer carries both, wherever it comes from.
  if (!response.ok && response.headers.get('x-amzn-errortype') !== type) throw new Error(`the header says not ${type}`)
  if (response.headers.get('x-amzn-requestid')?.length !== 36) throw new Error('no request id')
  return type
}
const authorization = (change: (text: string) => string): Headers => {
  const headers = signed()
  return { ...headers, authorization: change(headers.authorization as string) }
}

t.test("takes the SDK's and its own", async (t) => {
  t.ok((await kms.client().send(new ListKeysCommand({}))).Keys)
  t.equal(await send(signed()), 'accepted')
  t.equal(await send(signed({ region: 'eu-central-1' })), 'accepted', 'of whichever region the client is set to')
})

t.test('refuses one that is missing, or is not this scheme', async (t) => {
  const { authorization: _, ...unsigned } = signed()
  t.equal(await send(unsigned), 'MissingAuthenticationTokenException')
  for (const other of [
    'Basic dXNlcjpwYXNz',
    'Bearer x',
    'AWS4-ECDSA-P256-SHA256 Credential=x',
    'aws4-hmac-sha256 x',
    '',
  ])
    t.match(
      await send({ ...unsigned, authorization: other }),
      /^(IncompleteSignature|MissingAuthenticationToken)Exception$/,
    )
})

t.test('refuses one with a part missing, twice, or malformed', async (t) => {
  for (const [what, change] of [
    ['no Credential', (a: string) => a.replace(/Credential=[^,]+, ?/, '')],
    ['no SignedHeaders', (a: string) => a.replace(/SignedHeaders=[^,]+, ?/, '')],
    ['no Signature', (a: string) => a.replace(/,? ?Signature=.*$/, '')],
    ['an empty Signature', (a: string) => a.replace(/Signature=.*$/, 'Signature=')],
    [
      'a Signature in upper case',
      (a: string) =>
        a.replace(/Signature=(.*)$/, (s) => `Signature=${s.slice(10).toUpperCase().replace(/^.{8}/, 'ABCDEF01')}`),
    ],
    ['a short Signature', (a: string) => a.slice(0, -1)],
    ['two of one', (a: string) => `${a}, Signature=${'0'.repeat(64)}`],
    ['a scope of four', (a: string) => a.replace('/aws4_request', '')],
    ['a scope of six', (a: string) => a.replace('/kms/', '/kms/kms/')],
    ['a header twice in SignedHeaders', (a: string) => a.replace('SignedHeaders=', 'SignedHeaders=host;')],
  ] as const)
    t.equal(await send(authorization(change)), 'IncompleteSignatureException', what)
  const { 'x-amz-date': _, ...undated } = signed()
  t.equal(await send(undated), 'IncompleteSignatureException', 'no date')
  t.equal(
    await send({ ...signed(), 'x-amz-date': new Date().toUTCString() }),
    'IncompleteSignatureException',
    'a date of HTTP',
  )
})

t.test('refuses one of another scope, or that leaves out what counts', async (t) => {
  for (const [what, change] of [
    ['another service', (a: string) => a.replace('/kms/', '/s3/')],
    ['another terminator', (a: string) => a.replace('aws4_request', 'aws5_request')],
    ['another region than it was signed for', (a: string) => a.replace(`/${REGION}/`, '/us-east-1/')],
    ['no region', (a: string) => a.replace(`/${REGION}/`, '//')],
    ['another day', (a: string) => a.replace(/\/\d{8}\//, '/20200101/')],
    ['host not signed', (a: string) => a.replace('host;', '')],
    ['x-amz-target not signed', (a: string) => a.replace(';x-amz-target', '')],
    ['x-amz-date not signed', (a: string) => a.replace('x-amz-date;', '')],
    ['a signed header that is not there', (a: string) => a.replace('host;', 'host;x-missing;')],
    ['one digit changed', (a: string) => a.replace(/.$/, (d) => (d === '0' ? '1' : '0'))],
  ] as const)
    t.equal(await send(authorization(change)), 'InvalidSignatureException', what)
  t.equal(await send({ ...signed(), 'x-amz-more': 'unsigned' }), 'InvalidSignatureException', 'an x-amz header more')
})

t.test('refuses the wrong secret, an unknown key, and a token that is not the credential’s', async (t) => {
  const own = kms.credential()
  const other = kms.credential(`arn:aws:iam::${ACCOUNT}:root`)
  t.equal(await send(signed({}, { ...own, secretAccessKey: other.secretAccessKey })), 'InvalidSignatureException')
  t.equal(await send(signed({}, { ...own, accessKeyId: 'AKIAUNKNOWN' })), 'UnrecognizedClientException')
  t.equal(await send(signed({}, { ...own, accessKeyId: '__proto__' })), 'UnrecognizedClientException')
  t.equal(await send(signed({}, { ...own, sessionToken: 'token' })), 'UnrecognizedClientException')
  t.equal(await send(signed({}, own)), 'accepted')
})

t.test('takes a session by its token until it ends', async (t) => {
  const session = (notAfter: string) =>
    parseCredentials(
      `[s]\naws_access_key_id = ASIA${notAfter.slice(0, 4)}\naws_secret_access_key = secret\naws_session_token = token\nwasmclave_principal = ${USER}\nwasmclave_not_after = ${notAfter}\n`,
      ACCOUNT,
    )
  const [[, over]] = [...session('2020-01-01T00:00:00Z')] as [[string, ReturnType<typeof kms.credential>]]
  const [[, valid]] = [...session('2120-01-01T00:00:00Z')] as [[string, ReturnType<typeof kms.credential>]]
  for (const each of [over, valid]) kms.credentials.set(each.accessKeyId, each)
  t.equal(await send(signed({}, valid)), 'accepted')
  t.equal(await send(signed({}, { ...valid, sessionToken: undefined })), 'UnrecognizedClientException')
  t.equal(await send(signed({}, { ...valid, sessionToken: 'tokem' })), 'UnrecognizedClientException')
  t.equal(await send(signed({}, over)), 'ExpiredTokenException')
})

t.test('refuses one older or newer than five minutes by the callers’ clock, whatever the KMS’s own says', async (t) => {
  // Ten seconds on either side: a busy machine takes its time.
  for (const [offset, outcome] of [
    [-5 * MINUTE + 10_000, 'accepted'],
    [-5 * MINUTE - 1000, 'InvalidSignatureException'],
    [5 * MINUTE - 1000, 'accepted'],
    [5 * MINUTE + 10_000, 'InvalidSignatureException'],
  ] as const)
    t.equal(await send(signed({ nowMs: Date.now() + offset })), outcome, `${offset} ms`)
  const before = kms.nowMs
  kms.nowMs += 1000 * 3_600_000
  t.equal(await send(signed()), 'accepted')
  kms.nowMs = before
})

t.test('refuses a body, a target or a host other than those that were signed', async (t) => {
  t.equal(await send(signed(), Buffer.from('{ }')), 'InvalidSignatureException')
  t.equal(await send(signed({ body: Buffer.from('') }), body), 'InvalidSignatureException')
  t.equal(await send({ ...signed(), 'x-amz-target': 'TrentService.ListAliases' }), 'InvalidSignatureException')
  t.equal(await send(signed({ host: 'kms.us-east-1.amazonaws.com' })), 'InvalidSignatureException')
  t.equal(await send(signed()), 'accepted')
})

t.test(
  'names an operation that it does not have, and a body that is no JSON object, when the signature holds',
  async (t) => {
    for (const target of [
      'TrentService.CreateGrant',
      'TrentService.',
      'ListKeys',
      'TrentService.__proto__',
      'DynamoDB.ListKeys',
    ])
      t.equal(await send(signed({ target })), 'UnknownOperationException', target)
    for (const wrong of [
      '',
      '[]',
      'null',
      '"x"',
      '{',
      '{}{}',
      '\ufeff{}',
      '{"Limit":"1"}',
      '{"Limit":1.5}',
      '{"Limit":true}',
    ]) {
      const bytes = Buffer.from(wrong)
      t.equal(await send(signed({ body: bytes }), bytes), 'SerializationException', wrong)
    }
    const bytes = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])
    t.equal(await send(signed({ body: bytes }), bytes), 'SerializationException', 'bytes that are no UTF-8')
    const extended = Buffer.from('{"Limit":1,"__proto__":{"Limit":0},"constructor":1,"Unknown":[[]]}')
    t.equal(await send(signed({ body: extended }), extended), 'accepted', 'fields that nobody reads')
  },
)

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
