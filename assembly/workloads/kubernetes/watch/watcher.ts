// One watch: what it wants, and how far it has got in the history. An event is filtered as the real server does: an object that begins to
// match is ADDED, one that ceases to is DELETED as it was last seen.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { FORM_JSON, FORM_TABLE } from '../http/accept'
import { writeForm } from '../http/render'
import { Resource } from '../resources/table'
import { Selectors } from '../select/selectors'
import { RecordView } from '../storage/record'
import { writeColumns } from '../table/rows'
import { ADDED, DELETED, MODIFIED } from './changes'
import { beginsWith, Event } from './history'

const TYPE_NAMES: StaticArray<string> = ['ADDED', 'MODIFIED', 'DELETED']
const NOTHING = -1

export class Watcher {
  form: i32 = FORM_JSON
  includeObject: i32 = 0
  bookmarks: bool = false
  /** Sequence number of the next event it has not been given. */
  next: u64 = 0
  /** Kernel milliseconds. */
  endsAt: i64 = 0
  bookmarkAt: i64 = 0
  /** A Table names its columns once. */
  hasColumns: bool = false

  constructor(public request: u32, public resource: Resource, public prefix: Uint8Array, public selectors: Selectors) {}

  wants(event: Event): bool {
    return event.resource == this.resource.id && beginsWith(event.key, Span.of(this.prefix))
  }

  /** Writes the line of an event. @returns false where there is none for this watch */
  write(out: TextWriter, event: Event): bool {
    event.readRecord(record)
    const type = this.selectors.isEmpty ? event.type : this.typeOf(event)
    if (type == NOTHING) return false
    this.writeLine(out, type, type == DELETED && event.type != DELETED ? event.readPrevious(previous) : record)
    return true
  }

  writeLine(out: TextWriter, type: i32, record: RecordView): void {
    out.ascii('{"type":"').ascii(TYPE_NAMES[type]).ascii('","object":')
    writeForm(out, this.form, this.resource, record, this.includeObject, !this.hasColumns)
    out.ascii('}\n')
    this.hasColumns = true
  }

  writeBookmark(out: TextWriter, version: u64, endsInitialEvents: bool): void {
    out.ascii('{"type":"BOOKMARK","object":{"kind":"')
    if (this.form == FORM_TABLE) out.ascii('Table","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"').number(version).byte(0x22)
    else {
      out.ascii(this.form == FORM_JSON ? this.resource.kind + '","apiVersion":"' + this.resource.groupVersion : 'PartialObjectMetadata","apiVersion":"meta.k8s.io/v1')
      out.ascii('","metadata":{"resourceVersion":"').number(version).ascii('","creationTimestamp":null')
    }
    if (endsInitialEvents) out.ascii(',"annotations":{"k8s.io/initial-events-end":"true"}')
    out.byte(0x7d)
    if (this.form == FORM_TABLE) {
      out.byte(0x2c)
      writeColumns(out, this.resource, !this.hasColumns)
      out.ascii(',"rows":[]')
      this.hasColumns = true
    }
    out.ascii('}}\n')
  }

  // Reads `record`.
  private typeOf(event: Event): i32 {
    const now = this.selectors.match(event.key, record, this.resource)
    if (event.type != MODIFIED || event.previousLength == 0) return now ? event.type : NOTHING
    const before = this.selectors.match(event.key, event.readPrevious(previous), this.resource)
    if (now) return before ? MODIFIED : ADDED
    return before ? DELETED : NOTHING
  }
}

const record = new RecordView()
const previous = new RecordView()
