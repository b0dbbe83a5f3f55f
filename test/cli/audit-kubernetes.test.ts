// `wasmclave audit --kubernetes` on a real host: shown, copied, gone on with, and held to what was seen before, also after kill -9.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { auditKubernetes } from '../../host/cli/audit-kubernetes.ts'
import { eventLine, eventTableHead } from '../../host/cli/audit-kubernetes-table.ts'
import { customerPolicy } from '../../host/cli/proxy.ts'
import { findHost } from '../../host/cli/running-host.ts'
import { connect, type Enclave, identityFromPem } from '../../host/client/index.ts'
import { KubernetesServer } from '../clients/server.ts'
import { runCli } from '../kit/host.ts'

t.setTimeout(170_000)
const server = new KubernetesServer()
t.teardown(() => server.stop())
await server.start()
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const copy = join(server.data, 'copy.audit')
const kept = join(server.data, 'customer/kubernetes.audit.json')
const audit = (...args: string[]) => runCli(['audit', '--kubernetes', '--data', server.data, ...args])

async function reach(): Promise<Enclave> {
  const { gateway, folder } = findHost(server.data)
  const identity = await identityFromPem(readFileSync(join(folder.customer, 'owner.key'), 'utf8'))
  return connect(`${gateway}/enclaves/kubernetes`, customerPolicy(folder, 'kubernetes'), identity)
}
const create = (enclave: Enclave, name: string) =>
  enclave.fetch(CONFIG_MAPS, {
    method: 'POST',
    body: JSON.stringify({ metadata: { name } }),
    headers: { 'content-type': 'application/json' },
  })

t.test('shows whatever an event says on one line of 100 columns, without control characters', async (t) => {
  const hostile = `\u001b[2J\u202e\n${'x'.repeat(300)}`
  const event = {
    verb: hostile,
    user: { username: hostile },
    impersonatedUser: { username: hostile },
    objectRef: { resource: hostile, subresource: hostile, namespace: hostile, name: hostile },
    responseStatus: { code: hostile },
    stageTimestamp: hostile,
  }
  for (const each of [
    event,
    { ...event, objectRef: undefined, requestURI: hostile },
    {},
    { verb: {}, user: { username: 7 } },
  ]) {
    const line = eventLine(1, JSON.stringify(each))
    t.match(line, /^1 [ -~…]*$/)
    t.ok([...line].length <= 100, `${line.length}`)
  }
  t.ok(eventTableHead().length <= 100)
  t.match(eventLine(2, '{"user":{}}'), /\(nobody known\)/)
  for (const text of ['', 'x', 'null', '7']) t.throws(() => eventLine(1, text), { code: 'ERR_AUDIT_ANSWER' }, text)
})

t.test('shows in 100 columns who asked for what, and copies it', async (t) => {
  const enclave = await reach()
  t.equal((await create(enclave, 'first')).status, 201)
  await enclave.fetch(`${CONFIG_MAPS}/${'long-'.repeat(30)}`)
  enclave.close()
  const shown = await audit('--output', copy)
  t.equal(shown.code, 0, shown.stderr)
  t.match(shown.stdout, /^event +time \(UTC\) +who +verb +what +code$/m)
  t.match(shown.stdout, /^\d+ +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d ed25519:\S+ +create +configmaps default\/first +201$/m)
  t.same(
    shown.stdout.split('\n').filter((line) => [...line].length > 100),
    [],
  )
  t.match(shown.stderr, /^verified: \d+ events, held from 1 on, head [0-9a-f]{64}$/m)
  const offline = await audit('--offline', '--output', copy)
  t.equal(offline.code, 0, offline.stderr)
  const { events, hash } = JSON.parse(readFileSync(kept, 'utf8'))
  t.equal(offline.stdout, `verified: events 1 to ${events}, head ${hash}\n`)
})

t.test('goes on with a copy after kill -9, and shows what is new', async (t) => {
  const before = readFileSync(copy)
  await server.kill()
  await server.start()
  const enclave = await reach()
  t.equal((await create(enclave, 'second')).status, 201)
  enclave.close()
  const { events } = JSON.parse(readFileSync(kept, 'utf8'))
  const shown = await audit('--output', copy, '--json', '--since', String(events))
  t.equal(shown.code, 0, shown.stderr)
  const lines = shown.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(lines, [{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', verb: 'create', objectRef: { name: 'second' } }])
  const after = readFileSync(copy)
  t.same(after.subarray(0, before.length), before, 'what was copied stays')
  t.match(after.subarray(before.length).toString(), '"second"')
  t.equal((await audit('--offline', '--output', copy)).code, 0)
})

t.test('refuses an enclave that tells another story, and a copy that was changed', async (t) => {
  const { events, hash } = JSON.parse(readFileSync(kept, 'utf8'))
  const bytes = readFileSync(copy, 'utf8')
  const keep = (events: number, hash: string) => writeFileSync(kept, JSON.stringify({ events, hash }))
  const zeros = '0'.repeat(64)
  const rows: [what: string, change: () => void, code: string, message: RegExp, options: object][] = [
    ['another head', () => keep(events, zeros), 'ERR_AUDIT_CHAIN', /0{64}.*[0-9a-f]{64}/, {}],
    ['a later one', () => keep(events + 1000, hash), 'ERR_AUDIT_BEHIND', /seen before/, {}],
    ['no head', () => writeFileSync(kept, '{}'), 'ERR_FILE_AUDIT', /audit.json/, {}],
    [
      'a copy with another word',
      () => writeFileSync(copy, bytes.replace('"first"', '"fi-st"')),
      'ERR_AUDIT_CHAIN',
      /[0-9a-f]{64}.*[0-9a-f]{64}/,
      { output: copy },
    ],
    [
      'a copy cut short',
      () => writeFileSync(copy, bytes.slice(0, -9)),
      'ERR_AUDIT_ANSWER',
      /has \d+ of \d+ events/,
      { output: copy, offline: true },
    ],
    ['no number', () => {}, 'ERR_USAGE_NUMBER', /--since/, { since: 'x' }],
    ['no copy', () => {}, 'ERR_USAGE_MISSING', /--output/, { offline: true }],
  ]
  for (const [what, change, code, message, options] of rows) {
    change()
    await t.rejects(auditKubernetes({ data: server.data, json: true, ...options }), { code, message }, what)
    keep(events, hash)
    writeFileSync(copy, bytes)
  }
  const accepted = await audit('--output', copy, '--json')
  t.equal(accepted.code, 0, `as it was: ${accepted.stderr}`)
})
