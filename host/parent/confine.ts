/**
 * What the parent gives up before it listens: being debugged by its own user, and all files but its store folder (Landlock). It holds no
 * key and opens no frame; this bounds what somebody gains who breaks it. What does not take hold is not reported.
 */
import { restrictFiles } from '../confine/landlock.ts'
import { becomeUndumpable } from '../confine/limits.ts'

type Permission = { has(scope: string): boolean; drop?(scope: string): void }

/** @returns names of the layers in force */
export function confine(storeFolder: string): string[] {
  const layers: string[] = []
  if (becomeUndumpable()) layers.push('undumpable')
  if (restrictFiles({ read: [], write: [storeFolder] })) layers.push('files')
  const permission = (process as unknown as { permission?: Permission }).permission
  if (permission?.has('ffi')) permission.drop?.('ffi')
  return layers
}
