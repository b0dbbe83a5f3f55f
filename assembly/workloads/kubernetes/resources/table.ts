// The resources that are served: what discovery lists, what paths name, and what a Table shows. Everything else reads this table. Those of
// custom resources come and go behind the others (custom/registry.ts).
import { CustomVersion } from '../custom/definition'
import { JsonPath } from '../custom/json-path'

/** A column of a Table, meta.k8s.io/v1; how its cell is made stands in table/cells.ts, by `cell`. */
export class Column {
  /** 0 is always shown, 1 by `kubectl get -o wide`. */
  priority: i32 = 0
  /** Of a CELL_PATH. */
  path: JsonPath | null = null
  constructor(
    public name: string,
    public type: string,
    public format: string,
    public description: string,
    public cell: i32
  ) {}
}

/** A value of the object that a JSONPath leads to, by the type of its column. */
export const CELL_PATH = -1
export const CELL_NAME = 0
export const CELL_AGE = 1
/** Entries of data and binaryData. */
export const CELL_DATA_COUNT = 2
export const CELL_SECRET_TYPE = 3
export const CELL_PHASE = 4
export const CELL_SECRET_COUNT = 5
export const CELL_HOLDER = 6
export const CELL_EVENT_LAST_SEEN = 7
export const CELL_EVENT_TYPE = 8
export const CELL_EVENT_REASON = 9
export const CELL_EVENT_OBJECT = 10
export const CELL_EVENT_MESSAGE = 11
export const CELL_CREATED_AT = 12
/** `Kind/name` of roleRef. */
export const CELL_ROLE_REF = 13
/** Names of subjects of one kind. */
export const CELL_USERS = 14
export const CELL_GROUPS = 15
export const CELL_SERVICE_ACCOUNTS = 16

const VERBS = 'create delete deletecollection get list patch update watch'
/** Namespaces are not deleted in bulk. */
const VERBS_NAMESPACES = 'create delete get list patch update watch'

const NOTHING = new Uint8Array(0)

export class Resource {
  /** Of the key space: never changed, never given to another resource. */
  id: u8 = 0
  /** The rest of what begins the keys of a custom resource. */
  space: Uint8Array = NOTHING
  /** Where it is a custom resource. */
  custom: CustomVersion | null = null
  listKind: string = ''
  shortNames: string[] = []
  categories: string[] = []
  verbs: string[] = []
  /** Subresources with the verbs of each: "status: get patch update". */
  subresources: Subresource[] = []
  columns: Column[] = []
  /** Questions: each is answered where it is asked, and nothing is stored (auth/reviews.ts). */
  isVirtual: bool = false
  /** Names are segments of a path, with colons if they like, where others are of DNS. */
  hasPathNames: bool = false
  /** The message of the schema (schema/kinds.ts) that an object of this kind is. */
  schema: string = ''

  constructor(
    /** "" for the core group. */
    public group: string,
    public version: string,
    public resource: string,
    public kind: string,
    public singular: string,
    public namespaced: bool
  ) {
    this.schema = kind
    this.listKind = kind + 'List'
    this.verbs = VERBS.split(' ')
  }

  /** `configmaps`, `leases.coordination.k8s.io`: how messages name it. */
  get qualified(): string {
    return this.group.length > 0 ? this.resource + '.' + this.group : this.resource
  }

  /** `v1`, `coordination.k8s.io/v1`. */
  get groupVersion(): string {
    return this.group.length > 0 ? this.group + '/' + this.version : this.version
  }

  hasVerb(verb: string): bool {
    return this.verbs.includes(verb)
  }

  subresource(name: string): Subresource | null {
    for (let i = 0; i < this.subresources.length; i++) if (this.subresources[i].name == name) return this.subresources[i]
    return null
  }
}

export class Subresource {
  verbs: string[]
  /** What it takes and gives, where that is another kind than its resource's. */
  kind: Resource | null = null
  constructor(public name: string, verbs: string) {
    this.verbs = verbs.split(' ')
  }
}

export const NAME_COLUMN: Column = new Column('Name', 'string', 'name', 'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names', CELL_NAME)
export const AGE_COLUMN: Column = new Column('Age', 'string', '', 'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata', CELL_AGE)

/** In the order in which discovery lists them: by group, then by name; custom resources behind, in the same order, each once for a version. */
export const resources: Resource[] = []
/** Changes whenever `resources` does. */
export let resourcesEdition = 0
/** What is stored, each key space once: also of custom resources that are not served. */
export const storedResources: Resource[] = []
let builtIn = 0

