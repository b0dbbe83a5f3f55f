// What is served besides resources: health. The lists of groups and resources come with it.
import { Request } from '../../../sdk/request'
import { sendText } from '../http/response'

/** Answers what is no path of a resource. @returns false where the path is nobody's */
export function serveDiscovery(request: Request): bool {
  const path = request.path
  if (!path.is('/healthz') && !path.is('/livez') && !path.is('/readyz')) return false
  sendText(request.id, 200, 'ok')
  return true
}
