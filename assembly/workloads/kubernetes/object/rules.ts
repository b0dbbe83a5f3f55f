// What each kind asks of its objects besides its schema: defaults, checks, and checks of a change.
import { checkBinding, checkBindingUpdate, checkRole, prepareBinding } from '../auth/role-rules'
import { checkDefinition, checkDefinitionUpdate, prepareDefinitionCreate, prepareDefinitionUpdate } from '../custom/definition-rules'
import { checkCustom, prepareCustomCreate, prepareCustomUpdate } from '../custom/object'
import { invalid, invalidNumber } from '../http/issues'
import { JsonNode, newNode, newText, TYPE_ARRAY, TYPE_NUMBER, TYPE_OBJECT } from '../json/node'
import { cloneTree, sortMembers } from '../json/tree'
import { clusterRoleBindings, clusterRoles, configMapResource, definitions, eventResource, leaseResource, namespaces, Resource, roleBindings, roles, secrets } from '../resources/table'
import { checkConfigMap, checkConfigMapUpdate, checkSecret, checkSecretUpdate, prepareSecret } from './data-rules'
import { checkMetadata, checkMetadataUpdate } from './meta-rules'
import { memberText, metadataOf } from './metadata'

/** The label that names a namespace, for selectors of namespaces; forced. */
const NAME_LABEL = 'kubernetes.io/metadata.name'
/** What holds a namespace until its content is gone. */
export const NAMESPACE_FINALIZER = 'kubernetes'

/** Defaults of a new object, in normal form. */
export function prepareCreate(root: JsonNode, resource: Resource): void {
  const custom = resource.custom
  if (custom) prepareCustomCreate(root, custom)
  else if (resource == definitions) prepareDefinitionCreate(root)
  else if (resource == secrets) prepareSecret(root, null)
  else if (resource == roleBindings || resource == clusterRoleBindings) prepareBinding(root)
  else if (resource == namespaces) {
    forceNameLabel(root)
    const spec = newNode(TYPE_OBJECT)
    const finalizers = newNode(TYPE_ARRAY)
    finalizers.append(newText(NAMESPACE_FINALIZER))
    spec.set('finalizers', finalizers)
    root.set('spec', spec)
    setPhase(root, 'Active')
  }
}

/** What of an update is not the user's to say. @param subresource "" for the object itself */
export function prepareUpdate(root: JsonNode, old: JsonNode, resource: Resource, subresource: string): void {
  const custom = resource.custom
  if (custom) prepareCustomUpdate(root, old, custom, subresource)
  else if (resource == definitions) prepareDefinitionUpdate(root, old, subresource)
  else if (resource == secrets) prepareSecret(root, old)
  else if (resource == roleBindings || resource == clusterRoleBindings) prepareBinding(root)
  else if (resource == namespaces) {
    if (subresource != 'finalize') keep(root, old, 'spec')
    else holdContent(root)
    if (subresource != 'status') keep(root, old, 'status')
    if (subresource == 'status' || subresource == 'finalize') keep(root, old, 'metadata')
    forceNameLabel(root)
  }
}

// Other finalizers may come and go; the one for its content goes when that has gone (namespaces/emptying.ts), or it would be there again
// with the next namespace of the name.
function holdContent(root: JsonNode): void {
  let spec = root.get('spec')
  if (!spec) spec = root.set('spec', newNode(TYPE_OBJECT))
  let finalizers = spec.get('finalizers')
  if (!finalizers) finalizers = spec.set('finalizers', newNode(TYPE_ARRAY))
  let each = finalizers.first
  while (each && !each.is(NAMESPACE_FINALIZER)) each = each.next
  if (!each) finalizers.append(newText(NAMESPACE_FINALIZER))
}

/** Namespaces alone: `Active`, `Terminating`. */
export function setPhase(root: JsonNode, phase: string): void {
  const status = newNode(TYPE_OBJECT)
  status.set('phase', newText(phase))
  root.set('status', status)
}

function keep(root: JsonNode, old: JsonNode, name: string): void {
  const before = old.get(name)
  if (before) root.set(name, cloneTree(before))
}

function forceNameLabel(root: JsonNode): void {
  const metadata = metadataOf(root)
  let labels = metadata.get('labels')
  if (!labels) {
    labels = newNode(TYPE_OBJECT)
    insertLabels(metadata, labels)
  }
  labels.set(NAME_LABEL, newText(memberText(metadata, 'name')))
  sortMembers(labels)
}

// Before what stands behind labels in metadata.
function insertLabels(metadata: JsonNode, labels: JsonNode): void {
  const key = newText('labels')
  labels.key = key.at
  labels.keyLength = key.length
  let before: JsonNode | null = null
  let each = metadata.first
  while (each && !each.keyIs('annotations') && !each.keyIs('ownerReferences') && !each.keyIs('finalizers')) {
    before = each
    each = each.next
  }
  metadata.insertAfter(before, labels)
}

/** Gathers what is wrong with an object. */
export function check(root: JsonNode, resource: Resource): void {
  const metadata = metadataOf(root)
  checkMetadata(metadata, resource)
  const custom = resource.custom
  if (custom) checkCustom(root, custom)
  else if (resource == definitions) checkDefinition(root)
  if (resource == secrets) checkSecret(root)
  else if (resource == configMapResource) checkConfigMap(root)
  else if (resource == leaseResource) checkLease(root)
  else if (resource == eventResource) checkEvent(root, metadata)
  else if (resource == roles || resource == clusterRoles) checkRole(root, resource)
  else if (resource == roleBindings || resource == clusterRoleBindings) checkBinding(root, resource)
}

export function checkUpdate(root: JsonNode, old: JsonNode, resource: Resource): void {
  checkMetadataUpdate(metadataOf(root), metadataOf(old))
  if (resource == definitions) checkDefinitionUpdate(root, old)
  if (resource == secrets) checkSecretUpdate(root, old)
  else if (resource == configMapResource) checkConfigMapUpdate(root, old)
  else if (resource == roleBindings || resource == clusterRoleBindings) checkBindingUpdate(root, old)
}

function checkLease(root: JsonNode): void {
  const spec = root.get('spec')
  if (!spec) return
  const duration = spec.get('leaseDurationSeconds')
  if (duration && isBelow(duration, 1)) invalidNumber('spec.leaseDurationSeconds', duration.text(), 'must be greater than 0')
  const transitions = spec.get('leaseTransitions')
  if (transitions && isBelow(transitions, 0)) invalidNumber('spec.leaseTransitions', transitions.text(), 'must be greater than or equal to 0')
}

function isBelow(node: JsonNode, least: i32): bool {
  if (node.type != TYPE_NUMBER) return false
  const c = load<u8>(node.at)
  return c == 0x2d || (least > 0 && node.length == 1 && c == 0x30)
}

function checkEvent(root: JsonNode, metadata: JsonNode): void {
  const about = root.get('involvedObject')
  const namespace = memberText(metadata, 'namespace')
  const involved = about ? memberText(about, 'namespace') : ''
  // What is in no namespace has its events in default
  if (involved.length > 0 ? involved != namespace : namespace != 'default') invalid('involvedObject.namespace', involved, 'does not match event.namespace')
}
