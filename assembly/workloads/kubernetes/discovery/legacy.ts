// Discovery as it was before aggregation, and as some clients still ask it: APIVersions, APIGroupList, APIGroup and APIResourceList.
import { sha256 } from '../../../sdk/calls'
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { sendBody, spanOf } from '../http/response'
import { Resource } from '../resources/table'
import { page, writeList } from './document'
import { GroupVersion, groupVersions } from './groups'

const STORAGE_HASH_BYTES: usize = 8

/** /api */
export function sendVersions(request: Request): i32 {
  page().ascii('{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}\n')
  return sendBody(request.id, 200)
}

/** /apis */
export function sendGroups(request: Request): i32 {
  const out = page().ascii('{"kind":"APIGroupList","apiVersion":"v1","groups":[')
  const all = groupVersions()
  let any = false
  for (let i = 0; i < all.length; i++) {
    if (all[i].group.length == 0 || (i > 0 && all[i - 1].group == all[i].group)) continue
    if (any) out.ascii(',')
    any = true
    writeGroup(out.ascii('{'), all, all[i].group)
  }
  out.ascii(']}\n')
  return sendBody(request.id, 200)
}

/** /apis/GROUP. @returns false where there is no such group */
export function sendGroup(request: Request, group: Span): bool {
  const all = groupVersions()
  for (let i = 0; i < all.length; i++) {
    if (group.length == 0 || !group.is(all[i].group)) continue
    writeGroup(page().ascii('{"kind":"APIGroup","apiVersion":"v1",'), all, all[i].group)
    sendBody(request.id, 200)
    return true
  }
  return false
}

/** /api/v1, /apis/GROUP/VERSION. @returns false where there is no such version */
export function sendResources(request: Request, path: Span): bool {
  const all = groupVersions()
  for (let i = 0; i < all.length; i++) {
    if (!path.is('/' + all[i].path)) continue
    const version = all[i]
    const out = page().ascii('{"kind":"APIResourceList",').ascii(version.group.length > 0 ? '"apiVersion":"v1",' : '')
    out.ascii('"groupVersion":"' + version.name + '","resources":[')
    for (let j = 0; j < version.resources.length; j++) {
      if (j > 0) out.ascii(',')
      writeResource(out, version.resources[j])
    }
    out.ascii(']}\n')
    sendBody(request.id, 200)
    return true
  }
  return false
}

// The rest of an APIGroup. The first version listed is the preferred one.
function writeGroup(out: TextWriter, all: GroupVersion[], group: string): void {
  out.ascii('"name":"' + group + '","versions":[')
  let preferred = ''
  for (let i = 0; i < all.length; i++) {
    if (all[i].group != group) continue
    const version = '{"groupVersion":"' + all[i].name + '","version":"' + all[i].version + '"}'
    if (preferred.length > 0) out.ascii(',')
    else preferred = version
    out.ascii(version)
  }
  out.ascii('],"preferredVersion":' + preferred + '}')
}

function writeResource(out: TextWriter, resource: Resource): void {
  const scope = ',"namespaced":' + (resource.namespaced ? 'true' : 'false')
  const namespaced = scope + ',"kind":"' + resource.kind + '","verbs":'
  out.ascii('{"name":"' + resource.resource + '","singularName":"' + resource.singular + '"' + namespaced)
  writeList(out, resource.verbs)
  if (resource.shortNames.length > 0) writeList(out.ascii(',"shortNames":'), resource.shortNames)
  if (resource.categories.length > 0) writeList(out.ascii(',"categories":'), resource.categories)
  if (!resource.isVirtual) out.ascii(',"storageVersionHash":"').base64(storageHash(resource)).byte(0x22)
  out.byte(0x7d)
  for (let i = 0; i < resource.subresources.length; i++) {
    const part = resource.subresources[i]
    const other = part.kind
    out.ascii(',{"name":"' + resource.resource + '/' + part.name + '","singularName":""')
    if (other) out.ascii(scope + ',"group":"' + other.group + '","version":"' + other.version + '","kind":"' + other.kind + '","verbs":')
    else out.ascii(namespaced)
    writeList(out, part.verbs)
    out.ascii('}')
  }
}

/** What a client may compare to see that objects are stored as another version: of group, version and kind, as apiserver hashes them. */
function storageHash(resource: Resource): Span {
  const digest = new Uint8Array(32)
  const text = spanOf(resource.group + '/' + resource.version + '/' + resource.kind)
  sha256(text.at, text.length, digest.dataStart)
  return Span.of(digest).cut(0, STORAGE_HASH_BYTES)
}
