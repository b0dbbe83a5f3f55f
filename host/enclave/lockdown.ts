/**
 * What this process gives up before it reports ready. Permissions are dropped here; rlimits, undumpable and seccomp come with the
 * control plane. What holds is reported, and nitro marks it as reported.
 */
import { createRequire } from 'node:module'

/** linux/prctl.h */
const PR_SET_PDEATHSIG = 1
const SIGKILL = 9

type Permission = { has(scope: string): boolean; drop?(scope: string): void }

/** @returns names of the layers in force, as this process sees them */
export function lockDown(parentPid: number): string[] {
  const layers: string[] = []
  if (dieWithNitro(parentPid)) layers.push('dies-with-nitro')
  const permission = (process as unknown as { permission?: Permission }).permission
  if (permission?.drop !== undefined) {
    for (const scope of ['fs.read', 'fs.write', 'ffi']) if (permission.has(scope)) permission.drop(scope)
    if (!permission.has('fs.read') && !permission.has('ffi') && !permission.has('net')) layers.push('permission-model')
  }
  if (Object.keys(process.env).length === 0) layers.push('empty-environment')
  if (process.execArgv.includes('--disable-sigusr1')) layers.push('no-inspector')
  return layers
}

// Without nitro there is no hypervisor: the kernel kills this process with it. Then a check that it had not died before.
function dieWithNitro(parentPid: number): boolean {
  if (process.platform !== 'linux') return false
  try {
    const ffi = createRequire('file:///')('node:ffi') as {
      dlopen(path: string | null, definitions: object): { functions: { prctl(...args: (number | bigint)[]): number } }
    }
    const { functions } = ffi.dlopen(null, { prctl: { arguments: ['i32', 'u64', 'u64', 'u64', 'u64'], return: 'i32' } })
    if (functions.prctl(PR_SET_PDEATHSIG, BigInt(SIGKILL), 0n, 0n, 0n) !== 0) return false
  } catch {
    return false
  }
  if (process.ppid !== parentPid) process.exit(1)
  return true
}
