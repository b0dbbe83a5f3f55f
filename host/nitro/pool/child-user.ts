/**
 * A host that was started as root gives each enclave a user of its own, so that no two enclaves, and no process of the host's, may signal
 * or read one another. Otherwise they share the user who started the host, and the boot record says so.
 */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** A range that distributions leave to users made on demand (systemd's DynamicUser): 61184 to 65519. */
const FIRST_UID = 61_184
const UIDS = 4_336
const OTHERS_MAY_PASS = 0o001
const OTHERS_MAY_READ = 0o004

export type ChildUser = { uid: number; gid: number }

export function childUser(slot: number): ChildUser {
  const id = FIRST_UID + (slot % UIDS)
  return { uid: id, gid: id }
}

/** Whether this is root, and a user with no rights but everybody's can open all these files: so that a child can be started as one. */
export function canHaveChildUsers(programs: readonly string[]): boolean {
  return process.getuid?.() === 0 && programs.every(isOpenToOthers)
}

function isOpenToOthers(path: string): boolean {
  try {
    if ((statSync(path).mode & OTHERS_MAY_READ) === 0) return false
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & OTHERS_MAY_PASS) === 0) return false
      if (folder === dirname(folder)) return true
    }
  } catch {
    return false
  }
}
