import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { SESSION_MS } from '../../assembly/abi/limits.ts'
import { newPersonKey } from '../../host/cli/key-file.ts'
import { milliseconds } from '../../host/cli/kms-plugin.ts'
import { encryptionConfiguration } from '../../host/cli/kms-plugin-preflight.ts'
import { targetOf } from '../../host/cli/kms-plugin-target.ts'
import { runCli } from '../kit/host.ts'

t.setTimeout(120_000)

const folder = mkdtempSync(join(tmpdir(), 'wk-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const identity = join(folder, 'key.pem')
writeFileSync(identity, newPersonKey().export({ format: 'pem', type: 'pkcs8' }))

t.test('takes times up to a day', async (t) => {
  for (const [text, ms] of [
    ['1ms', 1],
    ['3s', 3000],
    ['10m', 600_000],
    [`${SESSION_MS - 1}ms`, SESSION_MS - 1],
    [`${SESSION_MS}ms`, SESSION_MS],
  ] as const)
    t.equal(milliseconds('--timeout', text), ms)
  for (const text of ['0s', '3', 's', '-1s', '1.5s', '1h', `${SESSION_MS + 1}ms`, '1441m', ''])
    t.throws(() => milliseconds('--timeout', text), { code: 'ERR_USAGE_TIME' }, text)
})

t.test('wants root, identity, owner and a measurement where there is no folder', async (t) => {
  const given = { data: folder, enclaveName: 'kms-provider', endpoint: 'ws://127.0.0.1:1' }
  const all = { ...given, identity, root: identity, owner: 'ab'.repeat(32), pcr0: 'ab'.repeat(48) }
  for (const missing of ['root', 'identity'] as const)
    t.throws(() => targetOf({ ...all, [missing]: undefined } as never), { code: 'ERR_USAGE_MISSING' }, missing)
  for (const [missing, code] of [
    ['owner', 'ERR_POLICY_OWNER'],
    ['pcr0', 'ERR_POLICY_REFERENCE'],
  ] as const) {
    const { [missing]: _, ...rest } = all
    await t.rejects(targetOf(rest).connect(null), { code }, missing)
  }
  await t.rejects(targetOf(all).connect(null), { code: 'ERR_GATEWAY_UNREACHABLE' }, 'the twin: it goes and looks')
  const later = targetOf({ data: folder, enclaveName: 'kms-provider', identity })
  await t.rejects(later.connect(null), { code: 'ERR_HOST_NOT_RUNNING' }, 'a host may start later')
})

t.test('prints a configuration as kube-apiserver 1.32 takes it', async (t) => {
  const lines = encryptionConfiguration('unix:///run/a.sock', 'name', '3s').split('\n')
  for (const line of ['          apiVersion: v2', '          name: name', '          endpoint: unix:///run/a.sock'])
    t.ok(lines.includes(line), line)
  t.notMatch(lines.join(), 'cachesize', 'which v2 refuses')
})

t.test('says what is missing', async (t) => {
  const { code, stderr } = await runCli(['kms-plugin', '--data', folder])
  t.equal(code, 1)
  t.match(stderr, /ERR_USAGE_MISSING.*--listen/)
})
