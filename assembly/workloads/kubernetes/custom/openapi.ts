// What `kubectl explain` and clients that validate get to know of a custom resource: its schema as its definition has it, with the members
// that every object has.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { spanOf } from '../http/response'
import { treeOf } from '../http/render'
import { markArena, resetToMark } from '../json/arena'
import { JsonNode, newNode, newText, TYPE_ARRAY, TYPE_OBJECT } from '../json/node'
import { writeJson, writeText } from '../json/writer'
import { memberText } from '../object/metadata'
import { definitions, Resource } from '../resources/table'
import { readRecord } from '../storage/store'
import { CustomVersion } from './definition'

/** `"com.example.stable.v1.CronTab":{…}`. @param describe what to say of apiVersion, kind and metadata @param meta the schema of metadata */
export function writeCustomSchema(out: TextWriter, resource: Resource, custom: CustomVersion, describe: (name: string) => string, meta: string): void {
  markArena()
  writeText(out, schemaName(resource))
  out.byte(0x3a)
  const schema = schemaOf(custom.definition.name, resource.version)
  complete(schema, resource, describe, meta)
  writeJson(out, schema)
  resetToMark()
}

// Of what is stored, which is what is served: it is asked for in a call that writes nothing.
function schemaOf(definition: string, version: string): JsonNode {
  const record = readRecord(definitions, new Span(0, 0), spanOf(definition))
  const root = record ? treeOf(record) : null
  const spec = root ? root.get('spec') : null
  const versions = spec ? spec.get('versions') : null
  let each = versions ? versions.first : null
  while (each && memberText(each, 'name') != version) each = each.next
  const validation = each ? each.get('schema') : null
  const schema = validation ? validation.get('openAPIV3Schema') : null
  return schema ? schema : newNode(TYPE_OBJECT)
}

function complete(schema: JsonNode, resource: Resource, describe: (name: string) => string, meta: string): void {
  const known = schema.get('properties')
  const properties = known ? known : schema.set('properties', newNode(TYPE_OBJECT))
  addText(properties, 'apiVersion', describe('apiVersion'))
  addText(properties, 'kind', describe('kind'))
  const reference = newNode(TYPE_OBJECT)
  reference.set('$ref', newText('#/components/schemas/' + meta))
  const all = newNode(TYPE_ARRAY)
  all.append(reference)
  const metadata = newNode(TYPE_OBJECT)
  metadata.set('description', newText(describe('metadata')))
  metadata.set('allOf', all)
  properties.set('metadata', metadata)
  const kind = newNode(TYPE_OBJECT)
  kind.set('group', newText(resource.group))
  kind.set('version', newText(resource.version))
  kind.set('kind', newText(resource.kind))
  const kinds = newNode(TYPE_ARRAY)
  kinds.append(kind)
  schema.set('x-kubernetes-group-version-kind', kinds)
}

function addText(properties: JsonNode, name: string, description: string): void {
  const property = newNode(TYPE_OBJECT)
  property.set('description', newText(description))
  property.set('type', newText('string'))
  properties.set(name, property)
}

// The group from behind, as the real documents name them.
function schemaName(resource: Resource): string {
  const parts = resource.group.split('.')
  let name = ''
  for (let i = parts.length - 1; i >= 0; i--) name += parts[i] + '.'
  return name + resource.version + '.' + resource.kind
}
