// The key space in this memory: ordered and versioned. One transaction is open at a time; its writes are seen by its own reads alone, wait
// in `pending` while they are made durable, and become the space then. Reads see the last durable state. A transaction that would write
// what another is writing, or has read it, is told to come again: so each reads as if it ran alone.
import {
  MAX_KEY_BYTES, MAX_PENDING_BYTES, MAX_STORE_BYTES, MAX_STORE_RECORDS, MAX_TRANSACTION_BYTES, MAX_WRITES
} from '../../abi/limits'
import { STATUS_AGAIN, STATUS_NOT_FOUND, STATUS_QUOTA, STATUS_TOO_LARGE } from '../../abi/status'
import { Writer } from '../../codec/writer'
import { copy } from '../../mem/bytes'
import { sealedBytes } from '../store/padding'
import { Area } from './area'
import {
  clearFresh, compareKeys, isKeyOf, makeRecord, nextRecord, RECORD_FRESH, RECORD_KERNEL, RECORD_REMOVED, recordBytes, recordHas, recordKey,
  recordKeyLength, recordValue, recordValueLength, recordVersion, setRecordVersion
} from './record'
import { Transaction } from './transaction'

const ENTRY_HEADER: usize = 16 // u32 key length, u32 value length, u64 version

export class Space {
  /** Number of the last transaction that wrote, durable or not. A number is never given twice. */
  version: u64 = 0
  /** Newest of the transactions whose fate is known: they end in their order, durable or discarded. */
  settled: u64 = 0
  /** Newest of those that were discarded; 0 for none. */
  lost: u64 = 0
  /** Durable. */
  records: u64 = 0
  bytes: u64 = 0
  /** Sealed, of transactions that are not durable yet. */
  pendingBytes: usize = 0
  /** The open transaction was told to come again. */
  conflict: bool = false
  readonly workload: Area = new Area()
  readonly kernel: Area = new Area()
  private open: Transaction = new Transaction()
  /** It has read what another is writing. */
  private readPending: bool = false
  /** Records that pending transactions add, at most: no removal counts before it is durable. */
  private pendingRecords: u64 = 0
  private pendingSize: u64 = 0

  get hasWrites(): bool {
    return this.open.first != 0
  }

  /** What is held until the open transaction is durable. */
  get transaction(): Transaction {
    return this.open
  }

  /** The workload's record as this transaction sees it, or 0. */
  get(key: usize, keyLength: usize): usize {
    return this.find(0, key, keyLength)
  }

  /** A durable record of the kernel's own. */
  kernelRecord(key: usize, keyLength: usize): usize {
    return this.kernel.durable.get(key, keyLength)
  }

  /** `area`: RECORD_KERNEL, or 0 for the workload's. @returns the version that the record will have, or a status */
  put(area: u32, key: usize, keyLength: usize, value: usize, valueLength: usize): i64 {
    if (keyLength == 0 || keyLength > <usize>MAX_KEY_BYTES || valueLength > <usize>MAX_TRANSACTION_BYTES) return STATUS_TOO_LARGE
    const record = makeRecord(key, keyLength, value, valueLength, area | RECORD_FRESH)
    const old = this.areaOf(area).durable.get(key, keyLength)
    const used = this.bytes + this.pendingSize + this.open.size - (old == 0 ? 0 : <u64>recordBytes(old))
    const added: u64 = old == 0 ? 1 : 0
    if (used + <u64>recordBytes(record) > <u64>MAX_STORE_BYTES || this.records + this.pendingRecords + this.open.added + added > <u64>MAX_STORE_RECORDS) {
      heap.free(record)
      return STATUS_QUOTA
    }
    const version = this.write(record)
    if (version >= 0) this.open.added += added
    return version
  }

  /** @returns the version of the removal, or a status */
  remove(area: u32, key: usize, keyLength: usize): i64 {
    if (keyLength == 0 || keyLength > <usize>MAX_KEY_BYTES || this.find(area, key, keyLength) == 0) {
      // Somebody may be writing it: what is not there now may be there by the time this one is
      return this.readPending ? this.again() : STATUS_NOT_FOUND
    }
    return this.write(makeRecord(key, keyLength, 0, 0, area | RECORD_FRESH | RECORD_REMOVED))
  }

