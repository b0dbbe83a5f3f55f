import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadCore } from '../../host/core/index.ts'
import { Kernel } from '../../host/enclave/kernel.ts'
import { Pool } from '../../host/nitro/pool/pool.ts'

const folder = mkdtempSync(join(tmpdir(), 'wc-'))
const enclavesSocket = join(folder, 'enclaves.sock')
const server = createServer((socket) => socket.on('error', () => {}).resume())
await new Promise<void>((resolve) => server.listen(enclavesSocket, resolve))
t.teardown(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})
const kernel = readFileSync('assembly/kernel/kernel.wasm')

function poolOf(bytes: Uint8Array): Pool {
  return new Pool({
    bundle: 'dist/enclave.cjs',
    enclavesSocket,
    size: 1,
    ownUsers: false,
    kernel: bytes,
    introduce: async () => {},
  })
}

t.test('hands out a child that has rehearsed the kernel, and waits on', async (t) => {
  const pool = poolOf(kernel)
  t.teardown(() => pool.stop())
  pool.fill()
  const slot = await pool.take()
  t.equal(slot.ended, false)
  t.match(await slot.ready, { pid: slot.pid })
  slot.kill()
  await slot.exited
})

t.test('starts a fresh child where the waiting one did not survive its rehearsal', async (t) => {
  const pool = poolOf(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
  t.teardown(() => pool.stop())
  pool.fill()
  const slot = await pool.take()
  t.equal(slot.ended, false)
  slot.kill()
  await slot.exited
})

t.test('gives the known answers of its cryptography, in the kernel and in the core', async (t) => {
  t.equal(new Kernel(kernel).exports.selfTest(), 0)
  t.equal(await loadCore().then((core) => core.selfTest()), true)
})
