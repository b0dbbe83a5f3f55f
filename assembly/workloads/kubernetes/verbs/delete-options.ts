// DeleteOptions, from a body in JSON or protobuf and from the query, the body winning: k8s.io/apimachinery/pkg/apis/meta/v1 and its checks.
import { bodyText, refuseText } from '../http/body'
import { Call } from '../http/call'
import { fail, failBadRequest } from '../http/failure'
import { failOptions, invalid, notSupported, quoted } from '../http/issues'
import { query, queryBool, queryText } from '../http/query'
import { JsonNode, TYPE_TRUE } from '../json/node'
import { parse } from '../json/parser'
import { memberText } from '../object/metadata'
import { Resource } from '../resources/table'
import { normalise, problem } from '../schema/normalise'
import { findMessage, Message } from '../schema/schema'
import { RecordView } from '../storage/record'

export class DeleteOptions {
  uid: string = ''
  resourceVersion: string = ''
  policy: string = ''
  hasOrphan: bool = false
  /** What orphanDependents says, which was there before propagationPolicy. */
  orphans: bool = false
}

/** Also sets call.dryRun. @returns null with a failure */
export function readDeleteOptions(call: Call): DeleteOptions | null {
  const options = new DeleteOptions()
  const query_ = query(call.request, 'dryRun')
  let dryRun = query_ ? query_.text() : ''
  options.policy = queryText(call.request, 'propagationPolicy')
  options.hasOrphan = call.request.parameter('orphanDependents') != null
  options.orphans = queryBool(call.request, 'orphanDependents')
  if (call.request.body.length > 0) {
    const root = readBody(call)
    if (!root) return null
    const preconditions = root.get('preconditions')
    if (preconditions) {
      options.uid = memberText(preconditions, 'uid')
      options.resourceVersion = memberText(preconditions, 'resourceVersion')
    }
    if (root.get('propagationPolicy')) options.policy = memberText(root, 'propagationPolicy')
    const orphans = root.get('orphanDependents')
    if (orphans) {
      options.hasOrphan = true
      options.orphans = orphans.type == TYPE_TRUE
    }
    const list = root.get('dryRun')
    const first = list ? list.first : null
    if (first) dryRun = first.text()
    if (list && list.count > 1) dryRun = 'All", "All' // more than one is not supported, and shown as Go shows it
  }
  if (dryRun.length > 0 && dryRun != 'All') {
    notSupported('dryRun', '[]string{"' + dryRun + '"}', '"All"')
    failOptions('DeleteOptions')
    return null
  }
  call.dryRun = dryRun.length > 0
  return checkPolicy(options) ? options : null
}

function checkPolicy(options: DeleteOptions): bool {
  const policy = options.policy
  if (policy.length == 0) {
    if (options.hasOrphan) options.policy = options.orphans ? 'Orphan' : 'Background'
    return true
  }
  if (policy != 'Foreground' && policy != 'Background' && policy != 'Orphan') {
    notSupported('propagationPolicy', quoted(policy), '"Foreground", "Background", "Orphan", "nil"')
    return failOptions('DeleteOptions')
  }
  if (!options.hasOrphan) return true
  invalid('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set')
  return failOptions('DeleteOptions')
}

function readBody(call: Call): JsonNode | null {
  const text = bodyText(call)
  if (!text) return null
  const root = parse(text.at, text.length)
  if (!root) return refuseText(text, 'the object provided is unrecognized (must be of type DeleteOptions): couldn\'t get version/kind; json parse error: ')
  const kind = root.get('kind')
  if (kind && kind.isString && kind.length > 0 && !kind.is('DeleteOptions')) {
    failBadRequest(kind.text() + ' in version "v1" cannot be handled as a DeleteOptions: unknown conversion')
    return null
  }
  if (normalise(root, <Message>findMessage('DeleteOptions'))) return root
  failBadRequest('DeleteOptions in version "v1" cannot be handled as a DeleteOptions: ' + problem)
  return null
}

/** Whether the object is the one that is meant. @returns false with a failure */
export function deletePreconditionsHold(options: DeleteOptions, resource: Resource, name: string, uid: string, record: RecordView): bool {
  const prefix = 'Operation cannot be fulfilled on ' + resource.kind + (resource.group.length > 0 ? '.' + resource.group : '') + ' "' + name + '": '
  if (options.uid.length > 0 && options.uid != uid) {
    fail(409, 'Conflict', prefix + 'the UID in the precondition (' + options.uid + ') does not match the UID in record (' + uid + '). The object might have been deleted and then recreated').aboutNamed(resource.group, resource.kind, name)
    return false
  }
  const version = record.resourceVersion.toString()
  if (options.resourceVersion.length == 0 || options.resourceVersion == version) return true
  fail(409, 'Conflict', prefix + 'the ResourceVersion in the precondition (' + options.resourceVersion + ') does not match the ResourceVersion in record (' + version + '). The object might have been modified').aboutNamed(resource.group, resource.kind, name)
  return false
}
