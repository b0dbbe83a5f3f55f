/** The part of @kubernetes/client-node that the suites use, which is not installed when types are checked. */
import { pathToFileURL } from 'node:url'

export type KubeObject = {
  metadata: { name: string; namespace?: string; uid?: string; resourceVersion: string; labels?: Record<string, string> }
  data?: Record<string, string>
  spec?: Record<string, unknown>
}
type List = {
  items: KubeObject[]
  metadata: { resourceVersion: string; _continue?: string; remainingItemCount?: number }
}
type Call = Record<string, unknown>

export type CoreApi = {
  createNamespace(call: Call): Promise<KubeObject>
  deleteNamespace(call: Call): Promise<unknown>
  readNamespace(call: Call): Promise<KubeObject>
  createNamespacedSecret(call: Call): Promise<KubeObject>
  createNamespacedConfigMap(call: Call): Promise<KubeObject>
  readNamespacedConfigMap(call: Call): Promise<KubeObject>
  replaceNamespacedConfigMap(call: Call): Promise<KubeObject>
  patchNamespacedConfigMap(call: Call, options?: unknown): Promise<KubeObject>
  deleteNamespacedConfigMap(call: Call): Promise<unknown>
  listNamespacedConfigMap(call: Call): Promise<List>
  deleteCollectionNamespacedConfigMap(call: Call): Promise<unknown>
}
export type LeaseApi = {
  createNamespacedLease(call: Call): Promise<KubeObject>
  readNamespacedLease(call: Call): Promise<KubeObject>
  replaceNamespacedLease(call: Call): Promise<KubeObject>
}
export type DefinitionApi = {
  createCustomResourceDefinition(call: Call): Promise<KubeObject>
  deleteCustomResourceDefinition(call: Call): Promise<unknown>
}
export type CustomApi = {
  createNamespacedCustomObject(call: Call): Promise<KubeObject>
  replaceNamespacedCustomObject(call: Call): Promise<KubeObject>
  deleteNamespacedCustomObject(call: Call): Promise<unknown>
  listNamespacedCustomObject(call: Call): Promise<List>
}
export type KubeConfig = { loadFromFile(path: string): void; makeApiClient<T>(api: new (config: never) => T): T }
type Informer = {
  on(event: 'add' | 'update' | 'delete', call: (object: KubeObject) => void): void
  on(event: 'error' | 'connect', call: (error: unknown) => void): void
  start(): Promise<void>
  stop(): Promise<void>
  list(namespace?: string): readonly KubeObject[]
}
type Watch = {
  watch(
    path: string,
    query: Record<string, string | number | boolean>,
    event: (phase: string, object: KubeObject & { code?: number }) => void,
    done: (error: unknown) => void,
  ): Promise<AbortController>
}
export type Library = {
  KubeConfig: new () => KubeConfig
  CoreV1Api: new (config: never) => CoreApi
  CoordinationV1Api: new (config: never) => LeaseApi
  ApiextensionsV1Api: new (config: never) => DefinitionApi
  CustomObjectsApi: new (config: never) => CustomApi
  makeInformer(config: KubeConfig, path: string, list: () => Promise<List>): Informer
  Watch: new (config: KubeConfig) => Watch
  PatchStrategy: Record<'JsonPatch' | 'MergePatch' | 'StrategicMergePatch' | 'ServerSideApply', string>
  setHeaderOptions(name: string, value: string): unknown
  V1MicroTime: new (date: Date | number) => unknown
}

export async function loadLibrary(path: string): Promise<Library> {
  return (await import(pathToFileURL(path).href)) as Library
}

/** The HTTP status of what a call was rejected with. */
export const statusOf = (error: unknown): number | undefined => (error as { code?: number } | null)?.code
