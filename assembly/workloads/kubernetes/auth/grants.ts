// Which rules each user and group has been granted, and where: an index over all bindings, made from the store when somebody who is no owner
// asks and it is not made or no longer right. It is of what is durable: a call that has written makes one for itself alone, and what
// came to nothing was never in one. Bounded: where roles and bindings are larger than it may be, nobody but owners may do anything.
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { treeOf } from '../http/render'
import { keepBytes, markArena, resetToMark } from '../json/arena'
import { JsonNode, newNode, TYPE_OBJECT } from '../json/node'
import { hashSeed, parse } from '../json/parser'
import { scanString } from '../json/text'
import { MAX_RULE_BYTES } from '../limits'
import { memberSpan } from '../object/metadata'
import { clusterRoleBindings, clusterRoles, Resource, roleBindings, roles } from '../resources/table'
import { collectionPrefix, keyName, keyNamespace } from '../storage/key'
import { RecordView, versionOf } from '../storage/record'
import { hasWritten, readRecord, settledVersion } from '../storage/store'
import { Change } from '../watch/changes'
import { resets, settleHistory } from '../watch/history'
import { TextWriter } from '../../../sdk/text-writer'
import { giveBack, pooled, take, takeCopy } from './pool'
import { compileRules, Rule } from './rules'
import { Subject } from './subject'

const BUCKETS: u32 = 4096 // a power of two
const USER: u8 = 0x55
const GROUP: u8 = 0x47
const ROLE: u8 = 0x52

/** An entry of the table: a user, a group or a role, by the bytes that name it. */
@unmanaged
class Entry {
  next: Entry | null
  key: usize
  keyLength: usize
  grants: Grant | null
  rules: Rule | null
}

@unmanaged
export class Grant {
  next: Grant | null
  /** Length 0: everywhere. */
  namespace: usize
  namespaceLength: usize
  binding: usize
  bindingLength: usize
  role: Entry

  /** As reasons have it: `ClusterRoleBinding "a" of ClusterRole "b"`. */
  describe(): string {
    const isNamespaced = this.namespaceLength > 0
    const name = new Span(this.role.key, this.role.keyLength)
    const binding = new Span(this.binding, this.bindingLength).text()
    const slash = name.find(0x2f)
    const role = (slash > 1 ? 'Role "' : 'ClusterRole "') + name.cut(slash + 1, name.length).text() + '"'
    return (isNamespaced ? 'RoleBinding "' + binding + '/' + new Span(this.namespace, this.namespaceLength).text() : 'ClusterRoleBinding "' + binding) + '" of ' + role
  }
}

const buckets = memory.data(4096 * 4, 8)
const keyText = new TextWriter()
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
    const entry = isUser ? lookUp(named(USER, this.who.name)) : lookUp(named(GROUP, groups[this.group]))
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
  giveBack()
  memory.fill(buckets, 0, BUCKETS << 2)
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
  giveBack()
  memory.fill(buckets, 0, BUCKETS << 2)
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
  if (kind.is('ServiceAccount')) {
    const own = memberSpan(subject, 'namespace')
    keyText.clear().byte(USER).ascii('system:serviceaccount:').span(own.length > 0 ? own : namespace).byte(0x3a).span(name)
  } else if (kind.is('User')) keyText.clear().byte(USER).span(name)
  else if (kind.is('Group')) keyText.clear().byte(GROUP).span(name)
  else return null
  return enter(new Span(keyText.at, keyText.length))
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

// R namespace / name; no namespace for a ClusterRole.
function roleKey(isNamespaced: bool, namespace: Span, name: Span): Span {
  keyText.clear().byte(ROLE)
  if (isNamespaced) keyText.span(namespace)
  keyText.byte(0x2f).span(name)
  return new Span(keyText.at, keyText.length)
}

function named(kind: u8, name: string): Span {
  const bytes = String.UTF8.encode(name)
  keyText.clear().byte(kind).raw(changetype<usize>(bytes), bytes.byteLength)
  return new Span(keyText.at, keyText.length)
}

function lookUp(key: Span): Entry | null {
  let entry = changetype<Entry | null>(<usize>load<u32>(bucketOf(key)))
  while (entry) {
    if (entry.keyLength == key.length && memory.compare(entry.key, key.at, key.length) == 0) return entry
    entry = entry.next
  }
  return null
}

function enter(key: Span): Entry {
  const known = lookUp(key)
  if (known) return known
  const bucket = bucketOf(key)
  const entry = changetype<Entry>(take(offsetof<Entry>()))
  entry.key = takeCopy(key.at, key.length)
  entry.keyLength = key.length
  entry.next = changetype<Entry | null>(<usize>load<u32>(bucket))
  store<u32>(bucket, <u32>changetype<usize>(entry))
  return entry
}

// FNV-1a from a secret start: nobody can make names of one bucket.
function bucketOf(key: Span): usize {
  let h = hashSeed
  for (let i: usize = 0; i < key.length; i++) h = (h ^ load<u8>(key.at + i)) * 0x01000193 // SAFETY: i < length
  h = (h ^ (h >> 16)) * 0x85ebca6b
  return buckets + (<usize>((h ^ (h >> 13)) & (BUCKETS - 1)) << 2)
}
