// Group E: every action by every office, by nobody and by a wrong key: default deny; and requests that are malformed in their text.
import { CompactSign } from 'jose'
import t from 'tap'
import { ACTIONS, type Action, DEFAULT_ROLES, isGuarded, type Request, ROLES } from '../../../host/control/actions.ts'
import { rawPublicKey, thumbprint } from '../../../host/control/keys.ts'
import { newKey } from '../../kit/genesis.ts'
import { approvers, audience, auditor, codeOf, digest, operator, PlaneUnderTest } from '../../kit/plane.ts'

t.setTimeout(170_000)

const under = new PlaneUnderTest()
t.teardown(() => under.close())

const SAMPLES: { [A in Action]: Extract<Request, { action: A }>['parameters'] } = {
  'run-enclave': {
    name: 'echo',
    memoryMiB: 64,
    cpuCount: 1,
    cid: null,
    eifSha384: '0'.repeat(96),
    eifBytes: 1,
    grantChain: 'AA',
    release: null,
  },
  'describe-enclaves': { metadata: false },
  'terminate-enclave': { name: 'echo' },
  'describe-host': {},
  'describe-health': {},
  drain: { name: 'echo' },
  stop: { name: 'echo', graceSeconds: 0 },
  restart: { name: 'echo' },
  quarantine: { name: 'echo' },
  'lift-quarantine': { name: 'echo' },
  'describe-log': {},
  'read-log': { subject: 'echo' },
  propose: { action: 'roll-out', payload: '{}', policy: '0'.repeat(96), expiresMs: 1 },
  approve: { proposal: '0'.repeat(64), signature: '0'.repeat(128) },
  withdraw: { proposal: '0'.repeat(64) },
  execute: { proposal: '0'.repeat(64) },
  'describe-proposals': {},
  'show-proposal': { proposal: '0'.repeat(64) },
  'describe-policy': {},
  'show-policy-change': { version: 1 },
  'roll-out': { name: 'echo', release: '0'.repeat(96) },
  'rotate-store-keys': { name: 'echo' },
  'enrol-key': { role: 'operator', key: '0'.repeat(64) },
  'revoke-key': { key: '0'.repeat(64) },
  'change-policy': { policy: 'AA' },
}

/** The policy, row by row, as it was decided; whoever adds an action adds its row. */
const POLICY: Record<Action, string> = {
  'run-enclave': 'operator',
  'describe-enclaves': 'operator approver auditor',
  'terminate-enclave': 'operator',
  'describe-host': 'operator approver auditor',
  'describe-health': 'operator auditor',
  drain: 'operator',
  stop: 'operator',
  restart: 'operator',
  quarantine: 'operator',
  'lift-quarantine': 'operator',
  'describe-log': 'operator approver auditor',
  'read-log': 'auditor',
  propose: 'operator approver',
  approve: 'approver',
  withdraw: 'operator approver',
  execute: 'operator approver',
  'describe-proposals': 'operator approver auditor',
  'show-proposal': 'operator approver auditor',
  'describe-policy': 'operator approver auditor',
  'show-policy-change': 'operator approver auditor',
  'roll-out': 'operator, guarded',
  'rotate-store-keys': 'operator, guarded',
  'enrol-key': 'approver, guarded',
  'revoke-key': 'approver, guarded',
  'change-policy': 'approver, guarded',
}

const keys = { operator, approver: approvers[0] as typeof operator, auditor }

