// Server-side apply: a manager says all that it wants of an object. What it says is set, and its own from then on; what it said before and no
// more goes; what others own and it wants otherwise is a conflict, unless it forces it.
// https://kubernetes.io/docs/reference/using-api/server-side-apply
import { finishObject } from '../http/body'
import { Call } from '../http/call'
import { fail, failNotFound, failTooLarge } from '../http/failure'
import { failInvalid, failOptions, invalidNumber, required } from '../http/issues'
import { queryBool } from '../http/query'
import { objectOf } from '../http/render'
import { sendFailure } from '../http/response'
import { arenaIsFull } from '../json/arena'
import { JsonNode } from '../json/node'
import { cloneTree } from '../json/tree'
import { MAX_BODY_BYTES, MAX_MANAGERS } from '../limits'
import { memberText, metadataOf } from '../object/metadata'
import { RecordView } from '../storage/record'
import { readRecord } from '../storage/store'
import { insertObject } from '../verbs/create'
import { namesMatch, replaceObject } from '../verbs/update'
import { changed, compare, removed } from './compare'
import { Config, readConfig } from './config'
import { Conflicts } from './conflicts'
import { follow, KUBECTL, wasApplied } from './last-applied'
import { hasManager, managerIsValid, managerName } from './manager-name'
import { APPLY, findManager, Manager, newEntry, readStored, sameButTimes, writeManagers } from './managers'
import { merge, take } from './merge'
import { withoutIdentity } from './owned'
import { prune } from './prune'
import { difference, intersection, leavesOf, union, unionOfAll } from './set'
import { shapeOf } from './shape'
import { Applied, disown, trackAs } from './track'

/** The owner of all that was there before somebody applied. */
const BEFORE_FIRST = 'before-first-apply'

export function applyObject(call: Call): i32 {
  if (!call.readWriteOptions('PatchOptions') || !managerIsValid(call, 'PatchOptions')) return sendFailure(call.id)
  if (!hasManager(call)) {
    required('fieldManager', 'is required for apply patch')
    failOptions('PatchOptions')
    return sendFailure(call.id)
  }
  const config = readConfig(call)
  if (!config) return sendFailure(call.id)
  const old = readRecord(call.resource, call.namespace, call.name)
  if (!old) return create(call, config)
  return change(call, config, old)
}

function create(call: Call, config: Config): i32 {
  const metadata = metadataOf(config.tree)
  const uid = memberText(metadata, 'uid')
  if (call.hasSubresource) failNotFound(call.resource, call.name.text())
  else if (!finishObject(call, config.tree, '') || !namesMatch(call, metadata)) return sendFailure(call.id)
  else if (uid.length > 0) {
    const name = call.name.text()
    fail(409, 'Conflict', 'Operation cannot be fulfilled on ' + call.resource.qualified + ' "' + name + '": Precondition failed: UID in precondition: ' + uid + ', UID in object meta: ').about(call.resource, name)
  } else {
    const manager = new Manager(newEntry(managerName(call), APPLY, call.resource.groupVersion, ''), withoutIdentity(config.fields))
    return insertObject(call, config.tree, new Applied(writeManagers([manager])))
  }
  return sendFailure(call.id)
}

function change(call: Call, config: Config, old: RecordView): i32 {
  const resource = call.resource
  const shape = shapeOf(resource)
  const before = objectOf(old, resource)
  const live = metadataOf(before).get('managedFields')
  if (live) metadataOf(before).detach(live)
  let managers = readStored(live)
  if (managers.length == 0) managers = readStored(trackAs(BEFORE_FIRST, before, resource))
  const entry = newEntry(managerName(call), APPLY, resource.groupVersion, call.hasSubresource ? call.subresource.text() : '')
  const mine = findManager(managers, entry)
  if (!mine && managers.length >= MAX_MANAGERS) {
    invalidNumber('metadata.managedFields', (managers.length + 1).toString(), 'must have at most ' + MAX_MANAGERS.toString() + ' items')
    failInvalid(resource, call.name.text())
    return sendFailure(call.id)
  }
  const last = mine ? mine.set : null
  const root = cloneTree(before)
  merge(root, cloneTree(config.tree), shape)
  take(root, config.empty, shape, true)
  if (!prune(root, last, config.fields, ownedByOthers(managers, mine), shape)) return tooLarge(call)
  if (!finishObject(call, root, '')) return sendFailure(call.id)
  if (arenaIsFull()) return tooLarge(call)
  compare(before, root, shape)
  const taken = withoutIdentity(changed)
  const gone = withoutIdentity(removed)
  const isKubectl = memberText(entry, 'manager') == KUBECTL
  if (!queryBool(call.request, 'force')) {
    // What it says is nothing is as much another value
    const conflicts = new Conflicts(managers, mine, union(taken, intersection(leavesOf(gone), config.empty)))
    if (conflicts.fields && !(isKubectl && wasApplied(before, conflicts.fields, resource))) {
      conflicts.answer()
      return sendFailure(call.id)
    }
  }
  if (!namesMatch(call, metadataOf(root))) return sendFailure(call.id)
  if (isKubectl) follow(root, config.sent)
  const fields = withoutIdentity(config.fields)
  const isSame = !taken && !gone && !difference(fields, last) && !difference(last, fields)
  disown(managers, taken, gone)
  if (mine) {
    mine.set = fields
    if (!isSame) mine.entry = entry
  } else managers.push(new Manager(entry, fields))
  const made = writeManagers(managers)
  return replaceObject(call, old, before, root, new Applied(made && live && !taken && !gone && sameButTimes(made, live) ? live : made))
}

function tooLarge(call: Call): i32 {
  failTooLarge(MAX_BODY_BYTES)
  return sendFailure(call.id)
}

function ownedByOthers(managers: Manager[], mine: Manager | null): JsonNode | null {
  const sets: (JsonNode | null)[] = []
  for (let i = 0; i < managers.length; i++) if (managers[i] != mine) sets.push(managers[i].set)
  return unionOfAll(sets)
}
