// Tables, meta.k8s.io/v1: what `kubectl get` shows. The columns stand in resources/table.ts; here are the cells.
import { time } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { objectOf, writeMetadata } from '../http/render'
import { JsonNode } from '../json/node'
import { writeBytes, writeEscaped, writeJson, writeText } from '../json/writer'
import { memberText } from '../object/metadata'
import { parsedMicros, parseTime } from '../object/time'
import {
  CELL_AGE, CELL_CREATED_AT, CELL_DATA_COUNT, CELL_EVENT_LAST_SEEN, CELL_EVENT_MESSAGE, CELL_EVENT_OBJECT, CELL_EVENT_REASON, CELL_EVENT_TYPE, CELL_GROUPS,
  CELL_HOLDER, CELL_NAME, CELL_PATH, CELL_PHASE, CELL_ROLE_REF, CELL_SECRET_COUNT, CELL_SECRET_TYPE, CELL_SERVICE_ACCOUNTS, CELL_USERS, Resource
} from '../resources/table'
import { writePathCell } from './path-cell'
import { RecordView } from '../storage/record'
import { humanDuration } from './age'

/** What a row has of its object: includeObject of the query. */
export const INCLUDE_METADATA = 0
export const INCLUDE_NONE = 1
export const INCLUDE_OBJECT = 2

/** A whole Table without list metadata. */
export function writeTable(out: TextWriter, resource: Resource, records: RecordView[], includeObject: i32, columns: bool): void {
  beginTable(out, resource, columns)
  for (let i = 0; i < records.length; i++) writeRow(out, resource, records[i], includeObject, i == 0)
  out.ascii(']}')
}

/** Up to the bracket of the rows. */
export function beginTable(out: TextWriter, resource: Resource, columns: bool): void {
  out.ascii('{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},')
  writeColumns(out, resource, columns)
  out.ascii(',"rows":[')
}

/** `"columnDefinitions":[…]` */
export function writeColumns(out: TextWriter, resource: Resource, columns: bool): void {
  if (!columns) {
    out.ascii('"columnDefinitions":null')
    return
  }
  out.ascii('"columnDefinitions":[')
  for (let i = 0; i < resource.columns.length; i++) {
    const column = resource.columns[i]
    out.ascii((i > 0 ? ',' : '') + '{"name":')
    writeText(out, column.name)
    out.ascii(',"type":"' + column.type + '","format":"' + column.format + '","description":')
    writeText(out, column.description)
    out.ascii(',"priority":').number(column.priority).byte(0x7d)
  }
  out.byte(0x5d)
}

export function writeRow(out: TextWriter, resource: Resource, record: RecordView, includeObject: i32, first: bool): void {
  const root = objectOf(record, resource)
  out.ascii(first ? '{"cells":[' : ',{"cells":[')
  for (let i = 0; i < resource.columns.length; i++) {
    if (i > 0) out.byte(0x2c)
    const column = resource.columns[i]
    if (column.cell == CELL_PATH) writePathCell(out, root, column)
    else writeCell(out, root, column.cell)
  }
  out.byte(0x5d)
  if (includeObject == INCLUDE_OBJECT) {
    out.ascii(',"object":')
    writeJson(out, root)
  } else if (includeObject == INCLUDE_METADATA) {
    out.ascii(',"object":')
    writeMetadata(out, root)
  }
  out.byte(0x7d)
}

function writeCell(out: TextWriter, root: JsonNode, cell: i32): void {
  const metadata = root.get('metadata')
  switch (cell) {
    case CELL_NAME: return writeMember(out, metadata, 'name')
    case CELL_AGE: return writeAge(out, metadata, 'creationTimestamp')
    case CELL_DATA_COUNT:
      out.number(count(root, 'data') + count(root, 'binaryData'))
      return
    case CELL_SECRET_COUNT:
      out.number(count(root, 'secrets'))
      return
    case CELL_SECRET_TYPE: return writeMember(out, root, 'type')
    case CELL_PHASE: return writeMember(out, root.get('status'), 'phase')
    case CELL_HOLDER: return writeMember(out, root.get('spec'), 'holderIdentity')
    case CELL_EVENT_TYPE: return writeMember(out, root, 'type')
    case CELL_EVENT_REASON: return writeMember(out, root, 'reason')
    case CELL_EVENT_MESSAGE: return writeMember(out, root, 'message')
    case CELL_EVENT_OBJECT: return writeInvolved(out, root.get('involvedObject'))
    case CELL_EVENT_LAST_SEEN: return writeLastSeen(out, root)
    case CELL_CREATED_AT: return writeMember(out, metadata, 'creationTimestamp')
    case CELL_ROLE_REF: return writeRoleRef(out, root.get('roleRef'))
    case CELL_USERS: return writeSubjects(out, root, 'User')
    case CELL_GROUPS: return writeSubjects(out, root, 'Group')
    case CELL_SERVICE_ACCOUNTS: return writeSubjects(out, root, 'ServiceAccount')
  }
}

function writeMember(out: TextWriter, node: JsonNode | null, name: string): void {
  const member = node ? node.get(name) : null
  if (member && member.isString) writeBytes(out, member.at, member.length)
  else out.ascii('""')
}

// "kind/name", the kind in small letters
function writeInvolved(out: TextWriter, about: JsonNode | null): void {
  const kind = about ? about.get('kind') : null
  const name = about ? about.get('name') : null
  writeText(out, (kind && kind.isString ? kind.text().toLowerCase() : '') + '/' + (name && name.isString ? name.text() : ''))
}

function writeRoleRef(out: TextWriter, role: JsonNode | null): void {
  writeText(out, role ? memberText(role, 'kind') + '/' + memberText(role, 'name') : '')
}

// Names of one kind, with ", " between them; of ServiceAccounts "namespace/name".
function writeSubjects(out: TextWriter, root: JsonNode, kind: string): void {
  const subjects = root.get('subjects')
  out.byte(0x22)
  let any = false
  let each = subjects ? subjects.first : null
  while (each) {
    const subject = each
    each = each.next
    const name = subject.get('name')
    const named = subject.get('kind')
    if (!name || !named || !named.is(kind)) continue
    if (any) out.ascii(', ')
    any = true
    const namespace = kind == 'ServiceAccount' ? subject.get('namespace') : null
    if (namespace) {
      writeEscaped(out, namespace.at, namespace.length)
      out.byte(0x2f)
    }
    writeEscaped(out, name.at, name.length)
  }
  out.byte(0x22)
}

function writeLastSeen(out: TextWriter, root: JsonNode): void {
  const last = root.get('lastTimestamp')
  if (last && last.isString) return writeAge(out, root, 'lastTimestamp')
  const first = root.get('firstTimestamp')
  if (first && first.isString) return writeAge(out, root, 'firstTimestamp')
  writeAge(out, root, 'eventTime')
}

function writeAge(out: TextWriter, node: JsonNode | null, name: string): void {
  const member = node ? node.get(name) : null
  if (!member || !member.isString || !parseTime(new Span(member.at, member.length))) {
    out.ascii('"<unknown>"')
    return
  }
  out.ascii('"' + humanDuration(time() / 1000 - parsedMicros / 1000000) + '"')
}

function count(root: JsonNode, name: string): i32 {
  const member = root.get(name)
  return member ? member.count : 0
}
