/**
 * What the nitro process gives up at its start, and its children with it: being dumped or debugged by its own user, new privileges, and
 * io_uring, past which no filter of system calls sees anything. It stays trusted all the same, as a hypervisor is.
 */
import inspector from 'node:inspector'
import { noIoUringFilter } from '../confine/filter.ts'
import { becomeUndumpable, filterSystemCalls, refuseNewPrivileges } from '../confine/limits.ts'
import { thisArchitecture } from '../confine/syscalls.ts'
import { FatalError } from '../errors.ts'
import { closeDescriptorsOnExec } from './pool/native.ts'

/** @throws FatalError ERR_HOST_INSPECTOR */
export function confine(): void {
  // Node's permission model opens none either, and says nothing
  if (inspector.url() !== undefined || process.execArgv.some((flag) => flag.startsWith('--inspect')))
    throw new FatalError('ERR_HOST_INSPECTOR', 'refuses to start under an inspector: whoever attaches reads everything')
  closeDescriptorsOnExec()
  becomeUndumpable()
  refuseNewPrivileges()
  const architecture = thisArchitecture()
  if (architecture !== undefined) filterSystemCalls(noIoUringFilter(architecture))
}
