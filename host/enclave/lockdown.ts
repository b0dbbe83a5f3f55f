/**
 * What this process gives up before it reports ready, and so before a tenant's first byte: core files, other files, processes, new
 * descriptors, being debugged, new privileges, all system calls but a few, and in the end ffi itself. Each layer is tried after it was
 * put up. A layer that does not take hold is not reported: the enclave runs, and its boot record says what holds.
 */
import { enclaveFilter } from '../confine/filter.ts'
import { becomeUndumpable, dieWith, filterSystemCalls, limitResources, refuseNewPrivileges } from '../confine/limits.ts'
import { systemCall } from '../confine/native.ts'
import { numberOf, thisArchitecture } from '../confine/syscalls.ts'

type Permission = { has(scope: string): boolean; drop?(scope: string): void }

const AF_UNIX = 1
const SOCK_STREAM = 1
const EPERM = 1

/** @returns names of the layers in force, as this process sees them */
export function lockDown(nitroPid: number): string[] {
  const layers: [name: string, holds: boolean][] = [
    ['dies-with-nitro', dieWith(nitroPid)],
    ['empty-environment', Object.keys(process.env).length === 0],
    ['no-inspector', process.execArgv.includes('--disable-sigusr1')],
    ['rlimits', limitResources()],
    ['undumpable', becomeUndumpable()],
    ['no-new-privs', refuseNewPrivileges()],
    ['seccomp', filterCalls()],
    ['permission-model', dropPermissions()],
  ]
  return layers.filter(([, holds]) => holds).map(([name]) => name)
}

function filterCalls(): boolean {
  const architecture = thisArchitecture()
  if (architecture === undefined || !filterSystemCalls(enclaveFilter(architecture, process.pid))) return false
  return systemCall(numberOf('socket', architecture) as number, AF_UNIX, SOCK_STREAM, 0) === -EPERM
}

function dropPermissions(): boolean {
  const permission = (process as unknown as { permission?: Permission }).permission
  if (permission?.drop === undefined) return false
  for (const scope of ['fs.read', 'fs.write', 'ffi']) if (permission.has(scope)) permission.drop(scope)
  return !permission.has('fs.read') && !permission.has('ffi') && !permission.has('net')
}
