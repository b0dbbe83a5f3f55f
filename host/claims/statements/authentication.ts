/** 7. Administrative APIs always authenticate, authorise and log. */
import { createHmac, createPrivateKey, sign } from 'node:crypto'
import { rawPublicKey, thumbprint } from '../../control/keys.ts'
import { type Attempt, refused, sharedTwin, through } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { enveloped, findingOf, sendAdmin, signWish, type Wish } from '../doors.ts'
import type { Signer, Target } from '../target.ts'

const READ: Wish = { action: 'describe-enclaves', parameters: { metadata: false } }
const HOUR_MS = 3_600_000

/** What a role may not do where the policy says nothing else. */
const FORBIDDEN: [signer: Signer, action: string, parameters: unknown][] = [
  ['approver-1', 'terminate-enclave', { name: 'no-such-enclave' }],
  ['approver-2', 'terminate-enclave', { all: true }],
  ['stranger', 'describe-enclaves', { metadata: false }],
  ['stranger', 'describe-host', {}],
  ['stranger', 'terminate-enclave', { all: true }],
]

export const authentication: Claim = {
  number: 7,
  statement: 'Administrative APIs always authenticate, authorise and log',
  attempts: (target) => [...messages(target), ...tokens(target), ...roles(target), replay(target)],
}

const valid = (target: Target) =>
  sharedTwin('the same request, signed by the operator', async () =>
    findingOf(await sendAdmin(target, enveloped(await signWish(target, 'operator', READ)))),
  )

/** Messages that carry no signed request. */
function messages(target: Target): Attempt[] {
  const twin = valid(target)
  const bare = (params: unknown, method = 'request') => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const cases: [what: string, message: string][] = [
    ['no signature at all', bare(READ)],
    ['an empty token', bare({ jws: '' })],
    ['the action as the method', bare(READ.parameters, READ.action)],
    ['a token that is no token', bare({ jws: 'a.b.c' })],
    ['a list of requests', `[${bare(READ)},${bare(READ)}]`],
    ['what is no JSON', '{'],
  ]
  return cases.map(([what, message]) => ({
    what: `admin request: ${what}`,
    attack: async () => findingOf(await sendAdmin(target, message)),
    twin,
  }))
}

/** Tokens that look like one. */
function tokens(target: Target): Attempt[] {
  const twin = valid(target)
  const token = (header: Record<string, unknown>, signature: (input: string) => string) => async () => {
    const [, payload] = (await signWish(target, 'operator', READ)).split('.')
    const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`
    return `${input}.${signature(input)}`
  }
  const raw = rawPublicKey(target.key('operator'))
  const kid = thumbprint(raw)
  const typ = 'wasmclave-admin+jws'
  const by = (signer: Signer) => (input: string) =>
    sign(
      null,
      Buffer.from(input),
      createPrivateKey(target.key(signer).export({ format: 'pem', type: 'pkcs8' })),
    ).toString('base64url')
  const cases: [what: string, jws: () => Promise<string>][] = [
    ['algorithm none', token({ alg: 'none', typ, kid }, () => '')],
    [
      "HMAC under the operator's public key",
      token({ alg: 'HS256', typ, kid }, (input) => createHmac('sha256', raw).update(input).digest('base64url')),
    ],
    ["signed by a stranger, under the operator's name", token({ alg: 'EdDSA', typ, kid }, by('stranger'))],
    ["signed by an approver, under the operator's name", token({ alg: 'EdDSA', typ, kid }, by('approver-1'))],
    ['a token of another type', token({ alg: 'EdDSA', typ: 'JWT', kid }, by('operator'))],
    [
      'a key in the header',
      token(
        {
          alg: 'EdDSA',
          typ,
          kid,
          jwk: {
            kty: 'OKP',
            crv: 'Ed25519',
            x: Buffer.from(rawPublicKey(target.key('stranger'))).toString('base64url'),
          },
        },
        by('stranger'),
      ),
    ],
    ['one of yesterday', () => signWish(target, 'operator', READ, { nowMs: Date.now() - 24 * HOUR_MS })],
    ['one of tomorrow', () => signWish(target, 'operator', READ, { nowMs: Date.now() + 24 * HOUR_MS })],
    ['one for another host', () => signWish(target, 'operator', READ, { host: 'i-00000000000000000' })],
    [
      'one under another genesis',
      () => signWish(target, 'operator', READ, { genesis: '0'.repeat(target.genesis.digest.length) }),
    ],
    ['its last character changed', async () => flipped(await signWish(target, 'operator', READ))],
    [
      'its payload changed',
      async () => {
        const [header, payload, signature] = (await signWish(target, 'operator', READ)).split('.')
        const text = Buffer.from(payload as string, 'base64url')
          .toString()
          .replace('"metadata":false', '"metadata":true ')
        return `${header}.${Buffer.from(text).toString('base64url')}.${signature}`
      },
    ],
  ]
  return cases.map(([what, jws]) => ({
    what: `admin request: ${what}`,
    attack: async () => findingOf(await sendAdmin(target, enveloped(await jws()))),
    twin,
  }))
}

function roles(target: Target): Attempt[] {
  const twin = valid(target)
  return FORBIDDEN.map(([signer, action, parameters]) => ({
    what: `${action} ${JSON.stringify(parameters)}, by ${signer}`,
    attack: async () =>
      findingOf(await sendAdmin(target, enveloped(await signWish(target, signer, { action, parameters })))),
    twin,
  }))
}

function replay(target: Target): Attempt {
  return {
    what: 'the same signed request a second time',
    attack: async () => {
      const message = enveloped(await signWish(target, 'operator', READ))
      const first = findingOf(await sendAdmin(target, message))
      if (first.got !== 'through') return { got: 'impossible', saw: `the first was answered ${first.saw}` }
      const second = await sendAdmin(target, message)
      return second.code === undefined ? through('answered twice') : refused(second.code)
    },
    twin: valid(target),
  }
}

/** Another last character of a signature; the one before it where the last one's spare bits would not count. */
function flipped(jws: string): string {
  const at = jws.length - 4
  return `${jws.slice(0, at)}${jws[at] === 'A' ? 'B' : 'A'}${jws.slice(at + 1)}`
}