/** @param served versions of custom resources @param stored one for each of their key spaces */
export function setCustomResources(served: Resource[], stored: Resource[]): void {
  if (builtIn == 0) {
    builtIn = resources.length
    for (let i = 0; i < builtIn; i++) if (!resources[i].isVirtual) storedResources.push(resources[i])
    builtInStored = storedResources.length
  }
  resources.length = builtIn
  storedResources.length = builtInStored
  for (let i = 0; i < served.length; i++) resources.push(served[i])
  for (let i = 0; i < stored.length; i++) storedResources.push(stored[i])
  resourcesEdition++
}

let builtInStored = 0

/** Whether the workload serves a group of this name by itself. */
export function isBuiltInGroup(group: string): bool {
  const count = builtIn == 0 ? resources.length : builtIn
  for (let i = 0; i < count; i++) if (resources[i].group == group) return true
  return false
}

const AUTHENTICATION = 'authentication.k8s.io'
const AUTHORIZATION = 'authorization.k8s.io'
/** Group of roles and bindings, and of what their subjects and roles are named in. */
export const RBAC = 'rbac.authorization.k8s.io'

function add(id: u8, resource: Resource, columns: Column[]): Resource {
  resource.id = id
  resource.columns = [NAME_COLUMN].concat(columns).concat([AGE_COLUMN])
  resources.push(resource)
  return resource
}

const configMaps = add(1, new Resource('', 'v1', 'configmaps', 'ConfigMap', 'configmap', true), [new Column('Data', 'string', '', 'Data contains the configuration data. Each key must consist of alphanumeric characters, \'-\', \'_\' or \'.\'. Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not overlap with the keys in the BinaryData field, this is enforced during validation process.', CELL_DATA_COUNT)])
configMaps.shortNames = ['cm']

const events = add(2, new Resource('', 'v1', 'events', 'Event', 'event', true), [])
events.shortNames = ['ev']
events.columns = [
  new Column('Last Seen', 'string', '', 'The time at which the most recent occurrence of this event was recorded.', CELL_EVENT_LAST_SEEN),
  new Column('Type', 'string', '', 'Type of this event (Normal, Warning), new types could be added in the future', CELL_EVENT_TYPE),
  new Column('Reason', 'string', '', 'This should be a short, machine understandable string that gives the reason for the transition into the object\'s current status.', CELL_EVENT_REASON),
  new Column('Object', 'string', '', 'The object that this event is about.', CELL_EVENT_OBJECT),
  new Column('Message', 'string', '', 'A human-readable description of the status of this operation.', CELL_EVENT_MESSAGE)
]

export const namespaces: Resource = add(3, new Resource('', 'v1', 'namespaces', 'Namespace', 'namespace', false), [new Column('Status', 'string', '', 'The status of the namespace', CELL_PHASE)])
namespaces.shortNames = ['ns']
namespaces.verbs = VERBS_NAMESPACES.split(' ')
namespaces.subresources = [new Subresource('finalize', 'update'), new Subresource('status', 'get patch update')]

export const secrets: Resource = add(4, new Resource('', 'v1', 'secrets', 'Secret', 'secret', true), [
  new Column('Type', 'string', '', 'Used to facilitate programmatic handling of secret data. More info: https://kubernetes.io/docs/concepts/configuration/secret/#secret-types', CELL_SECRET_TYPE),
  new Column('Data', 'string', '', 'Data contains the secret data. Each key must consist of alphanumeric characters, \'-\', \'_\' or \'.\'. The serialized form of the secret data is a base64 encoded string, representing the arbitrary (possibly non-string) data value here. Described in https://tools.ietf.org/html/rfc4648#section-4', CELL_DATA_COUNT)
])

export const serviceAccounts: Resource = add(5, new Resource('', 'v1', 'serviceaccounts', 'ServiceAccount', 'serviceaccount', true), [new Column('Secrets', 'string', '', 'Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use. More info: https://kubernetes.io/docs/concepts/configuration/secret', CELL_SECRET_COUNT)])
serviceAccounts.shortNames = ['sa']

