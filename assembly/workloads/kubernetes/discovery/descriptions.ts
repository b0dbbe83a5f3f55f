// What `kubectl explain` says of kinds and fields, one a line: Message or Message.field, then the text. Fields of all objects are under `*`.
const TEXT = `
ConfigMap Configuration data for others to read, by key.
ConfigMap.binaryData Values that are no text, in base64. Keys differ from those of data.
ConfigMap.data Values that are text, by key. Keys are of letters, digits, "-", "_" and ".".
ConfigMap.immutable If true, data and binaryData never change again, nor does this.
Event A report of something that happened to an object.
Event.involvedObject The object that this event is about.
Event.message What happened, for people.
Event.reason Why it happened: one word, for programs.
Event.type Normal or Warning.
Event.count How many times it happened.
Event.firstTimestamp When it was first seen.
Event.lastTimestamp When it was last seen.
Event.source What reported it.
Namespace A scope for names: objects in different namespaces may have the same.
NamespaceSpec.finalizers What has to be done before the namespace can go.
NamespaceStatus.phase Active, or Terminating while it is emptied.
Secret Data that is not for everybody, by key. Here it is sealed before it leaves the enclave.
Secret.data Values in base64, by key. Keys are of letters, digits, "-", "_" and ".".
Secret.immutable If true, data never changes again, nor does this.
Secret.stringData Values as text, for writing only: they go into data, and win there.
Secret.type For programs: what keys to expect. Never changes. Opaque if it is not given.
ServiceAccount An identity for programs.
ServiceAccount.automountServiceAccountToken Whether programs that run as it get its token by default.
ServiceAccount.imagePullSecrets Secrets to pull images with.
ServiceAccount.secrets Secrets that programs which run as it may use.
Lease A claim that lasts for a time, such as that of a leader.
LeaseSpec.acquireTime When the holder got it.
LeaseSpec.holderIdentity Who has it.
LeaseSpec.leaseDurationSeconds How long others have to wait after renewTime before they may take it.
LeaseSpec.leaseTransitions How many times it went from one holder to another.
LeaseSpec.renewTime When the holder last renewed it.
ClusterRole What those may do that it is bound to: in all namespaces, or in one by a RoleBinding.
ClusterRole.aggregationRule Its rules are those of all ClusterRoles that it selects.
ClusterRole.rules What may be done.
Role What those may do in its namespace that it is bound to.
Role.rules What may be done.
PolicyRule.apiGroups Groups of the resources, "" for the core group, * for all.
PolicyRule.nonResourceURLs Paths that are no resource's; * at the end stands for the rest.
PolicyRule.resourceNames Names that the rule is for; none for all.
PolicyRule.resources Resources, or RESOURCE/SUBRESOURCE; * for all.
PolicyRule.verbs What may be done, * for everything.
AggregationRule.clusterRoleSelectors Selectors of labels; what meets one of them is taken.
ClusterRoleBinding Gives a ClusterRole to its subjects, in all namespaces.
RoleBinding Gives a role to its subjects, in its namespace.
ClusterRoleBinding.roleRef The ClusterRole that is given. Never changes.
RoleBinding.roleRef The role that is given: of its namespace, or a ClusterRole. Never changes.
ClusterRoleBinding.subjects To whom it is given.
RoleBinding.subjects To whom it is given.
Subject.kind User, Group or ServiceAccount.
Subject.name Who it is, among those of the kind.
Subject.namespace Of a ServiceAccount.
CustomResourceDefinition A resource of your own: its names, its versions, and what its objects hold.
CustomResourceDefinitionSpec.group The group that it is served in, /apis/GROUP/.
CustomResourceDefinitionSpec.names What it is called. The object's own name is plural.group.
CustomResourceDefinitionSpec.scope Cluster or Namespaced.
CustomResourceDefinitionSpec.versions All versions; exactly one of them is the one that is stored.
CustomResourceDefinitionSpec.conversion How one version becomes another. None alone is served: but for apiVersion nothing changes.
CustomResourceDefinitionVersion.schema What its objects hold, an OpenAPI v3 schema that is structural. Rules in CEL are refused.
CustomResourceDefinitionVersion.served Whether it is served.
CustomResourceDefinitionVersion.storage Whether it is the one that is stored.
CustomResourceDefinitionVersion.subresources status: written by itself, and by itself alone.
CustomResourceDefinitionVersion.additionalPrinterColumns What kubectl get shows of an object.
CustomResourceDefinitionVersion.selectableFields Members that field selectors may name.
ObjectMeta What every object has.
ObjectMeta.annotations Anything that tools want to keep with the object, by key.
ObjectMeta.creationTimestamp When the server made the object. Set by the server.
ObjectMeta.deletionTimestamp When its deletion was asked for; it goes when its finalizers have. Set by the server.
ObjectMeta.finalizers What has to be done before the object can go.
ObjectMeta.generateName The beginning of a name, to which the server adds five characters where there is no name.
ObjectMeta.labels What selectors go by, key and value.
ObjectMeta.name Unique within a namespace among objects of its resource. Never changes.
ObjectMeta.namespace The namespace that the object is in. Never changes.
ObjectMeta.ownerReferences Objects that this one belongs to.
ObjectMeta.resourceVersion What changes with every write; give it back to write only over what was read. Set by the server.
ObjectMeta.uid Unique in time and space. Set by the server.
*.apiVersion The version of the schema that the object is written in.
*.kind What kind of object it is.
*.metadata Name, labels and what else every object has.
*.spec What is wanted.
*.status What is. Set by the server.
`

/** Empty where there is nothing to say. `field` is "" for the message itself. */
export function describe(message: string, field: string): string {
  const own = find(field.length > 0 ? message + '.' + field : message)
  return own.length > 0 || field.length == 0 ? own : find('*.' + field)
}

function find(name: string): string {
  const at = TEXT.indexOf('\n' + name + ' ')
  if (at < 0) return ''
  const from = at + name.length + 2
  return TEXT.substring(from, TEXT.indexOf('\n', from))
}
