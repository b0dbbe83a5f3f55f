import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { bindPrivately, claimSocket, parseListen } from '../../host/kms-plugin/socket.ts'

const folder = mkdtempSync(join(tmpdir(), 'wk-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const listen = (path: string) =>
  new Promise<Server>((resolve) => {
    const server = createServer()
    server.listen(path, () => resolve(server))
  })

t.test('takes paths of unix sockets up to their length and nothing else', async (t) => {
  t.equal(parseListen('unix:///run/a/kms.sock'), '/run/a/kms.sock')
  const longest = `/${'a'.repeat(106)}`
  t.equal(parseListen(`unix://${longest}`), longest)
  for (const wrong of [
    `unix://${longest}a`,
    '/run/a/kms.sock',
    'unix://kms.sock',
    'unix:///@abstract',
    'unix:///a\0b',
    'tcp://127.0.0.1:1',
    'unix://',
    '',
  ])
    t.throws(() => parseListen(wrong), { code: 'ERR_KMS_PLUGIN_LISTEN' }, wrong)
})

t.test('makes its folder 0700 and its socket 0600, and rejects a folder that others may enter', async (t) => {
  const path = join(folder, 'made', 'kms.sock')
  await claimSocket(path)
  let server: Server | undefined
  await bindPrivately(path, async () => {
    server = await listen(path)
    t.equal(statSync(path).mode & 0o777, 0o600, 'from its first moment')
  })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(join(folder, 'made')).mode & 0o777, 0o700)
  server?.close()
  const open = join(folder, 'open')
  mkdirSync(open)
  for (const mode of [0o755, 0o710, 0o701]) {
    chmodSync(open, mode)
    await t.rejects(claimSocket(join(open, 'kms.sock')), { code: 'ERR_KMS_PLUGIN_FOLDER' })
  }
  chmodSync(open, 0o700)
  await claimSocket(join(open, 'kms.sock'))
})

t.test('removes a socket that nobody serves, and nothing else', async (t) => {
  const path = join(folder, 'stale', 'kms.sock')
  await claimSocket(path)
  const served = await listen(path)
  await t.rejects(claimSocket(path), { code: 'ERR_KMS_PLUGIN_SOCKET' }, 'it is served')
  t.ok(existsSync(path))
  served.close()
  const left = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', left])
  t.ok(existsSync(path), 'somebody was killed and left it')
  await claimSocket(path)
  t.notOk(existsSync(path))
  writeFileSync(path, 'a file')
  await t.rejects(claimSocket(path), { code: 'ERR_KMS_PLUGIN_SOCKET' }, 'it is a file')
  t.ok(existsSync(path))
})
