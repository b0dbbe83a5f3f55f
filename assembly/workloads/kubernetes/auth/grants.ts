// Which rules each user and group has been granted, and where: an index over all bindings, made from the store when somebody who is no owner
// asks and it is not made or no longer right. It is of what is durable: a call that has written makes one for itself alone, and what
// came to nothing was never in one. Bounded: where roles and bindings are larger than it may be, nobody but owners may do anything.
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { treeOf } from '../http/render'
import { keepBytes, markArena, resetToMark } from '../json/arena'
import { JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { parse } from '../json/parser'
import { scanString } from '../json/text'
import { MAX_RULE_BYTES } from '../limits'
import { memberSpan } from '../object/metadata'
import { clusterRoleBindings, clusterRoles, Resource, roleBindings, roles } from '../resources/table'
import { collectionPrefix, keyName, keyNamespace } from '../storage/key'
import { RecordView, versionOf } from '../storage/record'
import { hasWritten, readRecord, settledVersion } from '../storage/store'
import { Change } from '../watch/changes'
import { resets, settleHistory } from '../watch/history'
import { accountKey, clearTable, enter, Entry, Grant, groupKey, groupKeyOf, lookUp, roleKey, userKey, userKeyOf } from './grant-table'
import { pooled, take, takeCopy } from './pool'
import { compileRules, Rule } from './rules'
import { Subject } from './subject'

let scanned: usize = 0
/** Too large: the index is empty. */
export let grantsOverflow = false

let built = false
let looked = false
let builtAt: u64 = 0
let builtResets = 0
/** Newest transaction that has written roles or bindings, durable or not. */
let lastChange: u64 = 0

/** What a call has written, noted where it becomes events. */
export function noteRoleChange(change: Change): void {
  const resource = change.resource
  if (resource != roles && resource != clusterRoles && resource != roleBindings && resource != clusterRoleBindings) return
  lastChange = max(lastChange, versionOf(change.record.resourceVersion))
}

/** Goes through all rules that somebody has in a namespace, or at the cluster scope. */
export class GrantedRules {
  grant: Grant | null = null
  private rule: Rule | null = null
  private following: Grant | null = null
  private group: i32 = -1
  private begun: bool = false

  constructor(private who: Subject, private namespace: Span) {
    makeIndex()
  }

  /** @returns null behind the last one */
  next(): Rule | null {
    let rule = this.rule
    while (!rule) {
      if (!this.nextGrant()) return null
      rule = (<Grant>this.grant).role.rules
    }
    const found = <Rule>rule
    this.rule = found.next
    return found
  }

  /** Whom the rule came to: `User "a"`, `Group "b"`. */
  get receiver(): string {
    return this.group == 0 ? 'User "' + this.who.name + '"' : 'Group "' + this.who.groups[this.group - 1] + '"'
  }

  private nextGrant(): bool {
    while (true) {
      let grant = this.following
      while (grant) {
        this.following = grant.next
        if (grant.namespaceLength == 0 || (grant.namespaceLength == this.namespace.length && memory.compare(grant.namespace, this.namespace.at, grant.namespaceLength) == 0)) {
          this.grant = grant
          return true
        }
        grant = this.following
      }
      if (!this.nextEntry()) return false
    }
  }

  private nextEntry(): bool {
    const groups = this.who.groups
    if (this.begun && this.group >= groups.length) return false
    const isUser = !this.begun
    this.begun = true
    const entry = isUser ? lookUp(userKey(this.who.name)) : lookUp(groupKey(groups[this.group]))
    this.group++
    this.following = entry ? entry.grants : null
    return isUser || this.group <= groups.length
  }
}

/** Rules of the role that a binding names, for as long as the request lasts; null, and `roleIsMissing`, where it is not there. */
export function rulesOfRole(kind: string, namespace: Span, name: Span): Rule | null {
  const record = readRole(kind == 'Role', namespace, name)
  roleIsMissing = record == null
  return record ? compileRules(treeOf(record).get('rules'), false) : null
}
export let roleIsMissing = false

/** A request begins: the index that an earlier one made is looked at anew. */
export function beginGrants(): void {
  looked = false
}

function makeIndex(): void {
  // Once a request: who goes through rules must not lose them on the way
  if (looked) return
  looked = true
  settleHistory()
  if (built && builtResets == resets && !hasWritten() && (lastChange <= builtAt || settledVersion == builtAt)) return
  clearTable()
  grantsOverflow = false
  scanned = 0
  addBindings(clusterRoleBindings)
  addBindings(roleBindings)
  // What this call has written others may never see
  built = !hasWritten()
  builtAt = settledVersion
  builtResets = resets
}

function addBindings(resource: Resource): void {
  const scan = new Scan(collectionPrefix(resource, new Span(0, 0)), new Span(0, 0), 64)
  const record = new RecordView()
  markArena()
  while (!grantsOverflow && scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    if (count(record)) addBinding(resource, scan.key, behindMetadata(record, resource))
    resetToMark()
  }
}

// @returns false where it is more than may be held
function count(record: RecordView): bool {
  scanned += record.jsonLength
  if (scanned <= <usize>MAX_RULE_BYTES && pooled <= <usize>MAX_RULE_BYTES) return true
  grantsOverflow = true
  clearTable()
  return false
}

function addBinding(resource: Resource, key: Span, root: JsonNode): void {
  const reference = root.get('roleRef')
  const subjects = root.get('subjects')
  if (!reference || !subjects) return
  const name = keyName(key, resource)
  const binding = takeCopy(name.at, name.length)
  const inNamespace = keyNamespace(key, resource)
  const namespace = takeCopy(inNamespace.at, inNamespace.length)
  const kind = reference.get('kind')
  const role = roleEntry(kind != null && kind.is('Role'), new Span(namespace, inNamespace.length), memberSpan(reference, 'name'))
  let each = subjects.first
  while (each && !grantsOverflow) {
    const subject = each
    each = each.next
    const entry = entryOf(subject, new Span(namespace, inNamespace.length))
    if (!entry) continue
    const grant = changetype<Grant>(take(offsetof<Grant>()))
    grant.namespace = namespace
    grant.namespaceLength = inNamespace.length
    grant.binding = binding
    grant.bindingLength = name.length
    grant.role = role
    grant.next = entry.grants
    entry.grants = grant
  }
}

function entryOf(subject: JsonNode, namespace: Span): Entry | null {
  const kind = subject.get('kind')
  const name = memberSpan(subject, 'name')
  if (!kind) return null
  if (kind.is('User')) return enter(userKeyOf(name))
  if (kind.is('Group')) return enter(groupKeyOf(name))
  if (!kind.is('ServiceAccount')) return null
  const own = memberSpan(subject, 'namespace')
  return enter(accountKey(own.length > 0 ? own : namespace, name))
}

// Compiled when a binding first names it. A role that is not there has no rules; when it comes, all is made anew.
function roleEntry(isNamespaced: bool, namespace: Span, name: Span): Entry {
  const key = roleKey(isNamespaced, namespace, name)
  const known = lookUp(key)
  if (known) return known
  const entry = enter(key)
  const record = readRole(isNamespaced, namespace, name)
  // SAFETY: where the count is above its limit the entry is gone, and `grantsOverflow` keeps all from looking at it
  if (record && count(record)) entry.rules = compileRules(behindMetadata(record, isNamespaced ? roles : clusterRoles).get('rules'), true)
  return entry
}

/** Of {"kind":"","apiVersion":"","metadata":, which every stored object begins with. */
const HEAD_CHARACTERS = 38

// The members behind metadata, which is most of an object and says nothing of what is allowed.
function behindMetadata(record: RecordView, resource: Resource): JsonNode {
  const end = record.json + record.jsonLength
  let at = record.json + <usize>(HEAD_CHARACTERS + resource.kind.length + resource.groupVersion.length)
  let depth = 0
  do {
    const c = load<u8>(at++) // SAFETY: a record is whole JSON, written by json/writer.ts, in which metadata ends
    if (c == 0x7b || c == 0x5b) depth++
    else if (c == 0x7d || c == 0x5d) depth--
    else if (c == 0x22) at += (<usize>scanString(at, end) >> 1) + 1
  } while (depth > 0 && at < end)
  const length = end - at
  const text = keepBytes(at, length)
  store<u8>(text, 0x7b) // where the comma was
  const root = parse(text, length)
  return root ? root : newNode(TYPE_OBJECT)
}

function readRole(isNamespaced: bool, namespace: Span, name: Span): RecordView | null {
  return isNamespaced ? readRecord(roles, namespace, name) : readRecord(clusterRoles, new Span(0, 0), name)
}
