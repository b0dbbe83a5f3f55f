// What every namespace begins with: a ServiceAccount and a ConfigMap that the tools of Kubernetes wait for. A control plane's controllers
// would make them; here they are written with the namespace, in one transaction.
import { Span } from '../../../sdk/span'
import { trackAs } from '../apply/track'
import { JsonNode, newNode, newText, TYPE_OBJECT } from '../json/node'
import { fillMetadata, putManagedFields } from '../object/metadata'
import { prepareCreate } from '../object/rules'
import { configMapResource, namespaces, Resource, serviceAccounts } from '../resources/table'
import { spanOf } from '../http/response'
import { objectExists, preview, writeRecord } from '../storage/store'
import { ADDED, changed } from '../watch/changes'

/** Made at the first start. */
const FIRST_NAMESPACES: StaticArray<string> = ['default', 'kube-node-lease', 'kube-public', 'kube-system']

/** @returns false where the call is to run again */
export function addNamespaceContent(namespace: Span): bool {
  if (!add(serviceAccounts, namespace, 'default', null)) return false
  // What a cluster's CA would be for: there is none, whoever asks has appraised the enclave itself
  const data = newNode(TYPE_OBJECT)
  data.set('ca.crt', newText(''))
  return add(configMapResource, namespace, 'kube-root-ca.crt', data)
}

/** @returns false where the call is to run again */
export function addFirstNamespaces(): bool {
  for (let i = 0; i < FIRST_NAMESPACES.length; i++) {
    const name = spanOf(FIRST_NAMESPACES[i])
    if (objectExists(namespaces, none(), name)) continue
    if (!add(namespaces, none(), FIRST_NAMESPACES[i], null) || !addNamespaceContent(name)) return false
  }
  return true
}

function add(resource: Resource, namespace: Span, name: string, data: JsonNode | null): bool {
  const named = spanOf(name)
  if (objectExists(resource, namespace, named)) return true
  const root = newNode(TYPE_OBJECT)
  root.set('kind', newText(resource.kind))
  root.set('apiVersion', newText(resource.groupVersion))
  const metadata = newNode(TYPE_OBJECT)
  metadata.set('name', newText(name))
  root.set('metadata', metadata)
  if (data) root.set('data', data)
  fillMetadata(metadata, resource, namespace)
  prepareCreate(root, resource)
  putManagedFields(metadata, trackAs('wasmclave', root, resource))
  const written = writeRecord(resource, namespace, named, preview(root))
  if (!written) return false
  changed(ADDED, resource, namespace, named, written, null)
  return true
}

function none(): Span {
  return new Span(0, 0)
}
