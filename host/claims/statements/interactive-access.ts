/** 1. Nobody has interactive access to an instance: no debugger, no shell, no console, no exec. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type Attempt, type Finding, refused, sharedTwin, type Twin, through } from '../attempt.ts'
import type { Claim } from '../claim.ts'
import { ask, findingOf, get, opens } from '../doors.ts'
import { intrude, intrudeAll, intruderOf, onOpenSocket, onVictim } from '../intruder/intruder.ts'
import type { Task } from '../intruder/tasks.ts'
import type { HostProcess } from '../processes.ts'
import { SIGNERS, type Target } from '../target.ts'

const DEEDS: [what: string, task: (pid: number, waitMs: number) => Task][] = [
  ['open its memory, /proc/PID/mem', (pid) => ({ kind: 'open', path: `/proc/${pid}/mem` })],
  ['read its memory map', (pid) => ({ kind: 'read', path: `/proc/${pid}/maps` })],
  ['read its environment', (pid) => ({ kind: 'read', path: `/proc/${pid}/environ` })],
  ['read its auxiliary vector', (pid) => ({ kind: 'read', path: `/proc/${pid}/auxv` })],
  ['list its descriptors', (pid) => ({ kind: 'list', path: `/proc/${pid}/fd` })],
  ['copy its memory by process_vm_readv', (pid) => ({ kind: 'read-memory', pid })],
  ['take a descriptor of its by pidfd_getfd', (pid) => ({ kind: 'steal-descriptor', pid, fd: 1 })],
  ['open its inspector by SIGUSR1', (pid, waitMs) => ({ kind: 'inspector', pid, waitMs })],
  // The last: a process with a debugger handles no signal any more
  ['attach a debugger', (pid) => ({ kind: 'attach', pid })],
]

/** Verbs of systems that have such a thing. */
const INVENTED = ['exec', 'shell', 'attach', 'console', 'debug', 'read-memory', 'core-dump', 'get-logs', 'port-forward']
const DOORS = ['/exec', '/shell', '/console', '/attach', '/debug', '/ssh']
const INSPECTOR_PATHS = ['/json', '/json/list', '/json/version', '/debug/pprof', '/metrics/heap']
const START_MS = 5000
/** An inspector that opens is seen at once; on a busy machine the twin shows how late it may be. */
const WAIT_MS = 3000
const TWIN_WAIT_MS = 20_000

export const interactiveAccess: Claim = {
  number: 1,
  statement: 'No one has interactive access to an instance',
  attempts: (target) => [
    ...debuggers(target.processes()),
    ...enclaveSocket(target),
    ...inspectedStart(target),
    ...filters(target.processes()),
    ...inventedActions(target),
    ...inventedDoors(target),
  ],
}

function debuggers(processes: HostProcess[]): Attempt[] {
  const twins = new Map<number, Twin[]>()
  return processes.flatMap(({ kind, pid, uid }) => {
    const intruder = intruderOf(uid)
    const who = intruder === uid ? 'its own user' : `user ${intruder}, as it is root's`
    const deeds = once(() =>
      intrudeAll(
        intruder,
        DEEDS.map(([, task]) => task(pid, WAIT_MS)),
      ),
    )
    if (!twins.has(intruder)) twins.set(intruder, twinsOf(intruder))
    return DEEDS.map(([what], index) => ({
      what: `${kind} ${pid}: ${what}, as ${who}`,
      attack: async () => (await deeds())[index] as Finding,
      twin: twins.get(intruder)?.[index] as Twin,
    }))
  })
}

function twinsOf(uid: number): Twin[] {
  const deeds = once(() => onVictim(uid, (pid) => DEEDS.map(([, task]) => task(pid, TWIN_WAIT_MS))))
  return DEEDS.map(([what], index) => ({
    what: `${what}, of an unlocked process of user ${uid}`,
    run: async () => (await deeds())[index] as Finding,
  }))
}

function once<T>(run: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | undefined
  return () => (value ??= run())
}

