// Aggregated discovery, KEP-3352: all groups with all their resources in one document, apidiscovery.k8s.io/v2. v2beta1 is not served, as it
// is not since 1.35; clients that know only that fall back to the lists of legacy.ts.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { Resource, resourcesEdition } from '../resources/table'
import { Document, page, writeList } from './document'
import { GroupVersion, groupVersions } from './groups'

const TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
const COMMA: u8 = 0x2c
const SEMICOLON: u8 = 0x3b

let core: Document | null = null
let named: Document | null = null
/** Of the resources that `named` lists. */
let edition = 0

/** Whether the first form of Accept that is served here is this one. */
export function wantsAggregated(request: Request): bool {
  const header = request.header('accept')
  if (!header) return false
  let rest = header
  while (true) {
    const comma = rest.find(COMMA)
    const entry = (comma < 0 ? rest : rest.cut(0, comma)).trim()
    if (isAggregated(entry)) return true
    if (entry.is('application/json') || comma < 0) return false
    rest = rest.cut(comma + 1, rest.length)
  }
}

// Parameters in any order.
function isAggregated(entry: Span): bool {
  let found = 0
  let semicolon = entry.find(SEMICOLON)
  if (semicolon < 0 || !entry.cut(0, semicolon).trim().is('application/json')) return false
  while (semicolon >= 0) {
    entry = entry.cut(semicolon + 1, entry.length)
    semicolon = entry.find(SEMICOLON)
    const parameter = (semicolon < 0 ? entry : entry.cut(0, semicolon)).trim()
    if (parameter.is('g=apidiscovery.k8s.io') || parameter.is('v=v2') || parameter.is('as=APIGroupDiscoveryList')) found++
  }
  return found == 3
}

/** `/api` with the core group alone, or `/apis` with all others. */
export function sendAggregated(request: Request, ofCore: bool): i32 {
  if (!core) core = write(true)
  const known = named
  if (known && edition != resourcesEdition) {
    known.free()
    named = null
  }
  edition = resourcesEdition
  if (!named) named = write(false)
  return (ofCore ? core! : named!).send(request, TYPE, 'public')
}

function write(ofCore: bool): Document {
  const out = page().ascii('{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[')
  const all = groupVersions()
  let any = false
  for (let i = 0; i < all.length; i++) {
    if ((all[i].group.length == 0) != ofCore || begunBefore(all, i)) continue
    if (any) out.ascii(',')
    any = true
    out.ascii(ofCore ? '{"metadata":{},"versions":[' : '{"metadata":{"name":"' + all[i].group + '"},"versions":[')
    for (let j = i; j < all.length; j++) {
      if (all[j].group != all[i].group) continue
      if (j > i) out.ascii(',')
      writeVersion(out, all[j])
    }
    out.ascii(']}')
  }
  return new Document(out.ascii(']}\n'))
}

// Whether an earlier version of the same group has listed it.
function begunBefore(all: GroupVersion[], index: i32): bool {
  for (let i = 0; i < index; i++) if (all[i].group == all[index].group) return true
  return false
}

function writeVersion(out: TextWriter, version: GroupVersion): void {
  out.ascii('{"version":"' + version.version + '","resources":[')
  for (let i = 0; i < version.resources.length; i++) {
    if (i > 0) out.ascii(',')
    writeResource(out, version.resources[i])
  }
  out.ascii('],"freshness":"Current"}')
}

function writeResource(out: TextWriter, resource: Resource): void {
  const kind = responseKind(resource)
  out.ascii('{"resource":"' + resource.resource + '",' + kind + ',"scope":"' + (resource.namespaced ? 'Namespaced' : 'Cluster') + '"')
  out.ascii(',"singularResource":"' + resource.singular + '","verbs":')
  writeList(out, resource.verbs)
  if (resource.shortNames.length > 0) writeList(out.ascii(',"shortNames":'), resource.shortNames)
  if (resource.categories.length > 0) writeList(out.ascii(',"categories":'), resource.categories)
  const parts = resource.subresources
  for (let i = 0; i < parts.length; i++) {
    const other = parts[i].kind
    out.ascii(i == 0 ? ',"subresources":[' : ',').ascii('{"subresource":"' + parts[i].name + '",' + (other ? responseKind(other) : kind) + ',"verbs":')
    writeList(out, parts[i].verbs)
    out.ascii('}')
  }
  out.ascii(parts.length > 0 ? ']}' : '}')
}

function responseKind(resource: Resource): string {
  return '"responseKind":{"group":"' + resource.group + '","version":"' + resource.version + '","kind":"' + resource.kind + '"}'
}
