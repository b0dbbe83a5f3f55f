// POST to a collection.
import { STATUS_AGAIN } from '../../../abi/status'
import { managerIsValid } from '../apply/manager-name'
import { Applied, trackCreate } from '../apply/track'
import { lockDefinitions } from '../custom/registry'
import { mayDo } from '../auth/access'
import { mayGrant } from '../auth/escalation'
import { readObject } from '../http/body'
import { Call } from '../http/call'
import { failAlreadyExists, failBadRequest, fail, failNotFound, failUnknownResource } from '../http/failure'
import { failInvalid, hasIssues } from '../http/issues'
import { sendObject } from '../http/render'
import { sendFailure, spanOf } from '../http/response'
import { keepBytes } from '../json/arena'
import { JsonNode, newString } from '../json/node'
import { checkManagedFields } from '../object/meta-rules'
import { dropSystemFields, fillMetadata, generateName, memberSpan, memberText, metadataOf, place, putManagedFields, takeManagedFields } from '../object/metadata'
import { check, prepareCreate } from '../object/rules'
import { definitions, namespaces, Resource } from '../resources/table'
import { mustRetry, objectExists, preview, readRecord, writeRecord } from '../storage/store'
import { ADDED, changed } from '../watch/changes'
import { addNamespaceContent } from '../namespaces/content'
import { Span } from '../../../sdk/span'

/** Tries at a name that is free, with generateName. */
const MAX_NAMES = 8

export function createObject(call: Call): i32 {
  if (!call.readWriteOptions('CreateOptions') || !managerIsValid(call, 'CreateOptions')) return sendFailure(call.id)
  const root = readObject(call)
  return root ? insertObject(call, root, null) : sendFailure(call.id)
}

/** Writes a new object, in normal form. Answers. @param applied who owns what, where an apply makes it */
export function insertObject(call: Call, root: JsonNode, applied: Applied | null): i32 {
  const metadata = metadataOf(root)
  const given = takeManagedFields(metadata)
  checkManagedFields(given)
  // Who may patch what is there may not thereby make what is not
  if (applied && !mayDo(call, 'create')) return sendFailure(call.id)
  if (!admit(call, root)) return sendFailure(call.id)
  const resource = call.resource
  putManagedFields(metadata, applied ? applied.managedFields : trackCreate(call, root, given))
  const record = preview(root)
  if (call.dryRun) return sendObject(call, 201, record)
  if (resource == definitions && !lockDefinitions()) return STATUS_AGAIN
  const written = writeRecord(resource, call.namespace, call.name, record)
  if (!written) return mustRetry ? STATUS_AGAIN : sendFailure(call.id)
  if (resource == namespaces && !addNamespaceContent(call.name)) return STATUS_AGAIN
  changed(ADDED, resource, call.namespace, call.name, written, null)
  return sendObject(call, 201, written)
}

// Names, fills in and checks; sets call.name.
function admit(call: Call, root: JsonNode): bool {
  const resource = call.resource
  const metadata = metadataOf(root)
  if (resource.custom && !definitionTakes(resource)) return false
  if (metadata.get('resourceVersion')) {
    // The real server says 500 to this, by accident
    failBadRequest('resourceVersion should not be set on objects to be created')
    return false
  }
  const namespace = memberSpan(metadata, 'namespace')
  if (resource.namespaced && namespace.length > 0 && namespace.text() != call.namespace.text()) {
    failBadRequest('the namespace of the provided object does not match the namespace sent on the request')
    return false
  }
  dropSystemFields(metadata)
  const generated = memberSpan(metadata, 'name').length == 0 && memberSpan(metadata, 'generateName').length > 0
  if (generated) nameNewly(call, metadata)
  fillMetadata(metadata, resource, call.namespace)
  prepareCreate(root, resource)
  check(root, resource)
  if (hasIssues()) return failInvalid(resource, memberText(metadata, 'name'))
  if (resource.namespaced && !namespaceTakes(call, memberText(metadata, 'name'))) return false
  for (let i = 0; i < MAX_NAMES; i++) {
    const name = memberSpan(metadata, 'name')
    call.name = new Span(keepBytes(name.at, name.length), name.length)
    if (!objectExists(resource, call.namespace, call.name)) return mayGrant(call, root, null)
    if (!generated) break
    nameNewly(call, metadata)
  }
  failAlreadyExists(resource, call.name.text())
  return false
}

function nameNewly(call: Call, metadata: JsonNode): void {
  const name = generateName(memberSpan(metadata, 'generateName'))
  place(metadata, 'name', newString(name.at, name.length))
}

// Its definition must be there, and stay: it is looked for in the store, so that a deletion of it that is under way is waited for.
function definitionTakes(resource: Resource): bool {
  const definition = readRecord(definitions, new Span(0, 0), spanOf(resource.qualified))
  if (definition && !definition.isTerminating) return true
  if (!definition) failUnknownResource()
  else fail(405, 'MethodNotAllowed', 'create not allowed while custom resource definition is terminating').about(resource, '')
  return false
}

// The namespace must be there, and stay.
function namespaceTakes(call: Call, name: string): bool {
  const namespace = readRecord(namespaces, new Span(0, 0), call.namespace)
  if (!namespace) {
    failNotFound(namespaces, call.namespace.text())
    return false
  }
  if (!namespace.isTerminating) return true
  const text = call.namespace.text()
  fail(403, 'Forbidden', call.resource.qualified + ' "' + name + '" is forbidden: unable to create new content in namespace ' + text + ' because it is being terminated')
    .about(call.resource, name)
    .because('NamespaceTerminating', 'namespace ' + text + ' is being terminated', 'metadata.namespace')
  return false
}
