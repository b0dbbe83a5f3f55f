// A definition as it is served: what its CustomResourceDefinition says, compiled. Made from what is stored by registry.ts; whoever holds one may
// look at its schemas until the next call of the workload.
import { clearIssues } from '../http/issues'
import { JsonNode, TYPE_TRUE } from '../json/node'
import { MAX_SHORT_NAMES } from '../limits'
import { memberText, metadataOf } from '../object/metadata'
import { AGE_COLUMN, CELL_AGE, CELL_PATH, Column, NAME_COLUMN, Resource, Subresource } from '../resources/table'
import { clearPath } from '../schema/field-path'
import { beginDefinition, compileSchema } from './compile'
import { compilePath, JsonPath } from './json-path'
import { Region } from './region'
import { Schema } from './structural'

/** First byte of the keys of all custom objects; the uid of their definition follows, so that no two definitions ever have the same keys. */
export const CUSTOM_ID: u8 = 0xfe
const UID_BYTES = 16

/** One version of a custom resource. */
export class CustomVersion {
  schema: Schema | null = null
  /** Objects may have been stored by another version or another schema: they are read through this one. */
  rereads: bool = false
  hasStatus: bool = false
  /** Members that field selectors may name, such as `spec.color`. */
  selectable: string[] = []
  deprecation: string = ''
  constructor(
    public definition: Definition,
    /** `group/version` of what is stored. */
    public stored: string
  ) {}
}

export class Definition {
  /** Of its record: a changed one has another. */
  resourceVersion: u64 = 0
  group: string = ''
  isTerminating: bool = false
  isEstablished: bool = false
  names: JsonNames = new JsonNames()
  /** What its record takes; compiled it takes `region.bytes`. */
  textBytes: usize = 0
  /** All versions that are served. */
  served: Resource[] = []
  region: Region = new Region()
  constructor(
    public name: string,
    /** What is stored, whether it is served or not. */
    public stored: Resource
  ) {}

  /** Its schemas are gone. */
  retire(): void {
    for (let i = 0; i < this.served.length; i++) retireVersion(this.served[i])
    retireVersion(this.stored)
    this.region.free()
  }
}

function retireVersion(resource: Resource): void {
  const custom = resource.custom
  if (!custom) return
  custom.schema = null
  custom.rereads = false
}

/** spec.names or status.acceptedNames. */
export class JsonNames {
  plural: string = ''
  singular: string = ''
  kind: string = ''
  listKind: string = ''
  shortNames: string[] = []
  categories: string[] = []

  static of(names: JsonNode | null): JsonNames {
    const made = new JsonNames()
    if (!names) return made
    made.plural = memberText(names, 'plural')
    made.singular = memberText(names, 'singular')
    made.kind = memberText(names, 'kind')
    made.listKind = memberText(names, 'listKind')
    made.shortNames = texts(names.get('shortNames'))
    made.categories = texts(names.get('categories'))
    return made
  }
}

function texts(list: JsonNode | null): string[] {
  const made: string[] = []
  let each = list ? list.first : null
  while (each && made.length <= MAX_SHORT_NAMES) {
    if (each.isString) made.push(each.text())
    each = each.next
  }
  return made
}

/** From a CustomResourceDefinition as it is stored. */
export function buildDefinition(root: JsonNode, resourceVersion: u64, textBytes: usize): Definition {
  const metadata = metadataOf(root)
  const spec = <JsonNode>root.get('spec')
  const status = root.get('status')
  const group = memberText(spec, 'group')
  const versions = <JsonNode>spec.get('versions')
  const names = JsonNames.of(status ? status.get('acceptedNames') : null)
  const declared = JsonNames.of(spec.get('names'))
  const space = uidBytes(memberText(metadata, 'uid'))
  let storage: JsonNode | null = null
  let each = versions.first
  while (each) {
    if (isTrue(each, 'storage')) storage = each
    each = each.next
  }
  const stored = resourceOf(group, storage ? memberText(storage, 'name') : 'v1', declared, spec, space)
  const definition = new Definition(memberText(metadata, 'name'), stored)
  const storedVersion = group + '/' + stored.version
  definition.resourceVersion = resourceVersion
  definition.textBytes = textBytes
  definition.group = group
  definition.names = names
  definition.isTerminating = metadata.get('deletionTimestamp') != null
  definition.isEstablished = conditionIs(status, 'Established')
  stored.custom = new CustomVersion(definition, storedVersion)
  const generation = metadata.get('generation')
  const rereads = versions.count > 1 || (generation != null && !(generation.length == 1 && load<u8>(generation.at) == 0x31))
  beginDefinition(false)
  each = versions.first
  while (each && definition.isEstablished) {
    if (isTrue(each, 'served')) {
      const resource = resourceOf(group, memberText(each, 'name'), names, spec, space)
      const custom = new CustomVersion(definition, storedVersion)
      custom.rereads = rereads
      resource.custom = custom
      if (readVersion(each, resource, custom, definition.region)) definition.served.push(resource)
    }
    each = each.next
  }
  return definition
}

