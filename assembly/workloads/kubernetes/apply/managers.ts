// metadata.managedFields: who owns which fields. An entry a manager, operation and subresource, and for updates apiVersion; the fields as a
// set (set.ts). https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta
import { JsonNode, newNode, newText, TYPE_ARRAY, TYPE_OBJECT } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { timeNode } from '../object/metadata'
import { readSet } from './element'
import { union } from './set'

export const APPLY = 'Apply'
export const UPDATE = 'Update'
/** Entries of updates that are kept apart; older ones become one. */
const MAX_UPDATES = 10
const ANCIENT = 'ancient-changes'

export class Manager {
  /** @param entry without fieldsV1: it is written anew from `set` */
  constructor(public entry: JsonNode, public set: JsonNode | null) {}

  get isApply(): bool {
    const operation = this.entry.get('operation')
    return operation != null && operation.is(APPLY)
  }

  /** Whether it is the same one: `Apply` of any version, `Update` of one. */
  isSameAs(other: JsonNode): bool {
    return this.has(other, 'manager') && this.has(other, 'operation') && this.has(other, 'subresource') && (this.isApply || this.has(other, 'apiVersion'))
  }

  private has(other: JsonNode, name: string): bool {
    return compareTexts(this.entry.get(name), other.get(name)) == 0
  }

  touch(): void {
    this.entry.set('time', timeNode())
  }
}

/** An entry of somebody who writes now. @param subresource "" for the object itself */
export function newEntry(manager: JsonNode, operation: string, apiVersion: string, subresource: string): JsonNode {
  const entry = newNode(TYPE_OBJECT)
  entry.set('manager', manager)
  entry.set('operation', newText(operation))
  entry.set('apiVersion', newText(apiVersion))
  entry.set('time', timeNode())
  entry.set('fieldsType', newText('FieldsV1'))
  if (subresource.length > 0) entry.set('subresource', newText(subresource))
  return entry
}

export function findManager(managers: Manager[], entry: JsonNode): Manager | null {
  for (let i = 0; i < managers.length; i++) if (managers[i].isSameAs(entry)) return managers[i]
  return null
}

/** Of what was stored: written by `writeManagers`. */
export function readStored(list: JsonNode | null): Manager[] {
  const managers: Manager[] = []
  let each = list ? list.first : null
  while (each) {
    const entry = cloneTree(each)
    const fields = entry.get('fieldsV1')
    if (fields) entry.detach(fields)
    managers.push(new Manager(entry, fields && fields.first ? fields : null))
    each = each.next
  }
  return managers
}

/** Of what a user wrote. @returns null where any of it is no entry */
export function readGiven(list: JsonNode): Manager[] | null {
  const copy = cloneTree(list)
  let each = copy.first
  while (each) {
    const operation = each.get('operation')
    const version = each.get('apiVersion')
    const type = each.get('fieldsType')
    const fields = each.get('fieldsV1')
    if (!operation || (!operation.is(APPLY) && !operation.is(UPDATE)) || !version || !type || !type.is('FieldsV1')) return null
    if (fields && !readSet(fields)) return null
    each = each.next
  }
  const managers: Manager[] = []
  const read = readStored(copy)
  for (let i = 0; i < read.length; i++) {
    // The last of those that are the same counts
    const known = findManager(managers, read[i].entry)
    if (!known) managers.push(read[i])
    else {
      known.entry = read[i].entry
      known.set = read[i].set
    }
  }
  return managers
}

/** `[]` and `[{}]`: nobody is to own anything. In normal form both are the second (`keepReset`). */
export function isReset(list: JsonNode): bool {
  return list.count == 1 && (<JsonNode>list.first).count == 0
}

/** An empty list would be left out of the normal form, and not be known from one that is not there. */
export function keepReset(metadata: JsonNode | null): void {
  const list = metadata ? metadata.get('managedFields') : null
  if (list && list.isArray && list.count == 0) list.append(newNode(TYPE_OBJECT))
}

