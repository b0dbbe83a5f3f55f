// Deleting many: what a collection or a namespace holds, as many a transaction as may be written in one, the rest in ticks.
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { MAX_WRITES } from '../../../abi/limits'
import { settleFinalizers } from '../garbage/finalizers'
import { treeOf } from '../http/render'
import { keepBytes } from '../json/arena'
import { Resource } from '../resources/table'
import { Selectors } from '../select/selectors'
import { keyName, keyNamespace } from '../storage/key'
import { RecordView, RECORD_HEADER } from '../storage/record'
import { writeRecord, writesSoFar } from '../storage/store'
import { changed, MODIFIED } from '../watch/changes'
import { isHeld, markDeleted, removeObject } from './delete'

/** Left for what a transaction writes besides. */
const SPARE = 4

export class Sweep {
  /** Deleted or marked, in order. */
  records: RecordView[] = []
  /** The last key that was met. */
  last: Span = new Span(0, 0)
  /** Objects that wait for their finalizers. */
  held: i32 = 0
  /** There is more behind `last`. */
  more: bool = false
  /** The transaction cannot go on: nothing of it may stay. */
  failed: bool = false
  /** What becomes of what depends on them: a propagation policy, or "". */
  policy: string = ''

  /** Deletes what matches, strictly behind `after`. @param selectors null for a namespace, whose held objects are counted and left */
  run(resource: Resource, prefix: Span, after: Span, selectors: Selectors | null, dryRun: bool): void {
    const keys: Span[] = []
    const found: RecordView[] = []
    const scan = new Scan(prefix, after, MAX_WRITES)
    let room = MAX_WRITES - SPARE - writesSoFar()
    let bytes: usize = 0
    // Read first, then written: a scan is of one state
    while (scan.next()) {
      if (room <= 0 || bytes > MAX_SWEEP_BYTES) {
        this.more = true
        break
      }
      const record = new RecordView().read(scan.value.at, scan.value.length, scan.version)
      if (!selectors && record.isHeld && record.isTerminating) {
        // Nothing is to be done about it, and it must not keep others from their turn
        this.held++
        continue
      }
      const key = scan.key
      const kept = new Span(keepBytes(key.at, key.length), key.length)
      this.last = kept
      if (selectors && !selectors.match(kept, record, resource)) continue
      const length = record.jsonLength + RECORD_HEADER
      const version = record.resourceVersion
      record.read(keepBytes(record.json - RECORD_HEADER, length), length, 0)
      record.resourceVersion = version
      keys.push(kept)
      found.push(record)
      bytes += length
      room--
    }
    for (let i = 0; i < keys.length && !this.failed; i++) this.deleteOne(resource, keys[i], found[i], dryRun)
  }

  private deleteOne(resource: Resource, key: Span, record: RecordView, dryRun: bool): void {
    const namespace = keyNamespace(key, resource)
    const name = keyName(key, resource)
    const root = record.isHeld || this.policy == 'Foreground' || this.policy == 'Orphan' ? treeOf(record) : null
    if (root && !record.isTerminating) settleFinalizers(root, this.policy)
    if (root && isHeld(root)) {
      this.held++
      this.records.push(record)
      if (record.isTerminating || dryRun) return
      const marked = writeRecord(resource, namespace, name, markDeleted(resource, root))
      if (!marked) {
        this.failed = true
        return
      }
      this.records[this.records.length - 1] = marked
      changed(MODIFIED, resource, namespace, name, marked, record)
      return
    }
    this.records.push(record)
    if (!dryRun && !removeObject(resource, namespace, name, record)) this.failed = true
  }
}

/** Of objects in one transaction, marks of them included. */
const MAX_SWEEP_BYTES: usize = 786432
