// The customer's audit and the operator's view, by the command line, on a real host: launched, restarted, stopped, gapless.

import { createPrivateKey } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openKey, sealKey } from '../../host/cli/key-file.ts'
import { Daemon } from '../kit/daemon.ts'
import { newKey } from '../kit/genesis.ts'
import { runCli } from '../kit/host.ts'
import { LogUnderTest } from '../kit/reader.ts'

t.setTimeout(175_000)

const wide = (text: string) => text.split('\n').filter((line) => [...line].length > 100)

t.test('shows an owner all that was asked, and an operator the state, in 100 columns', async (t) => {
  const daemon = await Daemon.start()
  t.teardown(() => daemon.stop())
  const { data } = daemon
  const cli = (...args: string[]) => runCli([...args, '--data', data])
  const eif = join(data, 'echo.eif')
  const pipeline = join(data, 'development', 'pipeline')
  const built = await runCli([
    ...['build-enclave', '--docker-dir', 'assembly/workloads/echo', '--output-file', eif],
    ...['--signing-certificate', join(pipeline, 'certificate.pem'), '--private-key', join(pipeline, 'key.pem')],
  ])
  t.equal(built.code, 0, built.stderr)
  const run = await cli('run-enclave', '--eif-path', eif, '--memory', '64')
  t.equal(run.code, 0, run.stderr)
  // What PCR17 says of the log is judged offline too
  const [document, records] = [join(data, 'doc.cbor'), join(data, 'records.cbor')]
  const attested = await cli('attest', '--enclave-name', 'echo', '--output', document, '--records', records)
  t.equal(attested.code, 0, attested.stderr)
  const verified = await runCli(['verify', document, '--root', join(data, 'nitro-root.pem'), '--records', records])
  t.equal(verified.code, 0, verified.stderr)
  t.equal((await cli('admin', 'restart', '--enclave-name', 'echo')).code, 0)
  const status = await cli('admin', 'status')
  t.match(status.stdout, /^log +\d+ entries, root/m)
  t.match(status.stdout, /^echo +RUNNING +\d+s +1 /m)
  t.same(wide(status.stdout), [])
  const running = await cli('audit', '--enclave-name', 'echo', '--json')
  t.equal(running.code, 0, running.stderr)
  t.equal((await cli('admin', 'stop', '--enclave-name', 'echo', '--grace-seconds', '0')).code, 0)
  const audit = await cli('audit', '--enclave-name', 'echo')
  t.equal(audit.code, 0, audit.stderr)
  for (const action of ['run-enclave', 'restart', 'stop'])
    t.match(audit.stdout, new RegExp(`enclave +operator \\S{6} +${action} +done`), action)
  t.match(audit.stdout, /^complete: \d+ entries/m)
  t.same(wide(audit.stdout), [])
  const all = running.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.equal(all.at(-1).complete, true)
  t.same(
    all
      .filter(({ subject, kind }) => subject === 'echo' && kind !== undefined)
      .map(({ subjectSequence }) => subjectSequence),
    all.filter(({ subject, kind }) => subject === 'echo' && kind !== undefined).map((_, index) => index),
  )
  // A log that has signed something else at the same size, as the customer has kept it
  const kept = join(data, 'customer', 'log.checkpoint')
  const size = Number(readFileSync(kept, 'utf8').split('\n')[1])
  const [origin] = readFileSync(kept, 'utf8').split('\n')
  const fork = new LogUnderTest(createPrivateKey(readFileSync(join(data, 'nitro', 'log.key'))), origin)
  t.teardown(() => fork.close())
  await fork.crowd(size, 'echo')
  writeFileSync(kept, fork.log.checkpoint)
  const forked = await cli('audit', '--enclave-name', 'echo')
  t.equal(forked.code, 1)
  t.match(forked.stderr, /^ERR_LOG_CONSISTENCY: THE LOG CONTRADICTS ITSELF/m)
  const evidence = readdirSync(join(data, 'customer', 'evidence'))
  t.same(evidence.map((name) => name.split('.').at(-1)).sort(), ['newer', 'older'])
  t.notOk(existsSync(join(data, 'nitro', 'evidence')))
})

t.test('seals a key by a passphrase, and opens it by that one alone', async (t) => {
  const key = newKey()
  const file = await sealKey(key, 'correct horse battery')
  t.ok((await openKey(file, 'correct horse battery')).equals(key))
  await t.rejects(openKey(file, 'correct horse batterz'), { code: 'ERR_OPEN_FAILED' })
  const other = JSON.parse(file)
  for (const field of ['sealed', 'nonce', 'salt', 'publicKey']) {
    const first = other[field][0] === '0' ? '1' : '0'
    const altered = JSON.stringify({ ...other, [field]: first + other[field].slice(1) })
    await t.rejects(openKey(altered, 'correct horse battery'), { code: 'ERR_OPEN_FAILED' }, field)
  }
  await t.rejects(sealKey(key, 'elevenchars'), { code: 'ERR_KEY_PASSPHRASE' })
  await t.rejects(openKey('{}', 'correct horse battery'), { code: 'ERR_USAGE_KEY' })
  t.notOk(file.includes((key.export({ format: 'jwk' }).d as string).slice(0, 20)))
  const folder = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const none = await runCli(['admin', 'key', 'new', '--output', join(folder, 'key')])
  t.equal(none.code, 1)
  t.match(none.stderr, /^ERR_KEY_PASSPHRASE/m, 'no terminal, no descriptor')
})
