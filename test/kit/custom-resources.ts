// Definitions of custom resources for tests, and the paths of what they define.
import { type Answered, KubernetesShell, type Reply } from './kubernetes.ts'

export const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
export const GROUP = 'stable.example.com'
export const CRON_TABS = `/apis/${GROUP}/v1/namespaces/default/crontabs`

type Schema = Record<string, unknown>

/** A definition of CronTabs, whose spec has these properties; `version` and `spec` win over what is there. */
export function cronTabs(spec: Schema = {}, version: object = {}, more: object = {}): Answered {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `crontabs.${GROUP}` },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
      versions: [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: objectSchema(spec) }, ...version },
      ],
      ...more,
    },
  }
}

/** What an object is whose spec has these properties. */
export function objectSchema(properties: Schema, required?: string[]): Schema {
  const spec = { type: 'object', properties, ...(required === undefined ? {} : { required }) }
  return {
    type: 'object',
    properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  }
}

export function cronTab(name: string, spec: unknown = {}, more: object = {}): Answered {
  return { apiVersion: `${GROUP}/v1`, kind: 'CronTab', metadata: { name }, spec, ...more }
}

/** A workload with CronTabs whose spec has these properties. */
export function withCronTabs(spec: Schema = {}, version: object = {}, more: object = {}): KubernetesShell {
  const at = new KubernetesShell()
  at.demand(201, 'POST', DEFINITIONS, cronTabs(spec, version, more))
  return at
}

/** Creates and removes again a CronTab with this spec. */
export function trySpec(at: KubernetesShell, spec: unknown, query = ''): Reply {
  const reply = at.ask('POST', `${CRON_TABS}${query}`, cronTab('tried', spec))
  if (reply.status === 201) at.demand(200, 'DELETE', `${CRON_TABS}/tried`)
  return reply
}
