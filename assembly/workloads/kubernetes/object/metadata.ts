// metadata: what the system fills in, and what of it may be said by users.
import { time } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { writeUuid } from '../http/response'
import { allocateNode, keepBytes } from '../json/arena'
import { JsonNode, newNode, newNumber, newString, newText, TYPE_NUMBER, TYPE_OBJECT } from '../json/node'
import { Resource } from '../resources/table'
import { randomBytes } from './random'
import { writeTime } from './time'

const text = new TextWriter()

/** The object's metadata; every object in normal form has it. */
export function metadataOf(root: JsonNode): JsonNode {
  const found = root.get('metadata')
  return found && found.type == TYPE_OBJECT ? found : root.set('metadata', newNode(TYPE_OBJECT))
}

export function memberText(node: JsonNode, name: string): string {
  const member = node.get(name)
  return member && member.isString ? member.text() : ''
}

export function memberSpan(node: JsonNode, name: string): Span {
  const member = node.get(name)
  return member && member.isString ? new Span(member.at, member.length) : new Span(0, 0)
}

/** Now, in whole seconds. */
export function timeNode(): JsonNode {
  text.clear()
  writeTime(text, time() * 1000, false)
  return newString(keepBytes(text.at, text.length), text.length)
}

export function uuidNode(): JsonNode {
  text.clear()
  writeUuid(text)
  return newString(keepBytes(text.at, text.length), text.length)
}

export function zeroNode(): JsonNode {
  return newNumber('0')
}

/** What a user may not set, or what is not kept. */
export function dropSystemFields(metadata: JsonNode): void {
  metadata.remove('selfLink')
  metadata.remove('generation')
}

/** Takes metadata.managedFields out: what is compared and checked does not have it. @returns it, or null */
export function takeManagedFields(metadata: JsonNode): JsonNode | null {
  const found = metadata.get('managedFields')
  if (found) metadata.detach(found)
  return found
}

/** Puts it back, where its type has it: last. */
export function putManagedFields(metadata: JsonNode, managedFields: JsonNode | null): void {
  if (managedFields) metadata.set('managedFields', managedFields)
}

/** A new object's identity, in the order in which metadata is written. */
export function fillMetadata(metadata: JsonNode, resource: Resource, namespace: Span): void {
  metadata.remove('uid')
  metadata.remove('creationTimestamp')
  metadata.remove('deletionTimestamp')
  metadata.remove('deletionGracePeriodSeconds')
  metadata.remove('resourceVersion')
  if (resource.namespaced) place(metadata, 'namespace', newString(namespace.at, namespace.length))
  else metadata.remove('namespace')
  place(metadata, 'uid', uuidNode())
  place(metadata, 'creationTimestamp', timeNode())
}

/** Order of the members that the system sets; what is not here comes behind them. */
const ORDER: StaticArray<string> = ['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds']

/** Sets a member in the place where it belongs. */
export function place(metadata: JsonNode, name: string, value: JsonNode): void {
  metadata.remove(name)
  let rank = 0
  while (rank < ORDER.length && ORDER[rank] != name) rank++
  let before: JsonNode | null = null
  let each = metadata.first
  while (each && rankOf(each) < rank) {
    before = each
    each = each.next
  }
  const key = newText(name)
  value.key = key.at
  value.keyLength = key.length
  metadata.insertAfter(before, value)
}

function rankOf(member: JsonNode): i32 {
  for (let i = 0; i < ORDER.length; i++) if (member.keyIs(ORDER[i])) return i
  return ORDER.length
}

const SUFFIX_LETTERS = 'bcdfghjklmnpqrstvwxz2456789' // k8s.io/apimachinery/pkg/util/rand: no vowels, no 0 1 3
const SUFFIX_LENGTH: usize = 5
/** Of a name with a suffix, which the real server takes for all kinds. */
const MAX_GENERATED: usize = 63

/** A name that begins with `base`. */
export function generateName(base: Span): Span {
  const kept = min(base.length, MAX_GENERATED - SUFFIX_LENGTH)
  const at = allocateNode(kept + SUFFIX_LENGTH)
  memory.copy(at, base.at, kept)
  const drawn = randomBytes(2 * SUFFIX_LENGTH)
  for (let i: usize = 0; i < SUFFIX_LENGTH; i++)
    store<u8>(at + kept + i, <u8>SUFFIX_LETTERS.charCodeAt(<i32>load<u16>(drawn + 2 * i) % SUFFIX_LETTERS.length)) // SAFETY: kept + 5 bytes
  return new Span(at, kept + SUFFIX_LENGTH)
}
