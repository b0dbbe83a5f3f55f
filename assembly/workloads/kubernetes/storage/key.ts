// Keys: u8 resource ‖ namespace ‖ "/" ‖ name, or u8 resource ‖ name for what is in no namespace; u8 0xfe ‖ 16 bytes of its definition's uid in the
// place of u8 resource for custom resources: a definition that is made again has another uid, and meets none of the old objects. So a scan meets objects by namespace and
// name, bytewise, as etcd does. Names hold no slash.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { Resource } from '../resources/table'

const SLASH: u8 = 0x2f

const keyText = new TextWriter()
const prefixText = new TextWriter()

/** Valid until the next key is made. */
export function objectKey(resource: Resource, namespace: Span, name: Span): Span {
  writePrefix(keyText.clear(), resource, namespace)
  keyText.span(name)
  return new Span(keyText.at, keyText.length)
}

/** What begins the keys of a namespace, or of all where it is empty. Valid until the next prefix is made. */
export function collectionPrefix(resource: Resource, namespace: Span): Span {
  writePrefix(prefixText.clear(), resource, namespace)
  return new Span(prefixText.at, prefixText.length)
}

function writePrefix(out: TextWriter, resource: Resource, namespace: Span): void {
  out.byte(resource.id).raw(resource.space.dataStart, resource.space.length)
  if (resource.namespaced && namespace.length > 0) out.span(namespace).byte(SLASH)
}

/** The namespace in a key; empty for what is in none. */
export function keyNamespace(key: Span, resource: Resource): Span {
  const rest = behindSpace(key, resource)
  const slash = resource.namespaced ? rest.find(SLASH) : -1
  return slash < 0 ? new Span(rest.at, 0) : rest.cut(0, slash)
}

export function keyName(key: Span, resource: Resource): Span {
  const rest = behindSpace(key, resource)
  const slash = resource.namespaced ? rest.find(SLASH) : -1
  return rest.cut(slash + 1, rest.length)
}

// The uid may hold any byte, a slash too.
function behindSpace(key: Span, resource: Resource): Span {
  return key.cut(1 + resource.space.length, key.length)
}
