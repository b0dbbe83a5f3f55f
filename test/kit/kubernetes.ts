// The Kubernetes workload in the JavaScript shell, asked as a client asks it.
import { type ShellResponse, WorkloadShell } from './workload-shell.ts'

export const DEFAULT = '/api/v1/namespaces/default'
export const JSON_PATCH = 'application/json-patch+json'
export const MERGE_PATCH = 'application/merge-patch+json'
export const STRATEGIC_PATCH = 'application/strategic-merge-patch+json'
export const APPLY_PATCH = 'application/apply-patch+yaml'
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

/** As JSON came; tests look at what they asked for. */
// biome-ignore lint/suspicious/noExplicitAny: answers are of any kind
export type Answered = any
export type Reply = { status: number; json: Answered; text: string; headers: Record<string, string> }
type Options = { headers?: Record<string, string>; type?: string; accept?: string; role?: number; key?: Uint8Array }

export class KubernetesShell {
  readonly shell: WorkloadShell = WorkloadShell.of('kubernetes')

  open(method: string, path: string, body?: unknown, options: Options = {}): ShellResponse {
    const { type = 'application/json', accept, role, key } = options
    const bytes =
      body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
    return this.shell.request(method, path, {
      headers: { 'content-type': type, ...(accept === undefined ? {} : { accept }), ...options.headers },
      ...(bytes === undefined ? {} : { body: bytes }),
      ...(role === undefined ? {} : { role }),
      ...(key === undefined ? {} : { key }),
    })
  }

  ask(method: string, path: string, body?: unknown, options: Options = {}): Reply {
    const response = this.open(method, path, body, options)
    if (!response.ended) throw new Error(`${method} ${path} stays open`)
    const text = response.takeText()
    return {
      status: response.status,
      json: text.startsWith('{') ? JSON.parse(text) : null,
      text,
      headers: response.headers,
    }
  }

  /** A reply that has to be of this status. */
  demand(status: number, method: string, path: string, body?: unknown, options: Options = {}): Answered {
    const reply = this.ask(method, path, body, options)
    if (reply.status !== status) throw new Error(`${method} ${path}: ${reply.status} ${reply.text}`)
    return reply.json
  }

  create(resource: string, object: unknown): Answered {
    return this.demand(201, 'POST', `${DEFAULT}/${resource}`, object)
  }

  patch(path: string, type: string, patch: unknown): Reply {
    return this.ask('PATCH', path, patch, { type })
  }

  watch(path: string): ShellResponse {
    return this.open('GET', `${path}${path.includes('?') ? '&' : '?'}watch=true`)
  }

  /** Records of objects as they lie in the store, without what the workload keeps for itself. */
  get stored(): string[] {
    return [...this.shell.records.keys()].filter((key) => !key.startsWith('\0')).sort()
  }

  /** The same with their versions: whoever writes changes it. */
  get storedVersions(): string[] {
    return this.stored.map((key) => `${key} ${this.shell.records.get(key)?.version}`)
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      this.shell.nowMs += 1000n
      this.shell.tick()
    }
  }
}

export type WatchEvent = { type: string; object: Answered }

export function events(response: ShellResponse): WatchEvent[] {
  return response.takeLines() as WatchEvent[]
}

/** `ADDED a`, … */
export function shortEvents(response: ShellResponse): string[] {
  return events(response).map(({ type, object }) => `${type} ${object.metadata?.name ?? object.code}`)
}

export function configMap(name: string, data: Record<string, string> = {}, metadata: object = {}): object {
  return { metadata: { name, ...metadata }, data }
}

/** Who owns what, `manager operation` and the subresource where it is one, to the set of fields. */
export function owners(object: Answered): Record<string, object> {
  type Entry = { manager: string; operation: string; subresource?: string; fieldsV1: object }
  const entries: Entry[] = object.metadata.managedFields ?? []
  return Object.fromEntries(
    entries.map(({ manager, operation, subresource, fieldsV1 }) => [
      `${manager} ${operation}${subresource === undefined ? '' : ` ${subresource}`}`,
      fieldsV1,
    ]),
  )
}
