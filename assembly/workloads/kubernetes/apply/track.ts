// What a create, update or patch does to who owns what: whoever writes owns what it changed, and nobody owns any more what it took away.
import { Call } from '../http/call'
import { JsonNode, newNode, newText, TYPE_OBJECT } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { namespaces, Resource } from '../resources/table'
import { normalise } from '../schema/normalise'
import { findMessage } from '../schema/schema'
import { changed, compare, removed } from './compare'
import { managerName } from './manager-name'
import {
  capUpdates, findManager, isReset, Manager, newEntry, readGiven, readStored, sameButTimes, UPDATE, writeManagers
} from './managers'
import { drop, withoutIdentity } from './owned'
import { difference, union } from './set'
import { shapeOf } from './shape'

/** Who owns what behind an apply: null for nobody. */
export class Applied {
  constructor(public managedFields: JsonNode | null) {}
}

/** metadata.managedFields of a new object, null where nobody owns anything. @param given what the user wrote there */
export function trackCreate(call: Call, root: JsonNode, given: JsonNode | null): JsonNode | null {
  const managers = given && !isReset(given) ? readGiven(given) : null
  const writer = newEntry(managerName(call), UPDATE, call.resource.groupVersion, '')
  return own(managers ? managers : [], writer, emptyObject(call.resource), root, call.resource)
}

/** The same for somebody of this name: what the workload itself makes, and what nobody was known to own. */
export function trackAs(manager: string, root: JsonNode, resource: Resource): JsonNode | null {
  return own([], newEntry(newText(manager), UPDATE, resource.groupVersion, ''), emptyObject(resource), root, resource)
}

/** The same for a change that the workload itself makes. Neither tree holds any. */
export function trackBy(manager: string, before: JsonNode, root: JsonNode, live: JsonNode | null, resource: Resource): JsonNode | null {
  const managers = readStored(live)
  return managers.length > 0 ? own(managers, newEntry(newText(manager), UPDATE, resource.groupVersion, ''), before, root, resource) : null
}

/**
 * metadata.managedFields of a changed object, null where nobody owns anything. Neither tree holds any. @param live as they were
 * @param given as the user wrote them, null where there were none
 */
export function trackUpdate(call: Call, before: JsonNode, root: JsonNode, live: JsonNode | null, given: JsonNode | null): JsonNode | null {
  // Nobody says by a subresource who owns what
  const managers = given && !call.hasSubresource && (!live || !sameTree(given, live)) ? readHeeded(given, live) : readStored(live)
  // Who owns what of it was never known, or was to be forgotten: it begins with an apply
  if (managers.length == 0) return null
  const subresource = call.hasSubresource ? call.subresource.text() : ''
  const made = own(managers, newEntry(managerName(call), UPDATE, call.resource.groupVersion, subresource), before, root, call.resource)
  return made && live && !hasChanged && sameButTimes(made, live) ? cloneTree(live) : made
}

// What is no list of entries, or an empty one, is as good as none.
function readHeeded(given: JsonNode, live: JsonNode | null): Manager[] {
  if (isReset(given)) return []
  const managers = readGiven(given)
  return managers && managers.length > 0 ? managers : readStored(live)
}

/** An object of which nothing was said: what its type always writes is there. */
export function emptyObject(resource: Resource): JsonNode {
  const root = newNode(TYPE_OBJECT)
  const message = !resource.custom ? findMessage(resource.schema) : null
  if (message) normalise(root, message)
  return root
}

/** Whether the last `own` found anything other than before, but for what nobody owns. */
let hasChanged = false

function own(managers: Manager[], writer: JsonNode, before: JsonNode, root: JsonNode, resource: Resource): JsonNode | null {
  compare(before, root, shapeOf(resource))
  if (changed && !writer.get('subresource')) drop(<JsonNode>changed, notByObject(resource))
  const taken = withoutIdentity(changed)
  const gone = withoutIdentity(removed)
  hasChanged = taken != null || gone != null
  if (hasChanged) disown(managers, taken, gone)
  if (taken) {
    const known = findManager(managers, writer)
    if (known) {
      known.set = union(known.set, taken)
      known.touch()
    } else managers.push(new Manager(writer, taken))
  }
  return writeManagers(capUpdates(managers))
}

const STATUS: StaticArray<string> = ['status']
const NAMESPACE: StaticArray<string> = ['spec', 'status']
const NOTHING: StaticArray<string> = []

// What a write of the object itself does not decide, though it is there from the beginning.
function notByObject(resource: Resource): StaticArray<string> {
  return resource == namespaces ? NAMESPACE : resource.subresource('status') ? STATUS : NOTHING
}

/** Takes fields from all. */
export function disown(managers: Manager[], taken: JsonNode | null, gone: JsonNode | null): void {
  for (let i = 0; i < managers.length; i++) managers[i].set = difference(difference(managers[i].set, taken), gone)
}
