// ClusterRoles with an aggregationRule: their rules are those of all ClusterRoles whose labels it selects, in the order of their names. A
// cluster's controller would write them; here a tick does, once what has changed is durable.
import { STATUS_OK } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { treeOf } from '../http/render'
import { keepBytes, markArena, resetToMark } from '../json/arena'
import { JsonNode, newNode, TYPE_ARRAY } from '../json/node'
import { cloneTree, sameTree } from '../json/tree'
import { MAX_ITEMS, MAX_RULE_BYTES } from '../limits'
import { memberText } from '../object/metadata'
import { clusterRoles } from '../resources/table'
import { EXISTS, ABSENT, IN, labelsMatch, NOT_IN, Requirement } from '../select/labels'
import { collectionPrefix, keyName } from '../storage/key'
import { RecordView, versionOf } from '../storage/record'
import { mustRetry, preview, readRecord, settledVersion, writeRecord, writesSoFar } from '../storage/store'
import { Change, changed, MODIFIED } from '../watch/changes'
import { resets } from '../watch/history'

/** Of one tick; the rest is for the next. */
const MAX_AT_ONCE = 32

let isDue = true
let lastChange: u64 = 0
let knownResets = 0

/** What a call has written, noted where it becomes events. */
export function noteClusterRole(change: Change): void {
  if (change.resource != clusterRoles) return
  isDue = true
  lastChange = max(lastChange, versionOf(change.record.resourceVersion))
}

/** A tick's share. @returns a negative status where the tick's transaction cannot go on */
export function aggregateRoles(): i32 {
  if (!isDue && knownResets == resets) return STATUS_OK
  knownResets = resets
  const names = aggregated()
  for (let i = 0; i < names.length; i++) {
    if (writesSoFar() >= MAX_AT_ONCE) return STATUS_OK
    const status = aggregate(Span.of(names[i]))
    if (status < 0) return status
  }
  // What is not durable yet was not seen here: then it is looked for once more
  isDue = lastChange > settledVersion
  return STATUS_OK
}

// Names of the roles that have a rule for it.
function aggregated(): Uint8Array[] {
  const found: Uint8Array[] = []
  const scan = new Scan(prefix(), none(), 64)
  const record = new RecordView()
  let bytes: usize = 0
  markArena()
  while (bytes <= <usize>MAX_RULE_BYTES && scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    bytes += record.jsonLength
    if (treeOf(record).get('aggregationRule')) {
      const name = keyName(scan.key, clusterRoles)
      const copy = new Uint8Array(<i32>name.length)
      memory.copy(copy.dataStart, name.at, name.length) // SAFETY: of that length
      found.push(copy)
    }
    resetToMark()
  }
  return found
}

function aggregate(name: Span): i32 {
  const old = readRecord(clusterRoles, none(), name)
  if (!old) return STATUS_OK
  const root = treeOf(old)
  const aggregation = root.get('aggregationRule')
  const selectors = aggregation ? aggregation.get('clusterRoleSelectors') : null
  const rules = newNode(TYPE_ARRAY)
  let each = selectors ? selectors.first : null
  while (each) {
    if (!gather(rules, requirementsOf(each), name)) return STATUS_OK
    each = each.next
  }
  const before = root.get('rules')
  if (before && (before.count == 0 ? rules.count == 0 : sameTree(before, rules))) return STATUS_OK
  if (rules.count > 0 || !before || before.count > 0) root.set('rules', rules)
  const written = writeRecord(clusterRoles, none(), name, preview(root))
  // One that is too large stays as it is
  if (!written) return mustRetry ? -1 : STATUS_OK
  changed(MODIFIED, clusterRoles, none(), name, written, old)
  return STATUS_OK
}

// Adds the rules of all roles but itself that match, each once. @returns false where they are more than a role may have
function gather(rules: JsonNode, requirements: Requirement[], self: Span): bool {
  const scan = new Scan(prefix(), none(), 64)
  const record = new RecordView()
  while (scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    if (!labelsMatch(requirements, record.labels, record.labelsLength)) continue
    const name = keyName(scan.key, clusterRoles)
    if (name.length == self.length && memory.compare(name.at, self.at, name.length) == 0) continue
    const kept = record.jsonLength + (record.json - scan.value.at)
    record.read(keepBytes(scan.value.at, kept), kept, scan.version)
    const theirs = treeOf(record).get('rules')
    let rule = theirs ? theirs.first : null
    while (rule) {
      if (!holds(rules, rule)) rules.append(cloneTree(rule))
      if (rules.count > MAX_ITEMS) return false
      rule = rule.next
    }
  }
  return true
}

function holds(rules: JsonNode, rule: JsonNode): bool {
  let each = rules.first
  while (each) {
    if (sameTree(each, rule)) return true
    each = each.next
  }
  return false
}

/** metav1.LabelSelector: without anything in it, all. */
function requirementsOf(selector: JsonNode): Requirement[] {
  const found: Requirement[] = []
  const labels = selector.get('matchLabels')
  let label = labels ? labels.first : null
  while (label) {
    const requirement = new Requirement(label.keyText(), IN)
    requirement.values.push(label.text())
    found.push(requirement)
    label = label.next
  }
  const expressions = selector.get('matchExpressions')
  let each = expressions ? expressions.first : null
  while (each) {
    const operator = memberText(each, 'operator')
    const requirement = new Requirement(memberText(each, 'key'), operator == 'In' ? IN : operator == 'NotIn' ? NOT_IN : operator == 'Exists' ? EXISTS : ABSENT)
    const values = each.get('values')
    let value = values ? values.first : null
    while (value) {
      requirement.values.push(value.text())
      value = value.next
    }
    found.push(requirement)
    each = each.next
  }
  return found
}

function prefix(): Span {
  return collectionPrefix(clusterRoles, none())
}

function none(): Span {
  return new Span(0, 0)
}
