// SelfSubjectRulesReview: all that somebody may do in a namespace, rule by rule.
import { failBadRequest } from '../http/failure'
import { arenaIsFull } from '../json/arena'
import { JsonNode, newNode, newString, newText, TYPE_ARRAY, TYPE_FALSE, TYPE_OBJECT, TYPE_TRUE } from '../json/node'
import { memberSpan } from '../object/metadata'
import { GrantedRules, grantsOverflow } from './grants'
import { Words } from './rules'
import { Subject } from './subject'

/** @returns null with a failure */
export function writeRules(spec: JsonNode, who: Subject): JsonNode | null {
  const namespace = memberSpan(spec, 'namespace')
  if (namespace.length == 0) {
    failBadRequest('no namespace on request')
    return null
  }
  const onResources = newNode(TYPE_ARRAY)
  const onPaths = newNode(TYPE_ARRAY)
  if (who.isMaster) {
    // Whatever bindings say
    onResources.append(newNode(TYPE_OBJECT).with('verbs', star()).with('apiGroups', star()).with('resources', star()))
    onPaths.append(newNode(TYPE_OBJECT).with('verbs', star()).with('nonResourceURLs', star()))
  }
  const granted = new GrantedRules(who, namespace)
  let rule = granted.next()
  while (rule && !arenaIsFull()) {
    if (rule.resources.count > 0) {
      const node = newNode(TYPE_OBJECT).with('verbs', listOf(rule.verbs)).with('apiGroups', listOf(rule.groups)).with('resources', listOf(rule.resources))
      if (rule.names.count > 0) node.set('resourceNames', listOf(rule.names))
      onResources.append(node)
    } else if (rule.urls.count > 0) onPaths.append(newNode(TYPE_OBJECT).with('verbs', listOf(rule.verbs)).with('nonResourceURLs', listOf(rule.urls)))
    rule = granted.next()
  }
  const isWhole = rule == null && !grantsOverflow
  return newNode(TYPE_OBJECT).with('resourceRules', onResources).with('nonResourceRules', onPaths).with('incomplete', newNode(isWhole ? TYPE_FALSE : TYPE_TRUE))
}

function star(): JsonNode {
  const list = newNode(TYPE_ARRAY)
  list.append(newText('*'))
  return list
}

function listOf(words: Words): JsonNode {
  const list = newNode(TYPE_ARRAY)
  for (let i = 0; i < words.count; i++) list.append(newString(words.at(i), words.length(i)))
  return list
}