t.test('E01, E02: each action is for the offices of its row, and for nobody else', async (t) => {
  t.same(ACTIONS.toSorted(), Object.keys(POLICY).toSorted(), 'every action has its row')
  for (const action of ACTIONS) {
    const request = { action, parameters: SAMPLES[action] } as Request
    const [offices, guarded] = (POLICY[action] as string).split(', ')
    for (const role of ROLES) {
      const allowed = (offices as string).split(' ').includes(role)
      t.equal(DEFAULT_ROLES[role].includes(action), allowed)
      const expected = !allowed ? 'ERR_ADMIN_ROLE' : guarded ? 'ERR_ADMIN_GUARDED' : null
      const before = under.effects.length
      t.equal(codeOf(await under.ask(request, keys[role])), expected, `${action} by ${role}`)
      t.equal(under.effects.length - before, expected === null ? 1 : 0)
    }
    t.equal(isGuarded(action), guarded !== undefined)
    const size = under.log.size
    t.equal(codeOf(await under.ask(request, newKey())), 'ERR_ADMIN_KEY', `${action} by a stranger`)
    t.equal(codeOf(await under.send(JSON.stringify(request), action)), 'ERR_ADMIN_SYNTAX', `${action} unsigned`)
    t.equal(under.log.size, size)
  }
})

t.test('E20: a request for another host or another genesis is refused, and so is the same one again', async (t) => {
  const request: Request = { action: 'describe-log', parameters: {} }
  const others = [
    { ...audience, host: 'i-0fedcba9876543210' },
    { ...audience, genesis: digest.replace(/./, (digit) => (digit === '0' ? '1' : '0')) },
  ]
  for (const aud of others) {
    const jws = await under.sign(request, operator, aud)
    t.equal(codeOf(await under.send(jws, request.action)), 'ERR_ADMIN_AUDIENCE')
  }
  const jws = await under.sign(request)
  t.equal(codeOf(await under.send(jws, request.action)), null)
  t.equal(codeOf(await under.send(jws, request.action)), 'ERR_ADMIN_REPLAY')
})

t.test('E04: text that is odd JSON is refused within its limits, and prototypes stay as they are', async (t) => {
  const kid = thumbprint(rawPublicKey(operator))
  const iat = Math.floor(under.now / 1000)
  const text = (action: string, parameters: string, nonce: number) =>
    `{"action":${action},"aud":${JSON.stringify(audience)},"exp":${iat + 300},"iat":${iat},"nonce":"${String(nonce).padStart(32, '0')}","parameters":${parameters}}`
  const sign = (payload: string) =>
    new CompactSign(new TextEncoder().encode(payload))
      .setProtectedHeader({ alg: 'EdDSA', typ: 'wasmclave-admin+jws', kid })
      .sign(operator)
  const rows: [string, string][] = [
    ['"describe-log"', '{"__proto__":{"x":1}}'],
    ['"describe-log"', '{"constructor":1}'],
    ['"__proto__"', '{}'],
    ['"toString"', '{}'],
    ['["describe-log"]', '{}'],
    ['"describe-log"', '[]'],
    ['"describe-log"', 'null'],
    ['"stop"', '{"graceSeconds":1e400,"name":"echo"}'],
    ['"stop"', '{"graceSeconds":61,"name":"echo"}'],
    ['"stop"', '{"graceSeconds":1,"name":["echo"]}'],
    ['"stop"', '{"graceSeconds":-0.5,"name":"echo"}'],
    ['"describe-log"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ]
  for (const [i, [action, parameters]] of rows.entries()) {
    const code = codeOf(await under.send(await sign(text(action, parameters, i)), 'x'))
    t.match(code, /^ERR_ADMIN_(ACTION|PARAMETERS|SYNTAX)$/, parameters.slice(0, 40))
  }
  const twice = text('"describe-log"', '{}', 90).replace('"action"', '"action":"exec","action"')
  t.equal(codeOf(await under.send(await sign(twice), 'describe-log')), 'ERR_ADMIN_SYNTAX', 'a key twice')
  t.equal(codeOf(await under.send(await sign(`${text('"stop"', '{}', 91)} `), 'stop')), 'ERR_ADMIN_SYNTAX', 'a space')
  t.equal(codeOf(await under.send(await sign(text('"stop"', '{"graceSeconds":60,"name":"echo"}', 99)), 'stop')), null)
  t.equal(({} as Record<string, unknown>).x, undefined)
})
