// What another process of the same user gets of a locked process: nothing. Root gets everything, and the README says so.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { noIoUringFilter } from '../../host/confine/filter.ts'
import { filterSystemCalls, refuseNewPrivileges } from '../../host/confine/limits.ts'
import { thisArchitecture } from '../../host/confine/syscalls.ts'
import { canHaveChildUsers } from '../../host/nitro/pool/child-user.ts'

// As nitro does for its children: libuv makes its io_uring at start, and a locked process dies of using it
refuseNewPrivileges()
filterSystemCalls(noIoUringFilter(thisArchitecture() ?? 'x64'))

const SCRIPT = join(import.meta.dirname, 'attempt.ts')
const NOBODY = 65_534

// Root may read all: the test then becomes nobody, where nobody may open its files.
const asNobody = canHaveChildUsers([process.execPath, SCRIPT]) ? { uid: NOBODY, gid: NOBODY } : {}
const possible = process.platform === 'linux' && (process.getuid?.() !== 0 || 'uid' in asNobody)
const OPTIONS = possible ? {} : { skip: 'wants Linux, and a user who is not root' }

async function victim(locked: boolean): Promise<ChildProcess> {
  const flags = ['--no-warnings', ...(locked ? ['--disable-sigusr1'] : [])]
  const child = spawn(process.execPath, [...flags, SCRIPT, 'wait', locked ? 'locked' : 'free'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    ...asNobody,
  })
  await new Promise<void>((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if ('waits' in JSON.parse(line)) resolve()
    })
  })
  return child
}

/** Reads a file of /proc as the victim's own user. */
function readAs(pid: number, file: string): boolean {
  const program = `const fs = require('fs'); const fd = fs.openSync('/proc/${pid}/${file}'); fs.readSync(fd, Buffer.alloc(16))`
  return spawnSync(process.execPath, ['-e', program], { ...asNobody, stdio: 'ignore' }).status === 0
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('close', () => socket.destroy())
  })
}

for (const file of ['maps', 'environ', 'smaps', 'auxv'])
  t.test(`rejects a reader of /proc/PID/${file}`, OPTIONS, async (t) => {
    const [open, locked] = await Promise.all([victim(false), victim(true)])
    t.equal(readAs(open.pid as number, file), true, 'of a process that is not locked it reads')
    t.equal(readAs(locked.pid as number, file), false)
    open.kill('SIGKILL')
    locked.kill('SIGKILL')
  })

t.test('survives SIGUSR1 without opening an inspector', OPTIONS, async (t) => {
  const locked = await victim(true)
  locked.kill('SIGUSR1')
  await wait(300)
  t.equal(locked.exitCode, null)
  t.equal(locked.signalCode, null)
  t.equal(await listens(9229), false)
  locked.kill('SIGKILL')
})