// @returns false where it cannot be served
function readVersion(version: JsonNode, resource: Resource, custom: CustomVersion, region: Region): bool {
  const validation = version.get('schema')
  const schema = validation ? validation.get('openAPIV3Schema') : null
  if (!schema) return false
  clearPath()
  custom.schema = compileSchema(schema, region)
  clearIssues()
  if (!custom.schema) return false
  resource.columns = columnsOf(version.get('additionalPrinterColumns'))
  const subresources = version.get('subresources')
  custom.hasStatus = subresources != null && subresources.get('status') != null
  if (custom.hasStatus) resource.subresources = [new Subresource('status', 'get patch update')]
  const fields = version.get('selectableFields')
  let each = fields ? fields.first : null
  while (each) {
    const path = compilePath(memberText(each, 'jsonPath'))
    if (path) custom.selectable.push(path.dotted)
    each = each.next
  }
  if (isTrue(version, 'deprecated')) {
    const warning = memberText(version, 'deprecationWarning')
    custom.deprecation = warning.length > 0 ? warning : resource.groupVersion + ' ' + resource.kind + ' is deprecated'
  }
  return true
}

function resourceOf(group: string, version: string, names: JsonNames, spec: JsonNode, space: Uint8Array): Resource {
  const resource = new Resource(group, version, names.plural, names.kind, names.singular, memberText(spec, 'scope') == 'Namespaced')
  resource.id = CUSTOM_ID
  resource.space = space
  resource.schema = ''
  resource.listKind = names.listKind
  resource.shortNames = names.shortNames
  resource.categories = names.categories
  return resource
}

// The age only where no other columns are declared.
function columnsOf(declared: JsonNode | null): Column[] {
  if (!declared || declared.count == 0) return [NAME_COLUMN, new Column('Age', 'date', '', AGE_COLUMN.description, CELL_AGE)]
  const made = [NAME_COLUMN]
  let each = declared.first
  while (each) {
    const text = memberText(each, 'jsonPath')
    const path = compilePath(text)
    const description = memberText(each, 'description')
    const column = new Column(memberText(each, 'name'), memberText(each, 'type'), memberText(each, 'format'), description.length > 0 ? description : 'Custom resource definition column (in JSONPath format): ' + text, CELL_PATH)
    column.path = path ? path : new JsonPath()
    const priority = each.get('priority')
    if (priority) column.priority = I32.parseInt(priority.text())
    made.push(column)
    each = each.next
  }
  return made
}

/** Whether a condition of this type is True. */
export function conditionIs(status: JsonNode | null, type: string): bool {
  const conditions = status ? status.get('conditions') : null
  let each = conditions ? conditions.first : null
  while (each) {
    if (memberText(each, 'type') == type) return memberText(each, 'status') == 'True'
    each = each.next
  }
  return false
}

export function isTrue(node: JsonNode, name: string): bool {
  const member = node.get(name)
  return member != null && member.type == TYPE_TRUE
}

/** The sixteen bytes of a UUID's text. */
function uidBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(UID_BYTES)
  let at = 0
  let digits = 0
  for (let i = 0; i < text.length && at < UID_BYTES; i++) {
    const c = text.charCodeAt(i)
    if (c == 0x2d) continue
    const digit = c <= 0x39 ? c - 0x30 : c - 0x61 + 10
    bytes[at] = <u8>((bytes[at] << 4) | <u8>digit)
    if (++digits % 2 == 0) at++
  }
  return bytes
}
