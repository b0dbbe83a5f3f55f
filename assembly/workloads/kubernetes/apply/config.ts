// The body of an apply: what its manager wants, and nothing else. JSON alone, which kubectl, helm and client libraries send under the media type of
// YAML; other YAML is refused.
import { parseBody, refuseText } from '../http/body'
import { Call } from '../http/call'
import { customProblem, normaliseCustom } from '../custom/object'
import { failBadRequest, failTooLarge } from '../http/failure'
import { arenaIsFull } from '../json/arena'
import { JsonNode } from '../json/node'
import { cloneTree } from '../json/tree'
import { MAX_BODY_BYTES } from '../limits'
import { prepareSecret } from '../object/data-rules'
import { memberText, metadataOf } from '../object/metadata'
import { secrets } from '../resources/table'
import { normalise, problem, unknownFields } from '../schema/normalise'
import { FIELD_MESSAGE, FIELD_MESSAGES, findMessage, Message } from '../schema/schema'
import { isSound, twice } from './merge'
import { fieldsOf } from './owned'
import { difference, union } from './set'
import { shapeOf } from './shape'

const NOT_YAML = 'error decoding YAML: an apply patch is read here when it is JSON, and this is not: '
const UNTYPED = 'failed to create typed patch object: '

export class Config {
  constructor(
    /** As it was sent. */
    public sent: JsonNode,
    /** In normal form. */
    public tree: JsonNode,
    /** What it says something about, and who the object is. */
    public fields: JsonNode | null,
    /** What it says is nothing: null, an empty list, an empty map. */
    public empty: JsonNode | null
  ) {}
}

/** @returns null with a failure */
export function readConfig(call: Call): Config | null {
  const text = call.request.body
  if (text.length > <usize>MAX_BODY_BYTES) {
    failTooLarge(MAX_BODY_BYTES)
    return null
  }
  const sent = parseBody(text)
  if (!sent) {
    refuseText(text, NOT_YAML)
    return null
  }
  if (!sent.isObject) return refuse(NOT_YAML + 'it is no object')
  const resource = call.resource
  const version = memberText(sent, 'apiVersion')
  if (version != resource.groupVersion) return refuse('Incorrect version specified in apply patch. Specified patch version: ' + version + ', expected: ' + resource.groupVersion)
  const kind = memberText(sent, 'kind')
  if (kind != resource.kind) return refuse('invalid object type: ' + version + ', Kind=' + kind)
  const metadata = sent.get('metadata')
  const managed = metadata ? metadata.get('managedFields') : null
  if (managed && !managed.isNull) return refuse('metadata.managedFields must be nil')
  const tree = cloneTree(sent)
  leaveToSubresources(call, tree)
  return normaliseConfig(call, sent, tree)
}

function normaliseConfig(call: Call, sent: JsonNode, tree: JsonNode): Config | null {
  const shape = shapeOf(call.resource)
  const said = cloneTree(tree)
  const custom = call.resource.custom
  const message = findMessage(custom ? 'ObjectMeta' : call.resource.schema)
  if (custom ? !normaliseCustom(tree, custom, false) : !normalise(tree, <Message>message)) return refuse(UNTYPED + (custom ? customProblem : problem))
  // The real server says 500 to this, by accident
  if (unknownFields.length > 0) return refuse(UNTYPED + undeclared())
  const metadata = said.get('metadata')
  if (!custom) dropUnsaid(tree, said, <Message>message)
  else if (metadata) dropUnsaid(metadataOf(tree), metadata, <Message>message)
  if (!isSound(tree, shape)) return refuse(UNTYPED + 'duplicate entries for key ' + twice)
  const empty = difference(fieldsOf(said, shape), fieldsOf(tree, shape))
  if (arenaIsFull()) return refuseSize()
  // What stands in stringData is owned where it will be: in data. (A real server forgets whose it was.)
  if (call.resource == secrets && tree.get('stringData')) {
    const typed = tree.get('type') != null
    prepareSecret(tree, null)
    if (!typed) tree.remove('type')
  }
  const fields = union(fieldsOf(tree, shape), empty)
  return arenaIsFull() ? refuseSize() : new Config(sent, tree, fields, empty)
}

function refuseSize(): Config | null {
  failTooLarge(MAX_BODY_BYTES)
  return null
}

// The normal form holds members that are always written: where the configuration says nothing of them, it wants nothing.
function dropUnsaid(tree: JsonNode, said: JsonNode, message: Message): void {
  for (let i = 0; i < message.fields.length; i++) {
    const field = message.fields[i]
    const member = tree.get(field.name)
    if (!member) continue
    const sent = said.get(field.name)
    const below = field.message
    if (!sent || sent.isNull) tree.detach(member)
    else if (below && field.type == FIELD_MESSAGE) dropUnsaid(member, sent, below)
    else if (below && field.type == FIELD_MESSAGES) {
      let item = member.first
      let sentItem = sent.first
      while (item && sentItem) {
        dropUnsaid(item, sentItem, below)
        item = item.next
        sentItem = sentItem.next
      }
    }
  }
}

// What a subresource does not write nobody can own by it, nor by the object what its subresource writes.
function leaveToSubresources(call: Call, tree: JsonNode): void {
  if (!call.hasSubresource) {
    if (call.resource.subresource('status')) tree.remove('status')
    return
  }
  let each = tree.first
  while (each) {
    const next = each.next
    if (!each.keyIs('apiVersion') && !each.keyIs('kind') && !each.keyIs('metadata') && !each.keyIs('status')) tree.detach(each)
    each = next
  }
  const metadata = metadataOf(tree)
  each = metadata.first
  while (each) {
    const next = each.next
    if (!each.keyIs('name') && !each.keyIs('namespace') && !each.keyIs('uid') && !each.keyIs('resourceVersion')) metadata.detach(each)
    each = next
  }
}

function undeclared(): string {
  if (unknownFields.length == 1) return '.' + unknownFields[0] + ': field not declared in schema'
  let text = 'errors:'
  for (let i = 0; i < unknownFields.length; i++) text += '\n  .' + unknownFields[i] + ': field not declared in schema'
  return text
}

function refuse(message: string): Config | null {
  failBadRequest(message)
  return null
}