/** As its type has them (schema/kinds.ts). */
const ORDER: StaticArray<string> = ['manager', 'operation', 'apiVersion', 'time', 'fieldsType', 'fieldsV1', 'subresource']

/** In the order in which they are stored. @returns null where nobody owns anything */
export function writeManagers(managers: Manager[]): JsonNode | null {
  const list = newNode(TYPE_ARRAY)
  managers.sort((a, b) => compareManagers(a.entry, b.entry))
  for (let i = 0; i < managers.length; i++) {
    const set = managers[i].set
    if (!set) continue
    const entry = managers[i].entry
    entry.set('fieldsV1', set)
    const ordered = newNode(TYPE_OBJECT)
    for (let j = 0; j < ORDER.length; j++) {
      const member = entry.get(ORDER[j])
      if (!member) continue
      entry.detach(member)
      ordered.append(member)
    }
    list.append(ordered)
  }
  return list.first ? list : null
}

/** Whether two lists are the same but for their times. */
export function sameButTimes(a: JsonNode, b: JsonNode): bool {
  if (a.count != b.count) return false
  let one = a.first
  let other = b.first
  while (one && other) {
    const left = cloneTree(one)
    const right = cloneTree(other)
    left.remove('time')
    right.remove('time')
    if (!sameTree(left, right)) return false
    one = one.next
    other = other.next
  }
  return true
}

/** Makes one of the oldest updates where they are too many. */
export function capUpdates(all: Manager[]): Manager[] {
  if (all.length <= MAX_UPDATES) return all
  let updates = 0
  const managers = all.filter((each) => each.set != null)
  for (let i = 0; i < managers.length; i++) if (!managers[i].isApply) updates++
  if (updates <= MAX_UPDATES) return managers
  managers.sort((a, b) => compareManagers(a.entry, b.entry))
  const kept: Manager[] = []
  // By version: the first of each becomes the one that takes the others
  const first: Manager[] = []
  for (let i = 0; i < managers.length; i++) {
    const each = managers[i]
    const into = !each.isApply && updates > MAX_UPDATES ? ofVersion(first, each.entry) : null
    if (!into) {
      kept.push(each)
      if (!each.isApply) first.push(each)
      continue
    }
    into.set = union(into.set, each.set)
    // All of it is as old as the newest of it
    const ancient = newEntry(newText(ANCIENT), UPDATE, textOf(each.entry.get('apiVersion')), '')
    const time = each.entry.get('time')
    if (time) ancient.set('time', cloneTree(time))
    else ancient.remove('time')
    into.entry = ancient
    updates--
  }
  return mergeSame(kept)
}

// One that was made before may be among the others.
function mergeSame(managers: Manager[]): Manager[] {
  const kept: Manager[] = []
  for (let i = 0; i < managers.length; i++) {
    const known = findManager(kept, managers[i].entry)
    if (known) known.set = union(known.set, managers[i].set)
    else kept.push(managers[i])
  }
  return kept
}

function ofVersion(managers: Manager[], entry: JsonNode): Manager | null {
  for (let i = 0; i < managers.length; i++) if (compareTexts(managers[i].entry.get('apiVersion'), entry.get('apiVersion')) == 0) return managers[i]
  return null
}

// Appliers first, then by time, then by who they are.
const RANK: StaticArray<string> = ['operation', 'time', 'manager', 'apiVersion', 'subresource']
function compareManagers(a: JsonNode, b: JsonNode): i32 {
  for (let i = 0; i < RANK.length; i++) {
    const order = compareTexts(a.get(RANK[i]), b.get(RANK[i]))
    if (order != 0) return order
  }
  return 0
}

function compareTexts(a: JsonNode | null, b: JsonNode | null): i32 {
  const left = a ? a.length : 0
  const right = b ? b.length : 0
  const order = a && b ? memory.compare(a.at, b.at, min(left, right)) : 0
  return order != 0 ? order : <i32>left - <i32>right
}

function textOf(node: JsonNode | null): string {
  return node ? node.text() : ''
}
