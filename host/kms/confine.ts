/**
 * What the KMS gives up before it listens: being dumped or debugged by its own user, new privileges, and all files but its own folder (Landlock). It holds
 * customers' keys; this bounds what else somebody gains who breaks it. ffi stays, as files are synced by the C library.
 */
import { restrictFiles } from '../confine/landlock.ts'
import { becomeUndumpable, refuseNewPrivileges } from '../confine/limits.ts'

/** @param folder DIR/kms, which must be there @returns names of the layers in force */
export function confine(folder: string): string[] {
  const layers: string[] = []
  if (becomeUndumpable()) layers.push('undumpable')
  // Landlock wants it, of whoever is not root.
  if (refuseNewPrivileges()) layers.push('no-new-privs')
  if (restrictFiles({ read: [], write: [folder] })) layers.push('files')
  return layers
}
