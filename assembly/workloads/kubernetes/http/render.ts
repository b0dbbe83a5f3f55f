// One object in the form that was asked for: whole, as a Table of one row, or its metadata alone.
import { TextWriter } from '../../../sdk/text-writer'
import { showAs } from '../custom/object'
import { sendScale } from '../custom/scale'
import { JsonNode } from '../json/node'
import { parse } from '../json/parser'
import { writeJson } from '../json/writer'
import { Resource } from '../resources/table'
import { RecordView } from '../storage/record'
import { keepBytes } from '../json/arena'
import { writeTable } from '../table/rows'
import { FORM_METADATA, FORM_TABLE } from './accept'
import { Call } from './call'
import { body, sendBody } from './response'

const text = new TextWriter()

/** The object as a tree, its text in the arena. */
export function treeOf(record: RecordView): JsonNode {
  record.write(text.clear())
  const root = parse(keepBytes(text.at, text.length), text.length)
  return <JsonNode>root // what was stored was written by json/writer.ts, and parses
}

/** The object as this version of its resource shows it: what is stored may be of another version, and older than its schema. */
export function objectOf(record: RecordView, resource: Resource): JsonNode {
  const root = treeOf(record)
  const custom = resource.custom
  if (custom) showAs(root, resource, custom)
  return root
}

/** Where the text of a custom object goes on behind its apiVersion, which is its first member. */
const VERSION_AT: usize = 15 // {"apiVersion":"

export function writeObject(out: TextWriter, record: RecordView, resource: Resource): void {
  const custom = resource.custom
  if (!custom) return record.write(out)
  if (custom.rereads) return writeJson(out, objectOf(record, resource))
  let end = VERSION_AT
  while (load<u8>(record.json + end) != 0x22) end++ // SAFETY: the text goes on behind it
  out.ascii('{"apiVersion":"').ascii(resource.groupVersion)
  record.writeFrom(out, end)
}

export function writeForm(out: TextWriter, form: i32, resource: Resource, record: RecordView, includeObject: i32, columns: bool): void {
  if (form == FORM_TABLE) writeTable(out, resource, [record], includeObject, columns)
  else if (form == FORM_METADATA) writeMetadata(out, treeOf(record))
  else writeObject(out, record, resource)
}

/** meta.k8s.io/v1 PartialObjectMetadata. */
export function writeMetadata(out: TextWriter, root: JsonNode): void {
  out.ascii('{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":')
  const metadata = root.get('metadata')
  if (metadata) writeJson(out, metadata)
  out.byte(0x7d)
}

/** Answers one object. */
export function sendObject(call: Call, status: i32, record: RecordView): i32 {
  const custom = call.resource.custom
  const scale = custom ? custom.scale : null
  if (scale && call.subresource.is('scale')) return sendScale(call, status, record, scale)
  writeForm(body.clear(), call.form, call.resource, record, call.includeObject, true)
  body.byte(0x0a)
  return sendBody(call.id, status)
}
