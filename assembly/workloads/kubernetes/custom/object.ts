// Custom objects: what comes of one before it is stored, and what of it is shown. Stored is one version, that of `storage`; between versions
// nothing but apiVersion differs (conversion None).
import { arenaIsFull } from '../json/arena'
import { collectSoon } from '../../../sdk/entry'
import { forbidden, hasIssues, issuesAreFull } from '../http/issues'
import { JsonNode, newNumber, newText } from '../json/node'
import { cloneTree, sameTree, sortMembers } from '../json/tree'
import { metadataOf, place } from '../object/metadata'
import { beginSteps, isSpent, stepsLeft } from '../patch/budget'
import { Resource } from '../resources/table'
import { clearPath } from '../schema/field-path'
import { normaliseMember, problem } from '../schema/normalise'
import { findMessage, Message } from '../schema/schema'
import { CustomVersion } from './definition'
import { prune } from './prune'
import { Schema } from './structural'
import { validate } from './validate'

/** Members, properties and alternatives looked at, of one object. */
const MAX_STEPS: i64 = 5000000

/** As this version shows it. In place. */
export function showAs(root: JsonNode, resource: Resource, custom: CustomVersion): void {
  root.set('apiVersion', newText(resource.groupVersion))
  const schema = custom.schema
  if (!custom.rereads || !schema) return
  if (readSteps <= 0) return
  clearPath()
  beginSteps(readSteps)
  prune(root, schema, true, true)
  readSteps = stepsLeft()
  putIdentityFirst(root)
}

/** Left for all objects that a call reads: beyond it they are shown as they are stored. */
let readSteps: i64 = 0

export function beginReads(): void {
  readSteps = MAX_STEPS
}

/** Why `normaliseCustom` refused. */
export let customProblem = ''

/** The normal form of a custom object, in place: pruned, and with defaults unless it is only what somebody applies. Unknown fields are told by schema/normalise.ts. */
export function normaliseCustom(root: JsonNode, custom: CustomVersion, defaults: bool = true): bool {
  customProblem = ''
  const schema = custom.schema
  if (!normaliseMember(root, 'metadata', <Message>findMessage('ObjectMeta'))) {
    customProblem = problem
    return false
  }
  metadataOf(root)
  if (!schema) return true
  clearPath()
  beginSteps(MAX_STEPS)
  prune(root, schema, true, defaults)
  putIdentityFirst(root)
  if (!isSpent() && !arenaIsFull()) return true
  customProblem = 'the object is too large for its schema'
  return false
}

/** apiVersion, then kind: http/render.ts goes by it. */
function putIdentityFirst(root: JsonNode): void {
  const kind = root.get('kind')
  const version = root.get('apiVersion')
  if (kind && root.detach(kind)) root.insertAfter(null, kind)
  if (version && root.detach(version)) root.insertAfter(null, version)
}

export function prepareCustomCreate(root: JsonNode, custom: CustomVersion): void {
  if (custom.hasStatus) root.remove('status')
  place(metadataOf(root), 'generation', newNumber('1'))
  root.set('apiVersion', newText(custom.stored))
  putIdentityFirst(root)
}

/** What of an update is not the user's to say. */
export function prepareCustomUpdate(root: JsonNode, old: JsonNode, custom: CustomVersion, subresource: string): void {
  if (subresource == 'status') keepAllBut(root, old, 'status')
  else if (custom.hasStatus) keepStatus(root, old)
  place(metadataOf(root), 'generation', nextGeneration(old, subresource == 'status' || sameBesidesMetadata(root, old)))
  root.set('apiVersion', newText(custom.stored))
  putIdentityFirst(root)
}

/** metadata.generation behind a change, or behind none. */
export function nextGeneration(old: JsonNode, isSame: bool): JsonNode {
  const known = metadataOf(old).get('generation')
  const generation = known ? I64.parseInt(known.text()) : 1
  return newNumber((isSame ? generation : generation + 1).toString())
}

/** Everything as it was but for one member, which is as the user has it. */
export function keepAllBut(root: JsonNode, old: JsonNode, name: string): void {
  const given = root.get(name)
  root.first = null
  root.last = null
  root.count = 0
  let each = old.first
  while (each) {
    if (!each.keyIs(name)) root.append(cloneTree(each))
    each = each.next
  }
  if (given) root.set(name, given)
  sortMembers(root)
}

function keepStatus(root: JsonNode, old: JsonNode): void {
  const before = old.get('status')
  if (before) root.set('status', cloneTree(before))
  else root.remove('status')
  sortMembers(root)
}

function sameBesidesMetadata(root: JsonNode, old: JsonNode): bool {
  return coversBesidesMetadata(root, old) && coversBesidesMetadata(old, root)
}

function coversBesidesMetadata(a: JsonNode, b: JsonNode): bool {
  let each = a.first
  while (each) {
    if (!each.keyIs('metadata') && !each.keyIs('apiVersion')) {
      const other = b.find(each.key, each.keyLength)
      if (!other || !sameTree(each, other)) return false
    }
    each = each.next
  }
  return true
}

/** Gathers what is wrong with a custom object, its metadata aside. */
export function checkCustom(root: JsonNode, custom: CustomVersion): void {
  const schema = custom.schema
  if (!schema || issuesAreFull()) return
  clearPath()
  beginSteps(MAX_STEPS)
  validate(root, <Schema>schema, true)
  if (hasIssues()) collectSoon()
  if (isSpent()) forbidden('<nil>', 'the object takes too many steps to validate')
}
