import { randomBytes } from 'node:crypto'
import { CompactSign, UnsecuredJWT } from 'jose'
import t from 'tap'
import { ACTIONS, isGuarded, type Request } from '../../host/control/actions.ts'
import { genesisDigest } from '../../host/control/genesis.ts'
import { rawPublicKey, thumbprint } from '../../host/control/keys.ts'
import { Offices } from '../../host/control/offices.ts'
import { judgeRequest, requestDigest, signRequest, verifyRequest } from '../../host/control/request.ts'
import { encodeCanonicalJson } from '../../host/wire/canonical-json.ts'
import { newGenesis, newKey } from '../kit/genesis.ts'

const NOW = Date.parse('2026-01-01T00:00:00Z')
const describe: Request = { action: 'describe-enclaves', parameters: { metadata: false } }
const { genesis, operator, approvers, auditor } = newGenesis()
const audience = { genesis: genesisDigest(genesis), host: genesis.hostId }
const offices = new Offices(genesis)
/** What a host that has never seen a request makes of it. */
async function authorise(jws: string, now = NOW) {
  const signed = await verifyRequest(jws, (kid) => offices.byKid(kid))
  const { request, refusal } = judgeRequest(signed, genesis.roles, audience, now)
  if (refusal !== undefined) throw refusal
  return { ...request, role: signed.office.role, kid: signed.kid, digest: signed.digest }
}
const signed = (request: Request = describe, key = operator, aud = audience, now = NOW) =>
  signRequest(key, aud, request, now, randomBytes(16))

t.test('accepts a request of the operator, and says who asked', async (t) => {
  const request = await authorise(await signed())
  t.match(request, { action: 'describe-enclaves', role: 'operator', kid: thumbprint(rawPublicKey(operator)) })
})

t.test('knows a request again by what was signed, however it is written', async (t) => {
  const jws = await signed()
  const { digest } = await authorise(jws)
  t.equal(digest, requestDigest(jws), 'and its sender knows the same')
  t.not((await authorise(await signed())).digest, digest)
})

t.test('rejects another host and another genesis', async (t) => {
  const code = { code: 'ERR_ADMIN_AUDIENCE' }
  await t.rejects(authorise(await signed(describe, operator, { ...audience, host: 'i-0000000000000000f' })), code)
  await t.rejects(authorise(await signed(describe, operator, { ...audience, genesis: '0'.repeat(96) })), code)
})

t.test('accepts until it expires and rejects a second later; clocks may differ by a minute', async (t) => {
  const jws = await signed()
  await authorise(jws, NOW + 300_000)
  await t.rejects(authorise(jws, NOW + 301_000), { code: 'ERR_ADMIN_EXPIRED' })
  await authorise(jws, NOW - 60_000)
  await t.rejects(authorise(jws, NOW - 61_000), { code: 'ERR_ADMIN_EXPIRED' })
})

t.test('rejects a key without office, and an action beyond the role', async (t) => {
  await t.rejects(authorise(await signed(describe, newKey())), { code: 'ERR_ADMIN_KEY' })
  const stop: Request = { action: 'terminate-enclave', parameters: { all: true } }
  await authorise(await signed(stop, operator))
  await t.rejects(authorise(await signed(stop, auditor)), { code: 'ERR_ADMIN_ROLE' })
})

t.test('tells whoever asks for a guarded action alone how it is proposed', async (t) => {
  const approver = approvers[0] as typeof operator
  const key = Buffer.from(rawPublicKey(approver)).toString('hex')
  const rows: [Request, typeof operator][] = [
    [{ action: 'roll-out', parameters: { name: 'echo', release: '0'.repeat(96) } }, operator],
    [{ action: 'rotate-store-keys', parameters: { name: 'echo' } }, operator],
    [{ action: 'enrol-key', parameters: { role: 'operator', key } }, approver],
    [{ action: 'revoke-key', parameters: { key } }, approver],
    [{ action: 'change-policy', parameters: { policy: 'AA' } }, approver],
  ]
  t.same(rows.map(([{ action }]) => action).toSorted(), ACTIONS.filter(isGuarded).toSorted(), 'all of them')
  for (const [request, by] of rows)
    await t.rejects(authorise(await signed(request, by)), {
      code: 'ERR_ADMIN_GUARDED',
      message: new RegExp(`"admin propose ${request.action}", then approvals, then "admin execute"`),
    })
  await authorise(await signed({ action: 'execute', parameters: { proposal: '0'.repeat(64) } }))
})

t.test('rejects every changed character of a request', async (t) => {
  const jws = await signed()
  for (let i = 0; i < jws.length - 1; i += 3) {
    const swapped = jws[i] === 'A' ? 'B' : 'A'
    await t.rejects(authorise(jws.slice(0, i) + swapped + jws.slice(i + 1)), `character ${i}`)
  }
})

const kid = thumbprint(rawPublicKey(operator))
const payload = { aud: audience, iat: NOW / 1000, exp: NOW / 1000 + 300, nonce: '0'.repeat(32), ...describe }
const make = (header: object, body: object) =>
  new CompactSign(encodeCanonicalJson(body as never)).setProtectedHeader(header as never).sign(operator)
const header = { alg: 'EdDSA', typ: 'wasmclave-admin+jws', kid }

t.test('rejects other headers and payloads, each beside its accepted twin', async (t) => {
  await authorise(await make(header, payload))
  const rows: [string, object, object, string][] = [
    ['no typ', { alg: 'EdDSA', kid }, payload, 'ERR_ADMIN_SYNTAX'],
    ['typ JWT', { ...header, typ: 'JWT' }, payload, 'ERR_ADMIN_SYNTAX'],
    ['alg Ed25519 by its new name', { ...header, alg: 'Ed25519' }, payload, 'ERR_ADMIN_SYNTAX'],
    ['a key of its own', { ...header, jwk: { kty: 'OKP' } }, payload, 'ERR_ADMIN_SYNTAX'],
    ['a field more', header, { ...payload, sudo: true }, 'ERR_ADMIN_SYNTAX'],
    ['no nonce', header, { ...payload, nonce: undefined }, 'ERR_ADMIN_SYNTAX'],
    ['a day long', header, { ...payload, exp: payload.iat + 86400 }, 'ERR_ADMIN_EXPIRED'],
    ['unknown action', header, { ...payload, action: 'exec' }, 'ERR_ADMIN_ACTION'],
    ['an action of the prototype', header, { ...payload, action: 'constructor' }, 'ERR_ADMIN_ACTION'],
    ['a parameter more', header, { ...payload, parameters: { metadata: false, x: 1 } }, 'ERR_ADMIN_PARAMETERS'],
    ['a parameter of other type', header, { ...payload, parameters: { metadata: 'no' } }, 'ERR_ADMIN_PARAMETERS'],
    ['a list for parameters', header, { ...payload, parameters: [false] }, 'ERR_ADMIN_PARAMETERS'],
  ]
  for (const [name, head, body, code] of rows) await t.rejects(authorise(await make(head, body)), { code }, name)
  await t.rejects(authorise(new UnsecuredJWT(payload as never).encode()), { code: 'ERR_ADMIN_SYNTAX' }, 'alg none')
  await t.rejects(authorise('x'.repeat(65537)), { code: 'ERR_ADMIN_SYNTAX' }, 'too long')
  await t.rejects(authorise(''), { code: 'ERR_ADMIN_SYNTAX' }, 'empty')
})
