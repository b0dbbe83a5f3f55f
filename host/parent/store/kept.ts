/** What an engine keeps under a store's name: where its records lie, and the head with what lies beside it. `u64 incarnation ‖ lp(meta) ‖ head`. */
import { FatalError } from '../../errors.ts'
import type { Kept } from './engine.ts'

/**
 * A store that is replaced as a whole gets a new incarnation: its records are laid down beside the old ones, under a number of their own, and
 * one write of this turns from one to the other.
 */
export const INCARNATION_BYTES = 8

export type Placed = Kept & { incarnation: Uint8Array }

export function encodeKept({ head, meta, incarnation }: Placed): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(meta.length)
  return Buffer.concat([incarnation, length, meta, head])
}

/** @throws FatalError ERR_STORE_BROKEN: somebody else wrote there */
export function decodeKept(bytes: Uint8Array): Placed {
  const b = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const metaAt = INCARNATION_BYTES + 4
  const metaEnd = b.length < metaAt ? Infinity : metaAt + b.readUInt32BE(INCARNATION_BYTES)
  if (metaEnd >= b.length) throw new FatalError('ERR_STORE_BROKEN', 'what is kept of a store is cut short')
  return { incarnation: b.subarray(0, INCARNATION_BYTES), meta: b.subarray(metaAt, metaEnd), head: b.subarray(metaEnd) }
}
