// The annotation of client-side apply, for the manager `kubectl` alone: what it says, and the object still is, was kubectl's before server-side
// apply, and is taken over without a conflict; and it follows what is applied, so that older kubectl still finds it.
// https://kubernetes.io/docs/reference/using-api/server-side-apply, "Migration between client-side and server-side apply".
import { TextWriter } from '../../../sdk/text-writer'
import { keepBytes } from '../json/arena'
import { JsonNode, newString } from '../json/node'
import { parse } from '../json/parser'
import { cloneTree, sortMembers } from '../json/tree'
import { writeJson } from '../json/writer'
import { MAX_ANNOTATION_BYTES } from '../limits'
import { prepareSecret } from '../object/data-rules'
import { metadataOf } from '../object/metadata'
import { Resource, secrets } from '../resources/table'
import { normalise } from '../schema/normalise'
import { findMessage } from '../schema/schema'
import { changed, compare, removed } from './compare'
import { fieldsOf } from './owned'
import { difference } from './set'
import { shapeOf } from './shape'

const ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration'
export const KUBECTL = 'kubectl'

const text = new TextWriter()

function annotationOf(root: JsonNode): JsonNode | null {
  const annotations = metadataOf(root).get('annotations')
  return annotations ? annotations.get(ANNOTATION) : null
}

/** Whether all of these fields are as client-side apply left them. */
export function wasApplied(live: JsonNode, fields: JsonNode | null, resource: Resource): bool {
  const annotation = annotationOf(live)
  if (!annotation || annotation.length == 0) return false
  const before = parse(annotation.at, annotation.length)
  if (!before || !before.isObject) return false
  const message = !resource.custom ? findMessage(resource.schema) : null
  if (message && !normalise(before, message)) return false
  if (resource == secrets) prepareSecret(before, null)
  const shape = shapeOf(resource)
  compare(before, live, shape)
  const same = difference(difference(fieldsOf(before, shape), changed), removed)
  return difference(fields, same) == null
}

/** Writes what was applied into the annotation, where the object has it. */
export function follow(root: JsonNode, sent: JsonNode): void {
  const annotation = annotationOf(root)
  if (!annotation) return
  const applied = cloneTree(sent)
  const annotations = metadataOf(applied).get('annotations')
  if (annotations) annotations.remove(ANNOTATION)
  sortAll(applied)
  writeJson(text.clear(), applied)
  text.byte(0x0a)
  const all = <JsonNode>metadataOf(root).get('annotations')
  if (text.length > <usize>MAX_ANNOTATION_BYTES) all.detach(annotation)
  else all.set(ANNOTATION, newString(keepBytes(text.at, text.length), text.length))
  text.shrink()
}

function sortAll(node: JsonNode): void {
  let each = node.first
  while (each) {
    if (each.first) sortAll(each)
    each = each.next
  }
  if (node.isObject) sortMembers(node)
}