function enclaveSocket(target: Target): Attempt[] {
  const parent = target.processes().find(({ kind }) => kind === 'parent')
  const intruder = intruderOf(parent?.uid ?? 0)
  // Of the same user it may be dialled, and wants nitro's token then: that is another attack.
  if (parent !== undefined && intruder === parent.uid) return []
  return [
    {
      what: `dial the enclaves' socket as user ${intruder}`,
      attack: () => intrude(intruder, { kind: 'connect', path: `${target.folder.store}/enclaves.sock` }),
      twin: { what: 'dial a socket that is open to all', run: () => onOpenSocket(intruder) },
    },
  ]
}

/** Nitro's own bundle, started with an inspector. */
function inspectedStart(target: Target): Attempt[] {
  const nitro = target.processes().find(({ kind }) => kind === 'nitro')
  if (nitro === undefined) return []
  const words = readFileSync(`/proc/${nitro.pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  const start = (flags: string[]) => endsWithin([...flags, ...words.slice(1)], words[0] as string)
  return [
    {
      what: 'start the host under --inspect',
      attack: () => start(['--inspect=127.0.0.1:0']),
      twin: { what: 'start it as it is started: it waits for its settings', run: () => start([]) },
    },
  ]
}

// It refuses by ending with an error; what goes on would have served.
function endsWithin(args: string[], program: string): Promise<Finding> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {} })
    let said = ''
    const timer = setTimeout(() => {
      resolve(through('it goes on'))
      child.kill('SIGKILL')
    }, START_MS)
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString()
    })
    // Settings that are wrong on purpose: the refusal of an inspector comes before them.
    child.stdin.on('error', () => {})
    child.stdin.write('{"data":"/nonexistent"}\n')
    child.once('close', () => {
      clearTimeout(timer)
      resolve(
        /ERR_HOST_INSPECTOR/.test(said)
          ? refused(said.trim().slice(0, 120))
          : through('it started, and found its settings wrong'),
      )
    })
  })
}

function filters(processes: HostProcess[]): Attempt[] {
  const look = (pid: number | 'self', line: string, wanted: string): Finding => {
    const value = new RegExp(`^${line}:\\s*(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return value === wanted ? refused(`${line} ${value}`) : through(`${line} ${value}`)
  }
  return processes
    .filter(({ kind }) => kind === 'enclave')
    .flatMap(({ pid }) =>
      [
        ['Seccomp', '2', 'call what the filter of system calls forbids'],
        ['NoNewPrivs', '1', 'gain rights by a set-uid program'],
      ].map(([line, wanted, what]) => ({
        what: `enclave ${pid}: ${what}`,
        attack: async () => look(pid, line as string, wanted as string),
        twin: { what: 'the same, from this command', run: async () => look('self', line as string, wanted as string) },
      })),
    )
}

function inventedActions(target: Target): Attempt[] {
  const twin = sharedTwin('an action that exists, by the operator', async () =>
    findingOf(await ask(target, 'operator', { action: 'describe-enclaves', parameters: { metadata: false } })),
  )
  return INVENTED.flatMap((action) =>
    SIGNERS.filter((signer) => signer !== 'approver-2').map((signer) => ({
      what: `admin action ${action}, signed by ${signer}`,
      attack: async () => findingOf(await ask(target, signer, { action, parameters: { name: target.enclave } })),
      twin,
    })),
  )
}

function inventedDoors(target: Target): Attempt[] {
  const session = sharedTwin('a WebSocket at the enclave itself', () => opens(target, `/enclaves/${target.enclave}`))
  const page = sharedTwin('a session by the door that there is', session.run)
  return [
    ...DOORS.map((door) => ({
      what: `a WebSocket at /enclaves/${target.enclave}${door}`,
      attack: () => opens(target, `/enclaves/${target.enclave}${door}`),
      twin: session,
    })),
    ...INSPECTOR_PATHS.map((path) => ({
      what: `GET ${path} at the gateway`,
      attack: async () => {
        const { status } = await get(target, path)
        return status === 200 ? through('HTTP 200') : refused(`HTTP ${status}`)
      },
      twin: page,
    })),
  ]
}