  /**
   * Appends the workload's entries in key order, strictly behind `after`, while they fit `room`.
   * @returns entries written, or -1 if the first does not fit
   */
  scan(prefix: usize, prefixLength: usize, after: usize, afterLength: usize, limit: i32, room: usize, out: Writer): i32 {
    if (this.workload.writesUnder(prefix, prefixLength)) this.readPending = true
    const table = this.workload.durable
    const behindAfter = compareKeys(after, afterLength, prefix, prefixLength) > 0
    const cursor = behindAfter ? table.seek(after, afterLength) : table.seek(prefix, prefixLength)
    const start = out.length
    let count = 0
    while (count < limit) {
      const stored = table.at(cursor)
      const fresh = this.nextWrite(prefix, prefixLength, after, afterLength)
      let record = stored
      if (fresh != 0) {
        const order = stored == 0 ? 1 : compareKeys(recordKey(stored), recordKeyLength(stored), recordKey(fresh), recordKeyLength(fresh))
        if (order >= 0) {
          record = fresh
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
      if (recordHas(record, RECORD_REMOVED) || !behind) continue
      const size = ENTRY_HEADER + keyLength + recordValueLength(record)
      if (out.length - start + size > room) return count == 0 ? -1 : count
      const at = out.grow(size)
      store<u32>(at, <u32>keyLength)
      store<u32>(at, <u32>recordValueLength(record), 4)
      store<u64>(at, this.versionOf(record), 8)
      copy(at + ENTRY_HEADER, key, keyLength)
      copy(at + ENTRY_HEADER + keyLength, recordValue(record), recordValueLength(record))
      count++
    }
    return count
  }

  /** Version of a record as its transaction sees it. */
  versionOf(record: usize): u64 {
    return recordHas(record, RECORD_FRESH) ? this.version + 1 : recordVersion(record)
  }

  /** Ends the open transaction: it has its number, and waits until it is durable. @returns null where it writes nothing */
  take(): Transaction | null {
    const taken = this.open
    this.reset()
    if (taken.first == 0) return null
    this.open = new Transaction()
    taken.version = ++this.version
    for (let record = taken.first; record != 0; record = nextRecord(record)) {
      setRecordVersion(record, taken.version)
      this.areaOfRecord(record).pending.put(record)
    }
    this.pendingBytes += taken.sealedBytes
    this.pendingRecords += taken.added
    this.pendingSize += taken.size
    return taken
  }

  /** Drops what the open transaction wrote. */
  rollback(): void {
    this.reset()
    this.open.free()
    this.open = new Transaction()
  }

  /** The transaction is durable: it becomes the space. */
  apply(transaction: Transaction): void {
    this.settle(transaction)
    let record = transaction.first
    while (record != 0) {
      const next = nextRecord(record)
      const area = this.areaOfRecord(record)
      area.pending.remove(recordKey(record), recordKeyLength(record))
      let old: usize
      if (recordHas(record, RECORD_REMOVED)) {
        old = area.durable.remove(recordKey(record), recordKeyLength(record))
        heap.free(record)
      } else old = this.add(record)
      if (old != 0) this.drop(old)
      record = next
    }
    transaction.first = 0
  }

  /** The transaction was not written. */
  discard(transaction: Transaction): void {
    this.settle(transaction)
    this.lost = transaction.version
    for (let record = transaction.first; record != 0; record = nextRecord(record))
      this.areaOfRecord(record).pending.remove(recordKey(record), recordKeyLength(record))
    transaction.free()
  }

  /** A record that is durable, at boot or by `apply`. @returns the one that was in its place, or 0 */
  add(record: usize): usize {
    clearFresh(record)
    this.bytes += recordBytes(record)
    this.records++
    return this.areaOfRecord(record).durable.put(record)
  }

  /** Forgets all that is durable, as when a store is read anew. No transaction may be open or pending. */
  clear(): void {
    this.clearArea(this.workload)
    this.clearArea(this.kernel)
  }

  /** The durable record that a pending one replaces or removes, or 0. */
  replacedBy(record: usize): usize {
    return this.areaOfRecord(record).durable.get(recordKey(record), recordKeyLength(record))
  }

  private clearArea(area: Area): void {
    const cursor = area.durable.seek(0, 0)
    for (let record = area.durable.at(cursor); record != 0; record = area.durable.at(cursor)) {
      cursor.index++
      this.drop(record)
    }
    area.durable.clear()
  }

  private drop(record: usize): void {
    this.bytes -= recordBytes(record)
    this.records--
    heap.free(record)
  }

  private reset(): void {
    this.conflict = false
    this.readPending = false
  }

  private settle(transaction: Transaction): void {
    this.settled = transaction.version
    this.pendingBytes -= transaction.sealedBytes
    this.pendingRecords -= transaction.added
    this.pendingSize -= transaction.size
  }

  private areaOf(area: u32): Area {
    return area == RECORD_KERNEL ? this.kernel : this.workload
  }

  private areaOfRecord(record: usize): Area {
    return recordHas(record, RECORD_KERNEL) ? this.kernel : this.workload
  }

  private again(): i64 {
    this.conflict = true
    return STATUS_AGAIN
  }

  private write(record: usize): i64 {
    const key = recordKey(record)
    const keyLength = recordKeyLength(record)
    const area = this.areaOfRecord(record)
    if (this.readPending || this.pendingBytes > <usize>MAX_PENDING_BYTES || area.pending.get(key, keyLength) != 0) {
      heap.free(record)
      return this.again()
    }
    const open = this.open
    const known = this.written(record, key, keyLength)
    const sealed = sealedBytes(keyLength, recordValueLength(record))
    if (open.sealedBytes + sealed > <usize>MAX_TRANSACTION_BYTES || (known == 0 && open.count >= MAX_WRITES)) {
      heap.free(record)
      return STATUS_TOO_LARGE
    }
    if (known != 0) open.replace(known, record)
    else open.append(record)
    open.sealedBytes += sealed
    open.size += recordBytes(record)
    return <i64>(this.version + 1)
  }

  // As this transaction sees it. What it sees of what another is writing, it sees as it was.
  private find(area: u32, key: usize, keyLength: usize): usize {
    for (let record = this.open.first; record != 0; record = nextRecord(record))
      if (isKeyOf(record, key, keyLength) && recordHas(record, RECORD_KERNEL) == (area == RECORD_KERNEL))
        return recordHas(record, RECORD_REMOVED) ? 0 : record
    const place = this.areaOf(area)
    if (this.pendingBytes > 0 && place.pending.get(key, keyLength) != 0) this.readPending = true
    return place.durable.get(key, keyLength)
  }

  // The open transaction's record of the same key and area, or 0.
  private written(like: usize, key: usize, keyLength: usize): usize {
    for (let record = this.open.first; record != 0; record = nextRecord(record))
      if (isKeyOf(record, key, keyLength) && recordHas(record, RECORD_KERNEL) == recordHas(like, RECORD_KERNEL)) return record
    return 0
  }

  // The workload's write with the least key behind `after` that begins with the prefix, or 0.
  private nextWrite(prefix: usize, prefixLength: usize, after: usize, afterLength: usize): usize {
    let least: usize = 0
    for (let record = this.open.first; record != 0; record = nextRecord(record)) {
      const key = recordKey(record)
      const keyLength = recordKeyLength(record)
      if (recordHas(record, RECORD_KERNEL)) continue
      if (keyLength < prefixLength || memory.compare(key, prefix, prefixLength) != 0) continue
      if (compareKeys(key, keyLength, after, afterLength) <= 0) continue
      if (least == 0 || compareKeys(key, keyLength, recordKey(least), recordKeyLength(least)) < 0) least = record
    }
    return least
  }
}
