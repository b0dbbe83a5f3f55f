// components.schemas of a version: its kinds and all that is in them, from the schemas that objects are checked by (schema/kinds.ts).
import { TextWriter } from '../../../sdk/text-writer'
import { CustomVersion } from '../custom/definition'
import { writeCustomSchema } from '../custom/openapi'
import { writeText } from '../json/writer'
import {
  Field,
  FIELD_BOOL,
  FIELD_BYTES_MAP,
  FIELD_INT32,
  FIELD_INT64,
  FIELD_MAP,
  FIELD_MESSAGE,
  FIELD_MESSAGE_MAP,
  FIELD_MESSAGE_OR_BOOL,
  FIELD_MESSAGES,
  FIELD_MICRO_TIME,
  FIELD_NUMBER,
  FIELD_RAW,
  FIELD_RAW_LIST,
  FIELD_STRINGS,
  FIELD_TIME,
  findMessage,
  Message
} from '../schema/schema'
import '../schema/kinds'
import { Resource } from '../resources/table'
import { describe } from './descriptions'
import { GroupVersion } from './groups'

const META = ['ObjectMeta', 'OwnerReference', 'ManagedFieldsEntry']

export function writeSchemas(out: TextWriter, version: GroupVersion): void {
  const messages: Message[] = []
  const custom: Resource[] = []
  for (let i = 0; i < version.resources.length; i++) {
    const resource = version.resources[i]
    gather(messages, findMessage(resource.custom ? 'ObjectMeta' : resource.schema))
    if (resource.custom) custom.push(resource)
  }
  for (let i = 0; i < messages.length; i++) {
    if (i > 0) out.ascii(',')
    writeMessage(out, version, messages[i])
  }
  for (let i = 0; i < custom.length; i++) {
    out.ascii(',')
    writeCustomSchema(out, custom[i], <CustomVersion>custom[i].custom, describeMember, schemaName(version, 'ObjectMeta'))
  }
}

function describeMember(name: string): string {
  return describe('', name)
}

function gather(into: Message[], message: Message | null): void {
  if (!message || into.includes(message)) return
  into.push(message)
  for (let i = 0; i < message.fields.length; i++) gather(into, message.fields[i].message)
}

function writeMessage(out: TextWriter, version: GroupVersion, message: Message): void {
  out.ascii('"' + schemaName(version, message.name) + '":{"type":"object","description":')
  writeText(out, describe(message.name, ''))
  out.ascii(',"properties":{')
  for (let i = 0; i < message.fields.length; i++) {
    const field = message.fields[i]
    out.ascii((i > 0 ? ',"' : '"') + field.name + '":{"description":')
    writeText(out, describe(message.name, field.name))
    writeType(out.ascii(','), version, field)
    out.ascii('}')
  }
  out.ascii('}')
  for (let i = 0; i < version.resources.length; i++) {
    const resource = version.resources[i]
    if (resource.schema == message.name)
      out.ascii(',"x-kubernetes-group-version-kind":[{"group":"' + resource.group + '","version":"' + resource.version + '","kind":"' + resource.kind + '"}]')
  }
  out.ascii('}')
}

function writeType(out: TextWriter, version: GroupVersion, field: Field): void {
  const type = field.type
  if (type == FIELD_BOOL) out.ascii('"type":"boolean"')
  else if (type == FIELD_INT32) out.ascii('"type":"integer","format":"int32"')
  else if (type == FIELD_INT64) out.ascii('"type":"integer","format":"int64"')
  else if (type == FIELD_TIME || type == FIELD_MICRO_TIME) out.ascii('"type":"string","format":"date-time"')
  else if (type == FIELD_MAP) out.ascii('"type":"object","additionalProperties":{"type":"string"}')
  else if (type == FIELD_BYTES_MAP) out.ascii('"type":"object","additionalProperties":{"type":"string","format":"byte"}')
  else if (type == FIELD_STRINGS) out.ascii('"type":"array","items":{"type":"string"}')
  else if (type == FIELD_MESSAGE) writeReference(out, version, field)
  else if (type == FIELD_MESSAGES) writeReference(out.ascii('"type":"array","items":{'), version, field).ascii('}')
  else if (type == FIELD_MESSAGE_MAP) writeReference(out.ascii('"type":"object","additionalProperties":{'), version, field).byte(0x7d)
  else if (type == FIELD_MESSAGE_OR_BOOL) writeReference(out, version, field)
  else if (type == FIELD_NUMBER) out.ascii('"type":"number"')
  else if (type == FIELD_RAW_LIST) out.ascii('"type":"array","items":{}')
  else if (type == FIELD_RAW) out.ascii('"type":"object"')
  else out.ascii('"type":"string"')
}

// Inside allOf: beside a $ref nothing else counts.
function writeReference(out: TextWriter, version: GroupVersion, field: Field): TextWriter {
  return out.ascii('"allOf":[{"$ref":"#/components/schemas/' + schemaName(version, field.messageName) + '"}]')
}

/** By the Go package that the type is from, as in the real documents. */
function schemaName(version: GroupVersion, message: string): string {
  if (META.includes(message)) return 'io.k8s.apimachinery.pkg.apis.meta.v1.' + message
  const dot = version.group.indexOf('.')
  const group = version.group.length == 0 ? 'core' : dot < 0 ? version.group : version.group.substring(0, dot)
  return 'io.k8s.api.' + group + '.' + version.version + '.' + message
}
