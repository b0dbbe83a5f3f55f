/**
 * What the nitro process gives up at its start, and its children with it: being dumped or debugged by its own user, new privileges, and
 * io_uring, past which no filter of system calls sees anything. It stays trusted all the same, as a hypervisor is.
 */
import { noIoUringFilter } from '../confine/filter.ts'
import { becomeUndumpable, filterSystemCalls, refuseNewPrivileges } from '../confine/limits.ts'
import { thisArchitecture } from '../confine/syscalls.ts'
import { closeDescriptorsOnExec } from './pool/native.ts'

export function confine(): void {
  closeDescriptorsOnExec()
  becomeUndumpable()
  refuseNewPrivileges()
  const architecture = thisArchitecture()
  if (architecture !== undefined) filterSystemCalls(noIoUringFilter(architecture))
}
