// A Kubernetes API server for Namespaces, ConfigMaps, Secrets, ServiceAccounts, Events and Leases, as kubectl and client libraries ask it:
// https://kubernetes.io/docs/reference/using-api/api-concepts. Who asks is who opened the channel: no header decides it.
import { collect } from '../../sdk/entry'
import { Request } from '../../sdk/request'
import { outcome } from '../../sdk/response'
import { STATUS_OK } from '../../abi/status'
import { serveDiscovery } from './discovery/index'
import { clearFailure } from './http/failure'
import { clearIssues } from './http/issues'
import { PATH_OTHER, readPath, Target } from './http/path'
import { clearWarnings, sendText } from './http/response'
import { resetArena } from './json/arena'

export { allocate, wasmclave_abi } from '../../sdk/entry'

export function handle(request: u32, pointer: usize, length: usize): i32 {
  collect()
  resetArena()
  clearFailure()
  clearIssues()
  clearWarnings()
  return outcome(route(new Request(request, pointer)))
}

export function tick(): i32 {
  collect()
  return STATUS_OK
}

function route(request: Request): i32 {
  const target = new Target()
  const kind = readPath(request.path, target)
  if (kind == PATH_OTHER) {
    if (serveDiscovery(request)) return STATUS_OK
    return sendText(request.id, 404, '404 page not found\n')
  }
  return sendText(request.id, 404, '404 page not found\n')
}
