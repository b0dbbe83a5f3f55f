// The workload's key space: ordered, versioned, in this memory. One transaction at a time; its writes are seen by its own reads and
// become the space when it commits. Every transaction that writes has a number, and that is the version of what it wrote.
import { MAX_KEY_BYTES, MAX_TRANSACTION_BYTES, MAX_WRITES } from '../../abi/limits'
import { STATUS_NOT_FOUND, STATUS_OK, STATUS_QUOTA, STATUS_TOO_LARGE } from '../../abi/status'
import { Writer } from '../../codec/writer'
import { copy } from '../../mem/bytes'
import {
  compareKeys, makeRecord, recordBytes, recordKey, recordKeyLength, recordValue, recordValueLength, recordVersion, setRecordVersion
} from './record'
import { Table } from './table'

/** A write of the open transaction. A tombstone is a record without a value that is marked so. */
class Write {
  constructor(public record: usize, public removed: bool) {}
}

const ENTRY_HEADER: usize = 16 // u32 key length, u32 value length, u64 version

export class Space {
  /** Number of the last transaction that wrote. */
  version: u64 = 0
  records: u64 = 0
  bytes: u64 = 0
  private table: Table = new Table()
  private writes: Array<Write> = []
  private written: usize = 0

  constructor(private maxBytes: u64) {}

  /** The record as this transaction sees it, or 0. */
  get(key: usize, keyLength: usize): usize {
    const write = this.find(key, keyLength)
    if (write) return write.removed ? 0 : write.record
    return this.table.get(key, keyLength)
  }

  /** @returns the version that the record will have, or a status */
  put(key: usize, keyLength: usize, value: usize, valueLength: usize): i64 {
    const size = keyLength + valueLength
    if (keyLength == 0 || keyLength > <usize>MAX_KEY_BYTES || this.written + size > <usize>MAX_TRANSACTION_BYTES) return STATUS_TOO_LARGE
    if (this.bytes + <u64>(this.written + size) > this.maxBytes) return STATUS_QUOTA
    return this.write(makeRecord(key, keyLength, value, valueLength), false)
  }

  /** @returns the version of the removal, or a status */
  remove(key: usize, keyLength: usize): i64 {
    if (this.get(key, keyLength) == 0) return STATUS_NOT_FOUND
    return this.write(makeRecord(key, keyLength, 0, 0), true)
  }

  /**
   * Appends entries in key order, strictly behind `after`, while they fit `room`.
   * @returns entries written, or -1 if the first does not fit
   */
  scan(prefix: usize, prefixLength: usize, after: usize, afterLength: usize, limit: i32, room: usize, out: Writer): i32 {
    const behindAfter = compareKeys(after, afterLength, prefix, prefixLength) > 0
    const cursor = behindAfter ? this.table.seek(after, afterLength) : this.table.seek(prefix, prefixLength)
    const start = out.length
    let count = 0
    while (count < limit) {
      const stored = this.table.at(cursor)
      const fresh = this.nextWrite(prefix, prefixLength, after, afterLength)
      let record = stored
      let removed = false
      if (fresh) {
        const order = stored == 0 ? 1 : compareKeys(recordKey(stored), recordKeyLength(stored), recordKey(fresh.record), recordKeyLength(fresh.record))
        if (order >= 0) {
          record = fresh.record
          removed = fresh.removed
          if (order == 0) cursor.index++
        } else cursor.index++
      } else cursor.index++
      if (record == 0) break
      const key = recordKey(record)
      const keyLength = recordKeyLength(record)
      if (keyLength < prefixLength || memory.compare(key, prefix, prefixLength) != 0) {
        if (compareKeys(key, keyLength, prefix, prefixLength) < 0) continue
        break
      }
      const behind = compareKeys(key, keyLength, after, afterLength) > 0
      if (behind) {
        after = key
        afterLength = keyLength
      }
      if (removed || !behind) continue
      const size = ENTRY_HEADER + keyLength + recordValueLength(record)
      if (out.length - start + size > room) return count == 0 ? -1 : count
      const at = out.grow(size)
      store<u32>(at, <u32>keyLength)
      store<u32>(at, <u32>recordValueLength(record), 4)
      store<u64>(at, this.isFresh(record) ? this.version + 1 : recordVersion(record), 8)
      copy(at + ENTRY_HEADER, key, keyLength)
      copy(at + ENTRY_HEADER + keyLength, recordValue(record), recordValueLength(record))
      count++
    }
    return count
  }

  /** Version of a record as its transaction sees it. */
  versionOf(record: usize): u64 {
    return this.isFresh(record) ? this.version + 1 : recordVersion(record)
  }

  commit(): void {
    if (this.writes.length == 0) return
    this.version++
    for (let i = 0; i < this.writes.length; i++) {
      const write = this.writes[i]
      let old: usize
      if (write.removed) {
        old = this.table.remove(recordKey(write.record), recordKeyLength(write.record))
        heap.free(write.record)
      } else {
        setRecordVersion(write.record, this.version)
        this.bytes += recordBytes(write.record)
        this.records++
        old = this.table.put(write.record)
      }
      if (old != 0) {
        this.bytes -= recordBytes(old)
        this.records--
        heap.free(old)
      }
    }
    this.writes.length = 0
    this.written = 0
  }

  rollback(): void {
    for (let i = 0; i < this.writes.length; i++) heap.free(this.writes[i].record)
    this.writes.length = 0
    this.written = 0
  }

  private write(record: usize, removed: bool): i64 {
    const known = this.find(recordKey(record), recordKeyLength(record))
    this.written += recordKeyLength(record) + recordValueLength(record)
    if (known) {
      heap.free(known.record)
      known.record = record
      known.removed = removed
    } else {
      if (this.writes.length >= MAX_WRITES) {
        heap.free(record)
        return STATUS_TOO_LARGE
      }
      this.writes.push(new Write(record, removed))
    }
    return <i64>(this.version + 1) + STATUS_OK
  }

  private find(key: usize, keyLength: usize): Write | null {
    for (let i = 0; i < this.writes.length; i++) {
      const record = this.writes[i].record
      if (compareKeys(recordKey(record), recordKeyLength(record), key, keyLength) == 0) return this.writes[i]
    }
    return null
  }

  private isFresh(record: usize): bool {
    for (let i = 0; i < this.writes.length; i++) if (this.writes[i].record == record) return true
    return false
  }

  // The write with the least key behind `after` that begins with the prefix.
  private nextWrite(prefix: usize, prefixLength: usize, after: usize, afterLength: usize): Write | null {
    let least: Write | null = null
    for (let i = 0; i < this.writes.length; i++) {
      const write = this.writes[i]
      const key = recordKey(write.record)
      const keyLength = recordKeyLength(write.record)
      if (keyLength < prefixLength || memory.compare(key, prefix, prefixLength) != 0) continue
      if (compareKeys(key, keyLength, after, afterLength) <= 0) continue
      if (least === null || compareKeys(key, keyLength, recordKey(least.record), recordKeyLength(least.record)) < 0) least = write
    }
    return least
  }
}
