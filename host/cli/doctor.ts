/**
 * `wasmclave doctor`: what holds on this machine and what it lacks, in plain words. It starts a host of its own on a folder that is thrown
 * away and asks it, so that what is printed is what a boot record of this machine says. Changes nothing.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { landlockVersion } from '../confine/landlock.ts'
import type { BootRecord } from '../verifier/index.ts'
import { makeDevelopmentHost } from './development.ts'
import { startNitro } from './nitro-process.ts'
import { printJson } from './output.ts'
import { adminRequest } from './running-host.ts'

export type DoctorOptions = { json?: boolean }
type Finding = { what: string; state: string; means: string }

/** What each layer of the boot record gives, and what to do where it is absent. */
const LAYERS: Record<string, [gives: string, remedy: string]> = {
  process: ['each enclave has a process of its own', ''],
  'empty-environment': ['nothing of your environment reaches it', ''],
  'no-inspector': ['SIGUSR1 opens no debugger', ''],
  'own-user': [
    'each enclave is a user of its own',
    'start the host as root, from a folder that others may read; else enclaves share your user',
  ],
  rlimits: ['no core file, no file written, no new process', 'Linux has it, on x86-64 and arm64'],
  undumpable: ['no other process of its user reads its memory', 'Linux has it'],
  'no-new-privs': ['no set-uid program gives it rights', 'Linux has it'],
  seccomp: ['it may make a short list of system calls, and no other', 'Linux with CONFIG_SECCOMP_FILTER has it'],
  'permission-model': ["Node's own guards are up: no files, no network, no ffi", ''],
  'dies-with-nitro': ['it ends with its hypervisor', 'Linux has it'],
  'parent-undumpable': ['no other process of your user reads the relay', 'Linux has it'],
  'parent-files': [
    'the relay reaches no file but its store folder',
    'Linux 5.13 or later with Landlock has it ("lsm=landlock,…" at boot)',
  ],
}

export async function doctor(options: DoctorOptions): Promise<void> {
  const findings = [...(await layers()), ...machine()]
  if (options.json) return printJson(findings)
  const lines = findings.map(({ what, state, means }) => `  ${what.padEnd(20)} ${state.padEnd(9)} ${means}`)
  process.stdout.write(
    `${lines.join('\n')}\n\nVerified: seen by nitro from outside. Reported: by the process itself, which alone can know.\n${verdict(findings)}\n`,
  )
}

async function layers(): Promise<Finding[]> {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-doctor-'))
  try {
    const host = makeDevelopmentHost(folder)
    const nitro = await startNitro({ folder: host.folder, port: 0, origins: [], onEvent: () => {} })
    try {
      const gateway = `ws://127.0.0.1:${nitro.port}`
      const answer = await adminRequest({ gateway, folder: host.folder }, { action: 'describe-host', parameters: {} })
      return (answer as { Boot: BootRecord }).Boot.isolation.map(({ layer, state }) => {
        const [gives = '', remedy = ''] = LAYERS[layer] ?? []
        return { what: layer, state, means: state === 'absent' ? remedy : gives }
      })
    } finally {
      await nitro.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function machine(): Finding[] {
  const swap = read('/proc/swaps').trim().split('\n').length > 1
  const corePattern = read('/proc/sys/kernel/core_pattern').trim()
  const root = process.getuid?.() === 0
  return [
    {
      what: 'system',
      state: 'note',
      means: `${process.platform} ${release()}, ${process.arch}, Node ${process.version}`,
    },
    { what: 'landlock', state: 'note', means: `version ${landlockVersion()} of the kernel's (0: none)` },
    swap
      ? { what: 'swap', state: 'mind', means: 'memory of enclaves may be written to swap: use encrypted swap, or none' }
      : { what: 'swap', state: 'fine', means: 'none: memory of enclaves stays in memory' },
    {
      what: 'core files',
      state: 'fine',
      means:
        corePattern === '' ? 'enclaves write none' : `enclaves write none (others go to ${corePattern.slice(0, 40)})`,
    },
    root
      ? {
          what: 'user',
          state: 'mind',
          means: 'you are root: root reads every process here, enclaves included',
        }
      : { what: 'user', state: 'fine', means: 'not root; root still reads every process of this machine' },
  ]
}

function verdict(findings: Finding[]): string {
  const absent = findings.filter(({ state }) => state === 'absent').map(({ what }) => what)
  return absent.length === 0
    ? 'All layers hold. Each enclave says so in its boot record, which PCR18 measures.'
    : `Absent here: ${absent.join(', ')}. Enclaves run and say so in their boot record; a client may refuse them\n(verify --min-isolation, minIsolation of connect).`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
