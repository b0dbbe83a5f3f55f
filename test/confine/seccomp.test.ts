import { spawn } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { noIoUringFilter } from '../../host/confine/filter.ts'
import { filterSystemCalls, refuseNewPrivileges } from '../../host/confine/limits.ts'
import { thisArchitecture } from '../../host/confine/syscalls.ts'

// As nitro does for its children: libuv makes its io_uring at start, and a locked process dies of using it
refuseNewPrivileges()
filterSystemCalls(noIoUringFilter(thisArchitecture() ?? 'x64'))

const SCRIPT = join(import.meta.dirname, 'attempt.ts')
const EPERM = -1

type Outcome = { lines: Record<string, unknown>[]; signal: string | null; code: number | null }

function attempt(what: string, locked = true): Promise<Outcome> {
  const child = spawn(process.execPath, ['--no-warnings', SCRIPT, what, locked ? 'locked' : 'free'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  return new Promise((resolve) =>
    child.once('close', (code, signal) => {
      const lines = output.split('\n').filter((line) => line !== '')
      resolve({ lines: lines.map((line) => JSON.parse(line)), signal, code })
    }),
  )
}

const LINUX = process.platform === 'linux' ? {} : { skip: 'seccomp is Linux' }

t.test('puts all layers up, and the engine still does its work', LINUX, async (t) => {
  const { lines } = await attempt('work')
  t.match(lines[0], { layers: { rlimits: true, undumpable: true, noNewPrivileges: true, seccomp: true } })
  t.comment(`rlimits, undumpable, no_new_privs and filter in ${Number(lines[0]?.tookMs).toFixed(2)} ms`)
  t.same(lines[1], {
    done: ['compiled code', 'collection', 'asynchronous compilation', 'growth', 'stack overflow', 'timer'],
  })
})

for (const what of ['openat', 'socket', 'connect', 'a new thread', 'clone3', 'prctl PR_SET_DUMPABLE'])
  t.test(`refuses ${what}`, LINUX, async (t) => {
    t.equal((await attempt(what)).lines[1]?.result, EPERM)
    t.not((await attempt(what, false)).lines[0]?.result, EPERM, 'without the filter it is not refused so')
  })

for (const what of [
  'tgkill to another',
  'execve',
  'ptrace',
  'process_vm_readv',
  'io_uring_setup',
  'bpf',
  'perf_event_open',
  'pidfd_open',
  'userfaultfd',
  'unshare',
  'mount',
  'setns',
  'keyctl',
])
  t.test(`dies of ${what}`, LINUX, async (t) => {
    const { lines, signal } = await attempt(what)
    t.equal(signal, 'SIGSYS')
    t.equal(lines.length, 1, 'and does not come back from it')
    t.equal((await attempt(what, false)).signal, null, 'without the filter it lives')
  })

t.test('allows what its runtime asks of itself', LINUX, async (t) => {
  t.equal((await attempt('tgkill to itself')).lines[1]?.result, 0)
  t.equal((await attempt('prctl PR_GET_DUMPABLE')).lines[1]?.result, 0, 'and it is not dumpable')
  t.equal((await attempt('prctl PR_GET_DUMPABLE', false)).lines[0]?.result, 1)
})
