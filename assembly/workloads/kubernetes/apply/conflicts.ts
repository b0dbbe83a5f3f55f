// An applier's wish to set what others own: 409 with a cause for each field, in the words of the real server.
import { Cause, fail } from '../http/failure'
import { quoted } from '../http/issues'
import { JsonNode } from '../json/node'
import { memberText } from '../object/metadata'
import { elementText } from './element'
import { Manager } from './managers'
import { below, intersection, isMember, unionOfAll } from './set'

/** Fields that one answer lists: a configuration could have a hundred thousand. */
const MAX_LISTED = 256

class Conflict {
  constructor(public manager: Manager, public fields: JsonNode) {}
}

export class Conflicts {
  private all: Conflict[] = []
  /** The fields of all of them. */
  fields: JsonNode | null = null

  /** @param taken what the applier sets to another value */
  constructor(managers: Manager[], mine: Manager | null, taken: JsonNode | null) {
    const sets: (JsonNode | null)[] = []
    for (let i = 0; i < managers.length; i++) {
      if (managers[i] == mine) continue
      const fields = intersection(managers[i].set, taken)
      if (!fields) continue
      this.all.push(new Conflict(managers[i], fields))
      sets.push(fields)
    }
    this.fields = unionOfAll(sets)
  }

  answer(): void {
    const paths: string[] = []
    const owners: string[] = []
    let count = 0
    let list = ''
    this.all.sort((a, b) => compareTexts(nameOf(a.manager), nameOf(b.manager)))
    for (let i = 0; i < this.all.length; i++) {
      const owner = nameOf(this.all[i].manager)
      const from = paths.length
      count += gather(this.all[i].fields, '', paths)
      list += (list.length > 0 ? '\n' : '') + 'conflicts with ' + owner + ':'
      for (let j = from; j < paths.length; j++) {
        list += '\n- ' + paths[j]
        owners.push(owner)
      }
    }
    const message = count == 1 ? 'Apply failed with 1 conflict: conflict with ' + owners[0] + ': ' + paths[0] : 'Apply failed with ' + count.toString() + ' conflicts: ' + list
    const failure = fail(409, 'Conflict', message).emptyDetails()
    for (let i = 0; i < paths.length; i++) failure.causes.push(new Cause('FieldManagerConflict', 'conflict with ' + owners[i], paths[i]))
  }
}

// Fields of a level first, then those below them. @returns how many there are
function gather(set: JsonNode, path: string, into: string[]): i32 {
  let count = 0
  let each = below(set)
  while (each) {
    if (isMember(each)) {
      count++
      if (into.length < MAX_LISTED) into.push(path + elementText(each))
    }
    each = each.next
  }
  each = below(set)
  while (each) {
    if (below(each)) count += gather(each, into.length < MAX_LISTED ? path + elementText(each) : '', into)
    each = each.next
  }
  return count
}

/** `"m1"`, `"m1" with subresource "status" using v1` */
function nameOf(manager: Manager): string {
  const entry = manager.entry
  const subresource = memberText(entry, 'subresource')
  let name = quoted(memberText(entry, 'manager'))
  if (subresource.length > 0) name += ' with subresource ' + quoted(subresource)
  return manager.isApply ? name : name + ' using ' + memberText(entry, 'apiVersion')
}

function compareTexts(a: string, b: string): i32 {
  return a < b ? -1 : a > b ? 1 : 0
}
