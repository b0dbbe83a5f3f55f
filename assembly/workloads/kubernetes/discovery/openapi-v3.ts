// OpenAPI v3, KEP-2896: an index with a hash for each group and version, and for each a document. What kubectl needs of one: PATCH with a
// parameter fieldValidation, which says that the server validates; GET with group, version and kind, and their schemas, for `explain`.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { begin, JSON_TYPE } from '../http/response'
import { Resource, resourcesEdition } from '../resources/table'
import { Document, page } from './document'
import { GroupVersion, groupVersions } from './groups'
import { writeSchemas } from './schemas'
import { PLAIN_VERSION } from './version'

const PREFIX = '/openapi/v3'
const NO_CACHE = 'no-cache, private'
/** What a URL with the hash in it names never changes. */
const IMMUTABLE = 'public, immutable'

let index: Document | null = null
const documents: Document[] = []
let versions: GroupVersion[] = []
/** Of the resources that they are of. */
let edition = 0

/** /openapi/v3 and below. @returns false where there is no such version */
export function sendOpenApiV3(request: Request, path: Span): bool {
  if (documents.length == 0 || edition != resourcesEdition) writeAll()
  if (path.is(PREFIX)) {
    index!.send(request, JSON_TYPE, NO_CACHE)
    return true
  }
  for (let i = 0; i < versions.length; i++) {
    if (!path.is(PREFIX + '/' + versions[i].path)) continue
    const hash = request.parameter('hash')
    if (!hash || hash.length == 0) documents[i].send(request, JSON_TYPE, NO_CACHE)
    else if (hash.is(documents[i].hash)) documents[i].send(request, JSON_TYPE, IMMUTABLE)
    else begin(request.id, 301, JSON_TYPE, 'location: ' + urlOf(i) + '\n', 0, 0, true)
    return true
  }
  return false
}

function urlOf(index: i32): string {
  return PREFIX + '/' + versions[index].path + '?hash=' + documents[index].hash
}

function writeAll(): void {
  for (let i = 0; i < documents.length; i++) documents[i].free()
  documents.length = 0
  const known = index
  if (known) known.free()
  edition = resourcesEdition
  versions = groupVersions()
  for (let i = 0; i < versions.length; i++) documents.push(write(versions[i]))
  const out = page().ascii('{"paths":{')
  for (let i = 0; i < versions.length; i++)
    out.ascii((i > 0 ? ',"' : '"') + versions[i].path + '":{"serverRelativeURL":"' + urlOf(i) + '"}')
  index = new Document(out.ascii('}}\n'))
}

function write(version: GroupVersion): Document {
  const out = page().ascii('{"openapi":"3.0.0","info":{"title":"Kubernetes","version":"' + PLAIN_VERSION + '"},"paths":{')
  for (let i = 0; i < version.resources.length; i++) {
    if (i > 0) out.ascii(',')
    writePaths(out, version, version.resources[i])
  }
  writeSchemas(out.ascii('},"components":{"schemas":{'), version)
  return new Document(out.ascii('}}}\n'))
}

function writePaths(out: TextWriter, version: GroupVersion, resource: Resource): void {
  const root = '"/' + version.path + '/'
  const collection = root + (resource.namespaced ? 'namespaces/{namespace}/' : '') + resource.resource
  out.ascii(collection + '":{')
  writeOperations(out, resource, 'get:list post:create delete:deletecollection', resource.verbs)
  out.ascii('}')
  if (resource.isVirtual) return
  out.ascii(',' + collection + '/{name}":{')
  writeOperations(out, resource, 'get:get put:update patch:patch delete:delete', resource.verbs)
  out.ascii('}')
  for (let i = 0; i < resource.subresources.length; i++) {
    const part = resource.subresources[i]
    out.ascii(',' + collection + '/{name}/' + part.name + '":{')
    const other = part.kind
    writeOperations(out, other ? other : resource, 'get:get post:create put:update patch:patch', part.verbs)
    out.ascii('}')
  }
  if (!resource.namespaced) return
  out.ascii(',' + root + resource.resource + '":{')
  writeOperations(out, resource, 'get:list', resource.verbs)
  out.ascii('}')
}

// Methods of HTTP with the verb of the API that each is.
function writeOperations(out: TextWriter, resource: Resource, known: string, verbs: string[]): void {
  const pairs = known.split(' ')
  const kind = '"x-kubernetes-group-version-kind":{"group":"' + resource.group + '","version":"' + resource.version + '","kind":"' + resource.kind + '"}'
  let any = false
  for (let i = 0; i < pairs.length; i++) {
    const colon = pairs[i].indexOf(':')
    const method = pairs[i].substring(0, colon)
    const verb = pairs[i].substring(colon + 1)
    if (!verbs.includes(verb)) continue
    out.ascii((any ? ',"' : '"') + method + '":{"x-kubernetes-action":"' + verb + '",' + kind)
    any = true
    if (method == 'post' || method == 'put' || method == 'patch')
      out.ascii(',"parameters":[{"name":"fieldValidation","in":"query","schema":{"type":"string","uniqueItems":true}}]')
    out.ascii(',"responses":{"200":{"description":"OK"}}}')
  }
}
