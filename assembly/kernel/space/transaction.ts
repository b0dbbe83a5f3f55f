// What one call wrote: a chain of records in unmanaged memory, and the answers that are held until they are durable.
import { Held } from '../held'
import { nextRecord, setNextRecord } from './record'

export class Transaction {
  /** The chain's ends, 0 where it is empty. */
  first: usize = 0
  private last: usize = 0
  count: i32 = 0
  /** Records that it adds to those that are durable, at most. */
  added: u64 = 0
  /** What it takes at the parent. */
  sealedBytes: usize = 0
  /** What it takes of the quota, not counting what it replaces. */
  size: u64 = 0
  version: u64 = 0
  /** The handle of the request whose call this is; 0 for a notice and for the kernel's own. */
  request: u32 = 0
  held: Held | null = null
  /** The next in the queue. */
  next: Transaction | null = null

  append(record: usize): void {
    if (this.last == 0) this.first = record
    else setNextRecord(this.last, record)
    this.last = record
    this.count++
  }

  /** Puts a record in the place of an earlier one of the same key. */
  replace(old: usize, record: usize): void {
    setNextRecord(record, nextRecord(old))
    if (this.first == old) this.first = record
    else {
      let before = this.first
      while (nextRecord(before) != old) before = nextRecord(before)
      setNextRecord(before, record)
    }
    if (this.last == old) this.last = record
    heap.free(old)
  }

  free(): void {
    let record = this.first
    while (record != 0) {
      const next = nextRecord(record)
      heap.free(record)
      record = next
    }
    this.first = 0
    this.last = 0
  }
}
