// Which names a definition gets: those that no other of its group has. A definition whose names are taken is stored, and served once they are
// free. Apiextensions' naming condition controller.
import { JsonNode, newNode, newText, TYPE_ARRAY, TYPE_OBJECT } from '../json/node'
import { cloneTree } from '../json/tree'
import { MAX_VERSIONS } from '../limits'
import { memberText, metadataOf, timeNode } from '../object/metadata'
import { conditionIs, Definition, isTrue, JsonNames } from './definition'

/** How a name is taken: the reason, and which. */
class Conflict {
  constructor(public reason: string, public message: string) {}
}

/** Sets what a definition's status says: accepted names, stored versions, conditions. @param others those that are served */
export function settleStatus(root: JsonNode, others: Definition[]): void {
  const spec = <JsonNode>root.get('spec')
  const names = <JsonNode>spec.get('names')
  const status = newNode(TYPE_OBJECT)
  const known = root.get('status')
  const before = known ? known : newNode(TYPE_OBJECT)
  const conflict = conflictOf(JsonNames.of(names), memberText(spec, 'group'), memberText(metadataOf(root), 'name'), others)
  const wasEstablished = conditionIs(before, 'Established')
  const isEstablished = !conflict || wasEstablished
  const conditions = newNode(TYPE_ARRAY)
  if (conflict) addCondition(conditions, before, 'NamesAccepted', false, conflict.reason, conflict.message)
  else addCondition(conditions, before, 'NamesAccepted', true, 'NoConflicts', 'no conflicts found')
  if (isEstablished) addCondition(conditions, before, 'Established', true, 'InitialNamesAccepted', 'the initial names have been accepted')
  else addCondition(conditions, before, 'Established', false, 'NotAccepted', 'not all names are accepted')
  keepOthers(conditions, before.get('conditions'))
  status.set('conditions', conditions)
  const accepted = before.get('acceptedNames')
  // Names once accepted stay while new ones are not
  status.set('acceptedNames', conflict && accepted ? cloneTree(accepted) : conflict ? newNames() : cloneTree(names))
  status.set('storedVersions', storedVersions(before.get('storedVersions'), spec))
  root.set('status', status)
}

/** That it waits for its objects to go. */
export function markTerminating(root: JsonNode): void {
  const status = root.get('status')
  const conditions = status ? status.get('conditions') : null
  if (!status || !conditions) return
  const list = cloneTree(conditions)
  addCondition(list, status, 'Terminating', true, 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')
  status.set('conditions', list)
}

function newNames(): JsonNode {
  const names = newNode(TYPE_OBJECT)
  names.set('plural', newText(''))
  names.set('kind', newText(''))
  return names
}

// Its time is when it last became another.
function addCondition(into: JsonNode, before: JsonNode, type: string, isTrue: bool, reason: string, message: string): void {
  const condition = newNode(TYPE_OBJECT)
  condition.set('type', newText(type))
  condition.set('status', newText(isTrue ? 'True' : 'False'))
  const known = findCondition(before.get('conditions'), type)
  const since = known && memberText(known, 'status') == (isTrue ? 'True' : 'False') ? known.get('lastTransitionTime') : null
  condition.set('lastTransitionTime', since ? cloneTree(since) : timeNode())
  condition.set('reason', newText(reason))
  condition.set('message', newText(message))
  into.append(condition)
}

function findCondition(conditions: JsonNode | null, type: string): JsonNode | null {
  let each = conditions ? conditions.first : null
  while (each && memberText(each, 'type') != type) each = each.next
  return each
}

function keepOthers(into: JsonNode, conditions: JsonNode | null): void {
  let each = conditions ? conditions.first : null
  while (each) {
    if (!findCondition(into, memberText(each, 'type'))) into.append(cloneTree(each))
    each = each.next
  }
}

// Every version that was ever stored, until a user takes it out of the status.
function storedVersions(before: JsonNode | null, spec: JsonNode): JsonNode {
  const list = before && before.isArray ? cloneTree(before) : newNode(TYPE_ARRAY)
  const versions = spec.get('versions')
  // More versions than there may be are refused afterwards
  let each = versions && versions.count <= MAX_VERSIONS ? versions.first : null
  while (each) {
    const name = each.get('name')
    if (isTrue(each, 'storage') && name && !holdsText(list, memberText(each, 'name'))) list.append(cloneTree(name))
    each = each.next
  }
  return list
}

export function holdsText(list: JsonNode, text: string): bool {
  let each = list.first
  while (each) {
    if (each.is(text)) return true
    each = each.next
  }
  return false
}

function conflictOf(names: JsonNames, group: string, own: string, others: Definition[]): Conflict | null {
  for (let i = 0; i < others.length; i++) {
    const other = others[i]
    if (other.group != group || other.name == own) continue
    const resources = [other.names.plural, other.names.singular].concat(other.names.shortNames)
    if (resources.includes(names.plural)) return taken('PluralConflict', names.plural)
    if (resources.includes(names.singular)) return taken('SingularConflict', names.singular)
    for (let j = 0; j < names.shortNames.length; j++) if (resources.includes(names.shortNames[j])) return taken('ShortNamesConflict', names.shortNames[j])
    const kinds = [other.names.kind, other.names.listKind]
    if (kinds.includes(names.kind)) return taken('KindConflict', names.kind)
    if (kinds.includes(names.listKind)) return taken('ListKindConflict', names.listKind)
  }
  return null
}

function taken(reason: string, name: string): Conflict {
  return new Conflict(reason, '"' + name + '" is already in use')
}
