import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { Daemon } from '../kit/daemon.ts'
import { runCli } from '../kit/host.ts'

// Each call starts two processes: on a busy machine that takes its time.
t.setTimeout(170_000)

const folder = (): string => {
  const path = mkdtempSync(join(tmpdir(), 'wc-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

t.test('refuses a folder without a genesis, and makes nothing in it', async (t) => {
  const data = folder()
  const { code, stderr } = await runCli(['host', '--data', data, '--port', '0', '--json'])
  t.equal(code, 1)
  t.match(stderr, /^ERR_HOST_GENESIS: .*--development/)
  t.same(readdirSync(data), [])
})

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  t.test(`serves with --development, and ends by ${signal} without a trace`, async (t) => {
    const data = folder()
    const daemon = await Daemon.start(data)
    t.match(daemon.ready, { event: 'ready', gateway: /^ws:\/\/127\.0\.0\.1:\d+$/, proxy: null, data, enclaves: [] })
    const { pid, gateway } = JSON.parse(readFileSync(join(data, 'host.json'), 'utf8'))
    t.equal(gateway, daemon.ready.gateway)
    const described = await runCli(['describe-enclaves', '--data', data])
    t.same([described.code, described.stdout], [0, '[]\n'], 'and answers')
    const children = descendants(pid)
    t.ok(children.length >= 2, `${children.length} processes below it`)
    t.equal(await daemon.stop(signal), 0)
    for (let i = 0; i < 100 && children.some(lives); i++) await wait(50)
    t.same(children.filter(lives), [], 'nothing of it is left')
  })

t.test('starts again on the same folder without --development, and with the same genesis', async (t) => {
  const data = folder()
  const first = await Daemon.start(data)
  first.process.kill('SIGINT')
  await first.exited
  const genesis = readFileSync(join(data, 'nitro', 'genesis.json'))
  const second = await Daemon.start(data)
  t.ok(readFileSync(join(data, 'nitro', 'genesis.json')).equals(genesis))
  await second.stop()
})

t.test('refuses a second host on one folder, and is not misled by what a killed one left', async (t) => {
  const data = folder()
  const first = await Daemon.start(data)
  const second = await runCli(['host', '--data', data, '--port', '0', '--json'])
  t.equal(second.code, 1)
  t.match(second.stderr, /^ERR_HOST_RUNNING/)
  t.equal((await runCli(['describe-enclaves', '--data', data])).code, 0, 'the first is unharmed')
  first.process.kill('SIGINT')
  await first.exited
  // A pid that lives, a port where nobody listens
  writeFileSync(join(data, 'host.json'), JSON.stringify({ pid: process.pid, gateway: 'ws://127.0.0.1:1', proxy: null }))
  const third = await Daemon.start(data)
  t.equal((await runCli(['describe-enclaves', '--data', data])).code, 0)
  await third.stop()
})

const status = (pid: number | string): string => {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

/** A zombie waits for whoever adopted it, and does nothing more. */
function lives(pid: number): boolean {
  return /^State:\s+[^ZX]/m.test(status(pid))
}

function descendants(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && new RegExp(`^PPid:\\s${pid}$`, 'm').test(status(name)))
    .map(Number)
  return children.flatMap((child) => [child, ...descendants(child)])
}
