/** The processes of a running host, found by who started whom, as any user of the machine can see in /proc. */
import { readdirSync, readFileSync, statSync } from 'node:fs'

export type ProcessKind = 'nitro' | 'kms' | 'parent' | 'enclave'
export type HostProcess = { kind: ProcessKind; pid: number; uid: number }

const BUNDLES: Record<string, ProcessKind> = {
  'nitro.mjs': 'nitro',
  'kms.mjs': 'kms',
  'parent.mjs': 'parent',
  'enclave.cjs': 'enclave',
}

/** @param starter the command that started the host; nitro is its child, all others are nitro's */
export function hostProcesses(starter: number): HostProcess[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const ppid = /^PPid:\s(\d+)$/m.exec(read(`/proc/${name}/status`).toString())?.[1]
    if (ppid !== undefined) parents.set(Number(name), Number(ppid))
  }
  const descends = (pid: number): boolean => {
    for (let at = parents.get(pid), depth = 0; at !== undefined && depth < 4; at = parents.get(at), depth++)
      if (at === starter) return true
    return false
  }
  return [...parents.keys()].filter(descends).flatMap((pid) => {
    const kind = kindOf(pid)
    return kind === undefined ? [] : [{ kind, pid, uid: uidOf(pid) }]
  })
}

function kindOf(pid: number): ProcessKind | undefined {
  const words = read(`/proc/${pid}/cmdline`).toString().split('\0')
  const bundle = words.find((word) => Object.keys(BUNDLES).some((name) => word.endsWith(`/${name}`)))
  return bundle === undefined ? undefined : BUNDLES[bundle.slice(bundle.lastIndexOf('/') + 1)]
}

/** Its user; /proc/PID itself belongs to root where a process cannot be dumped. */
function uidOf(pid: number): number {
  const uid = /^Uid:\s(\d+)/m.exec(read(`/proc/${pid}/status`).toString())?.[1]
  return uid === undefined ? statSync(`/proc/${pid}`).uid : Number(uid)
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
