// A played parent's half of the store, from assembly/abi/STORE-RECORDS.md: records by place in a map, and a head. Faults are the caller's.
import {
  RELAY_STORE_COMMIT,
  RELAY_STORE_COMMITTED,
  RELAY_STORE_HEAD,
  RELAY_STORE_HEAD_IS,
  RELAY_STORE_LOAD,
  RELAY_STORE_LOADED,
  RELAY_STORE_PART,
  RELAY_STORE_RECORDS,
} from '../../assembly/abi/wire.ts'
import { encodeFrame, type Frame } from '../../host/wire/frame.ts'
import { concat, u32 } from './channel-peer.ts'
import { NO_HASH, sha256 } from './store-records.ts'

const lp = (bytes: Uint8Array): Buffer => concat(u32(bytes.length), bytes)

export type Stored = { records: Map<string, Buffer>; head: Buffer | undefined; meta: Buffer }

export class StoreParent {
  stored: Stored = { records: new Map(), head: undefined, meta: Buffer.alloc(0) }
  maxRecords = 1000
  maxBytes = 8388608
  /** Bytes of a frame of records. */
  chunkBytes = 65536
  commits = 0
  /** Nobody has changed what lies here: the kernel removes nothing that is not there. */
  strict = true
  /** By connection and ticket: tickets are a kernel's own. */
  #parts = new Map<string, Buffer[]>()

  snapshot(): Stored {
    return { records: new Map(this.stored.records), head: this.stored.head, meta: this.stored.meta }
  }

  /** Puts an earlier state back. */
  restore(stored: Stored): void {
    this.stored = { records: new Map(stored.records), head: stored.head, meta: stored.meta }
  }

  get headHash(): Buffer {
    return this.stored.head === undefined ? NO_HASH : sha256(this.stored.head)
  }

  /** What an honest parent answers, at once. */
  receive({ type, id, payload }: Frame, connection = 0): Uint8Array[] {
    const batch = `${connection} ${id}`
    switch (type) {
      case RELAY_STORE_HEAD:
        return [encodeFrame(RELAY_STORE_HEAD_IS, id, this.#stored())]
      case RELAY_STORE_LOAD: {
        const all = Buffer.concat(
          [...this.stored.records].map(([place, record]) => concat(Buffer.from(place, 'hex'), lp(record))),
        )
        const frames: Uint8Array[] = []
        for (let at = 0; at < all.length; at += this.chunkBytes)
          frames.push(encodeFrame(RELAY_STORE_RECORDS, id, all.subarray(at, at + this.chunkBytes)))
        return [...frames, encodeFrame(RELAY_STORE_LOADED, id, this.#stored())]
      }
      case RELAY_STORE_PART:
        this.#parts.set(batch, [...(this.#parts.get(batch) ?? []), Buffer.from(payload)])
        return []
      case RELAY_STORE_COMMIT:
        return [encodeFrame(RELAY_STORE_COMMITTED, id, Buffer.from([this.#commit(batch, payload) ? 0 : 1]))]
      default:
        throw new RangeError(`frame type ${type}`)
    }
  }

  /** The parts under a ticket are lost. */
  forget(id: number, connection = 0): void {
    this.#parts.delete(`${connection} ${id}`)
  }

  /** All or nothing, if the head is the expected one. */
  #commit(name: string, payload: Uint8Array): boolean {
    const batch = Buffer.concat(this.#parts.get(name) ?? [])
    this.#parts.delete(name)
    const p = Buffer.from(payload)
    if (!p.subarray(32, 64).equals(this.headHash)) return false
    const metaLength = p.readUInt32BE(64)
    const records = new Map(this.stored.records)
    for (let at = 0; at < batch.length; ) {
      const place = batch.toString('hex', at + 1, at + 33)
      const length = batch.readUInt32BE(at + 33)
      if (batch[at] === 1) records.set(place, batch.subarray(at + 37, at + 37 + length))
      else if (!records.delete(place) && this.strict) throw new RangeError('removes what is not there')
      at += 37 + length
    }
    this.stored = { records, meta: p.subarray(68, 68 + metaLength), head: p.subarray(72 + metaLength) }
    this.commits++
    return true
  }

  #stored(): Buffer {
    const limits = concat(u32(this.maxRecords), u32(this.maxBytes))
    const { head, meta } = this.stored
    return head === undefined ? concat(Buffer.from([0]), limits) : concat(Buffer.from([1]), limits, lp(meta), lp(head))
  }
}
