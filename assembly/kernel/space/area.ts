// One of the two key spaces, the workload's or the kernel's own: what is durable, and what is written and not durable yet. A key is written
// by one transaction at a time, so no key stands twice in `pending`.
import { compareKeys, recordKey, recordKeyLength } from './record'
import { Table } from './table'

export class Area {
  durable: Table = new Table()
  pending: Table = new Table()

  /** Whether a transaction that is not durable yet writes a key with this prefix. */
  writesUnder(prefix: usize, prefixLength: usize): bool {
    const record = this.pending.at(this.pending.seek(prefix, prefixLength))
    if (record == 0 || recordKeyLength(record) < prefixLength) return false
    return compareKeys(recordKey(record), prefixLength, prefix, prefixLength) == 0
  }
}
