/**
 * Which layers hold around a waiting child. What nitro gives it, and what /proc says of it, is verified; what only the child can know is
 * reported; everything else is absent, and the boot record says so (PCR18).
 */
import { readFileSync, statSync } from 'node:fs'
import type { BootRecord } from '../../verifier/index.ts'

export type Layer = BootRecord['isolation'][number]

/** /proc/PID/status: Seccomp is 2 under a filter. */
const SECCOMP_FILTER = '2'

/** @param reported the child's own list @param ownUser whether it was started under a user of its own */
export function inspectIsolation(pid: number, reported: readonly string[], ownUser: boolean): Layer[] {
  const status = readStatus(pid)
  const seen = (layer: string, holds: boolean): Layer => ({
    layer,
    state: holds ? 'verified' : reported.includes(layer) ? 'reported' : 'absent',
  })
  const told = (layer: string): Layer => ({ layer, state: reported.includes(layer) ? 'reported' : 'absent' })
  // A process that claims what /proc denies is given no credit for it
  const proven = (layer: string, holds: boolean): Layer => ({ layer, state: holds ? 'verified' : 'absent' })
  return [
    { layer: 'process', state: 'verified' },
    { layer: 'empty-environment', state: 'verified' },
    { layer: 'no-inspector', state: 'verified' },
    proven('own-user', ownUser && status.uid !== String(process.getuid?.())),
    proven('rlimits', reported.includes('rlimits') && limitsHold(pid)),
    seen('undumpable', reported.includes('undumpable') && status.uid !== '0' && ownerOf(pid) === 0),
    proven('no-new-privs', status.noNewPrivs === '1'),
    proven('seccomp', reported.includes('seccomp') && status.seccomp === SECCOMP_FILTER),
    told('permission-model'),
    told('dies-with-nitro'),
  ]
}

export function sameLayers(a: readonly Layer[], b: readonly Layer[]): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function readStatus(pid: number): { uid?: string; noNewPrivs?: string; seccomp?: string } {
  const text = readProc(pid, 'status')
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(text)?.[1]
  const [uid, noNewPrivs, seccomp] = [field('Uid'), field('NoNewPrivs'), field('Seccomp')]
  return {
    ...(uid !== undefined && { uid }),
    ...(noNewPrivs !== undefined && { noNewPrivs }),
    ...(seccomp !== undefined && { seccomp }),
  }
}

function limitsHold(pid: number): boolean {
  const text = readProc(pid, 'limits')
  const hard = (name: string) => new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text)?.[1]
  return ['Max core file size', 'Max file size', 'Max processes'].every((name) => hard(name) === '0')
}

/** Files of a process that nobody may dump belong to root, proc(5). */
function ownerOf(pid: number): number | undefined {
  try {
    return statSync(`/proc/${pid}/maps`).uid
  } catch {
    return undefined
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