/** Group of definitions of custom resources. */
export const EXTENSIONS = 'apiextensions.k8s.io'
export const definitions: Resource = add(7, new Resource(EXTENSIONS, 'v1', 'customresourcedefinitions', 'CustomResourceDefinition', 'customresourcedefinition', false), [])
definitions.shortNames = ['crd', 'crds']
definitions.categories = ['api-extensions']
definitions.columns = [NAME_COLUMN, new Column('Created At', 'date', '', AGE_COLUMN.description, CELL_CREATED_AT)]
definitions.subresources = [new Subresource('status', 'get patch update')]

/** Of serviceaccounts/token: it has no path of its own. */
export const tokenRequests: Resource = new Resource(AUTHENTICATION, 'v1', 'tokenrequests', 'TokenRequest', 'tokenrequest', true)
const tokens = new Subresource('token', 'create')
tokens.kind = tokenRequests
serviceAccounts.subresources = [tokens]

// Nothing is stored of them, so they have no id.
function addReview(group: string, resource: string, kind: string, namespaced: bool): Resource {
  const review = new Resource(group, 'v1', resource, kind, kind.toLowerCase(), namespaced)
  review.verbs = ['create']
  review.isVirtual = true
  resources.push(review)
  return review
}

export const selfReviews: Resource = addReview(AUTHENTICATION, 'selfsubjectreviews', 'SelfSubjectReview', false)
export const tokenReviews: Resource = addReview(AUTHENTICATION, 'tokenreviews', 'TokenReview', false)
export const localAccessReviews: Resource = addReview(AUTHORIZATION, 'localsubjectaccessreviews', 'LocalSubjectAccessReview', true)
export const selfAccessReviews: Resource = addReview(AUTHORIZATION, 'selfsubjectaccessreviews', 'SelfSubjectAccessReview', false)
export const selfRulesReviews: Resource = addReview(AUTHORIZATION, 'selfsubjectrulesreviews', 'SelfSubjectRulesReview', false)
export const accessReviews: Resource = addReview(AUTHORIZATION, 'subjectaccessreviews', 'SubjectAccessReview', false)

const leases = add(6, new Resource('coordination.k8s.io', 'v1', 'leases', 'Lease', 'lease', true), [new Column('Holder', 'string', '', 'holderIdentity contains the identity of the holder of a current lease.', CELL_HOLDER)])

function addRbac(id: u8, resource: string, kind: string, namespaced: bool): Resource {
  const made = add(id, new Resource(RBAC, 'v1', resource, kind, kind.toLowerCase(), namespaced), [])
  made.hasPathNames = true
  return made
}

const CREATED_AT = new Column('Created At', 'date', '', AGE_COLUMN.description, CELL_CREATED_AT)
const BINDING_COLUMNS = [
  NAME_COLUMN,
  new Column('Role', 'string', '', 'The role that is granted.', CELL_ROLE_REF),
  AGE_COLUMN,
  new Column('Users', 'string', '', 'Users that the role is granted to.', CELL_USERS),
  new Column('Groups', 'string', '', 'Groups that the role is granted to.', CELL_GROUPS),
  new Column('ServiceAccounts', 'string', '', 'ServiceAccounts that the role is granted to.', CELL_SERVICE_ACCOUNTS)
]
for (let i = 3; i < BINDING_COLUMNS.length; i++) BINDING_COLUMNS[i].priority = 1

export const clusterRoleBindings: Resource = addRbac(16, 'clusterrolebindings', 'ClusterRoleBinding', false)
clusterRoleBindings.columns = BINDING_COLUMNS
export const clusterRoles: Resource = addRbac(17, 'clusterroles', 'ClusterRole', false)
clusterRoles.columns = [NAME_COLUMN, CREATED_AT]
export const roleBindings: Resource = addRbac(18, 'rolebindings', 'RoleBinding', true)
roleBindings.columns = BINDING_COLUMNS
export const roles: Resource = addRbac(19, 'roles', 'Role', true)
roles.columns = [NAME_COLUMN, CREATED_AT]

export const configMapResource: Resource = configMaps
export const eventResource: Resource = events
export const leaseResource: Resource = leases

/** The resource of this group, version and plural name, or null. */
export function findResource(group: string, version: string, resource: string): Resource | null {
  for (let i = 0; i < resources.length; i++) {
    const each = resources[i]
    if (each.resource == resource && each.version == version && each.group == group) return each
  }
  return null
}

/** Whether any resource is served in this group, and version unless that is "". */
export function hasGroup(group: string, version: string): bool {
  for (let i = 0; i < resources.length; i++) if (resources[i].group == group && (version.length == 0 || resources[i].version == version)) return true
  return false
}
