// The ClusterRoles and bindings that every cluster has, as far as they speak of what is served here
// (plugin/pkg/auth/authorizer/rbac/bootstrappolicy): made with the first namespaces, and again at a start where one is missing.
import { Span } from '../../../sdk/span'
import { arenaSpan } from './attributes'
import { parse } from '../json/parser'
import { JsonNode } from '../json/node'
import { fillMetadata, metadataOf } from '../object/metadata'
import { prepareCreate } from '../object/rules'
import { clusterRoleBindings, clusterRoles, Resource } from '../resources/table'
import { normalise } from '../schema/normalise'
import { findMessage, Message } from '../schema/schema'
import { objectExists, preview, writeRecord } from '../storage/store'
import { ADDED, changed } from '../watch/changes'

const READ = '"get","list","watch"'
const CHANGE = '"create","delete","deletecollection","patch","update"'
const ALL = '"create","delete","deletecollection","get","list","patch","update","watch"'
const CORE = '""'

const TO_ADMIN = on(ALL, '"rbac.authorization.k8s.io"', '"rolebindings","roles"') + ',' + on('"create"', '"authorization.k8s.io"', '"localsubjectaccessreviews"')
const TO_EDIT =
  on(READ, CORE, '"secrets"') + ',' + on('"impersonate"', CORE, '"serviceaccounts"') + ',' + on(CHANGE, CORE, '"configmaps","events","secrets","serviceaccounts"') + ',' +
  on('"create"', CORE, '"serviceaccounts/token"') + ',' + on(ALL, '"coordination.k8s.io"', '"leases"')
const TO_VIEW = on(READ, CORE, '"configmaps","events","namespaces","namespaces/status","serviceaccounts"')
// In the order in which aggregation.ts comes upon them
const EDIT = TO_EDIT + ',' + TO_VIEW
const ADMIN = EDIT + ',' + TO_ADMIN

/** @returns false where the call is to run again */
export function addDefaultRoles(): bool {
  return (
    role('cluster-admin', '', on('"*"', '"*"', '"*"') + ',' + at('"*"', '"*"'), '') &&
    role('admin', '', ADMIN, 'admin') &&
    role('edit', 'admin', EDIT, 'edit') &&
    role('view', 'edit', TO_VIEW, 'view') &&
    role('system:aggregate-to-admin', 'admin', TO_ADMIN, '') &&
    role('system:aggregate-to-edit', 'edit', TO_EDIT, '') &&
    role('system:aggregate-to-view', 'view', TO_VIEW, '') &&
    role('system:auth-delegator', '', on('"create"', '"authentication.k8s.io"', '"tokenreviews"') + ',' + on('"create"', '"authorization.k8s.io"', '"subjectaccessreviews"'), '') &&
    role('system:basic-user', '', on('"create"', '"authorization.k8s.io"', '"selfsubjectaccessreviews","selfsubjectrulesreviews"') + ',' + on('"create"', '"authentication.k8s.io"', '"selfsubjectreviews"'), '') &&
    role('system:discovery', '', at('"get"', '"/api","/api/*","/apis","/apis/*","/healthz","/livez","/openapi","/openapi/*","/readyz","/version","/version/"'), '') &&
    role('system:monitoring', '', at('"get"', '"/healthz","/healthz/*","/livez","/livez/*","/metrics","/metrics/slis","/readyz","/readyz/*"'), '') &&
    role('system:public-info-viewer', '', at('"get"', '"/healthz","/livez","/readyz","/version","/version/"'), '') &&
    binding('cluster-admin', group('system:masters')) &&
    binding('system:basic-user', group('system:authenticated')) &&
    binding('system:discovery', group('system:authenticated')) &&
    binding('system:monitoring', group('system:monitoring')) &&
    binding('system:public-info-viewer', group('system:authenticated') + ',' + group('system:unauthenticated'))
  )
}

/** @param into the aggregated role that takes its rules, or "" @param gathers what it takes rules by itself, or "" */
function role(name: string, into: string, rules: string, gathers: string): bool {
  const label = into.length > 0 ? ',"rbac.authorization.k8s.io/aggregate-to-' + into + '":"true"' : ''
  const aggregation = gathers.length > 0 ? ',"aggregationRule":{"clusterRoleSelectors":[{"matchLabels":{"rbac.authorization.k8s.io/aggregate-to-' + gathers + '":"true"}}]}' : ''
  return add(clusterRoles, name, label, '"rules":[' + rules + ']' + aggregation)
}

function binding(name: string, subjects: string): bool {
  return add(clusterRoleBindings, name, '', '"subjects":[' + subjects + '],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"' + name + '"}')
}

function on(verbs: string, groups: string, resources: string): string {
  return '{"verbs":[' + verbs + '],"apiGroups":[' + groups + '],"resources":[' + resources + ']}'
}

function at(verbs: string, urls: string): string {
  return '{"verbs":[' + verbs + '],"nonResourceURLs":[' + urls + ']}'
}

function group(name: string): string {
  return '{"kind":"Group","apiGroup":"rbac.authorization.k8s.io","name":"' + name + '"}'
}

function add(resource: Resource, name: string, label: string, content: string): bool {
  const none = new Span(0, 0)
  const named = arenaSpan(name)
  if (objectExists(resource, none, named)) return true
  const metadata = '"metadata":{"name":"' + name + '","labels":{"kubernetes.io/bootstrapping":"rbac-defaults"' + label + '},"annotations":{"rbac.authorization.kubernetes.io/autoupdate":"true"}}'
  const text = arenaSpan('{"kind":"' + resource.kind + '","apiVersion":"' + resource.groupVersion + '",' + metadata + ',' + content + '}')
  const root = <JsonNode>parse(text.at, text.length) // of our own words
  normalise(root, <Message>findMessage(resource.schema))
  fillMetadata(metadataOf(root), resource, none)
  prepareCreate(root, resource)
  const written = writeRecord(resource, none, named, preview(root))
  if (!written) return false
  changed(ADDED, resource, none, named, written, null)
  return true
}
