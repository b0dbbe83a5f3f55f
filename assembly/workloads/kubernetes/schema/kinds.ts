// The fields of the kinds that are served, in the order of the Go types of k8s.io/api (generated.proto has the same names).
import { declareMessages } from './schema'

declareMessages(`
OwnerReference: apiVersion string!, kind string!, name string!, uid string!, controller bool?, blockOwnerDeletion bool?
ManagedFieldsEntry: manager string, operation string, apiVersion string, time time, fieldsType string, fieldsV1 raw, subresource string
ObjectMeta: name string, generateName string, namespace string, selfLink string, uid string, resourceVersion string, generation int64, creationTimestamp time, deletionTimestamp time, deletionGracePeriodSeconds int64?, labels map, annotations map, ownerReferences []OwnerReference@uid, finalizers []string@, managedFields []ManagedFieldsEntry
ObjectReference: kind string, namespace string, name string, uid string, apiVersion string, resourceVersion string, fieldPath string
LocalObjectReference: name string
ConfigMap: kind string, apiVersion string, metadata ObjectMeta!, immutable bool?, data map, binaryData bytesmap
Secret: kind string, apiVersion string, metadata ObjectMeta!, immutable bool?, data bytesmap, stringData map, type string
ServiceAccount: kind string, apiVersion string, metadata ObjectMeta!, secrets []ObjectReference@name, imagePullSecrets []LocalObjectReference@name, automountServiceAccountToken bool?
NamespaceCondition: type string!, status string!, lastTransitionTime time, reason string, message string
NamespaceSpec: finalizers []string
NamespaceStatus: phase string, conditions []NamespaceCondition@type
Namespace: kind string, apiVersion string, metadata ObjectMeta!, spec NamespaceSpec!, status NamespaceStatus!
EventSource: component string, host string
EventSeries: count int32, lastObservedTime micro
Event: kind string, apiVersion string, metadata ObjectMeta!, involvedObject ObjectReference!, reason string, message string, source EventSource!, firstTimestamp time!, lastTimestamp time!, count int32, type string, eventTime micro!, series EventSeries, action string, related ObjectReference, reportingComponent string!, reportingInstance string!
LeaseSpec: holderIdentity string?, leaseDurationSeconds int32?, acquireTime micro, renewTime micro, leaseTransitions int32?, strategy string?, preferredHolder string?
Lease: kind string, apiVersion string, metadata ObjectMeta!, spec LeaseSpec!
LabelSelectorRequirement: key string!, operator string!, values []string
LabelSelector: matchLabels map, matchExpressions []LabelSelectorRequirement
PolicyRule: verbs []string!, apiGroups []string, resources []string, resourceNames []string, nonResourceURLs []string
Role: kind string, apiVersion string, metadata ObjectMeta!, rules []PolicyRule!
AggregationRule: clusterRoleSelectors []LabelSelector
ClusterRole: kind string, apiVersion string, metadata ObjectMeta!, rules []PolicyRule!, aggregationRule AggregationRule
Subject: kind string!, apiGroup string, name string!, namespace string
RoleRef: apiGroup string!, kind string!, name string!
RoleBinding: kind string, apiVersion string, metadata ObjectMeta!, subjects []Subject, roleRef RoleRef!
ClusterRoleBinding: kind string, apiVersion string, metadata ObjectMeta!, subjects []Subject, roleRef RoleRef!
FieldSelectorRequirement: key string!, operator string!, values []string
FieldSelectorAttributes: rawSelector string, requirements []FieldSelectorRequirement
LabelSelectorAttributes: rawSelector string, requirements []LabelSelectorRequirement
ResourceAttributes: namespace string, verb string, group string, version string, resource string, subresource string, name string, fieldSelector FieldSelectorAttributes, labelSelector LabelSelectorAttributes
NonResourceAttributes: path string, verb string
SubjectAccessReviewStatus: allowed bool, denied bool, reason string, evaluationError string
SubjectAccessReviewSpec: resourceAttributes ResourceAttributes, nonResourceAttributes NonResourceAttributes, user string, groups []string, extra raw, uid string
SubjectAccessReview: kind string, apiVersion string, metadata ObjectMeta!, spec SubjectAccessReviewSpec!, status SubjectAccessReviewStatus
LocalSubjectAccessReview: kind string, apiVersion string, metadata ObjectMeta!, spec SubjectAccessReviewSpec!, status SubjectAccessReviewStatus
SelfSubjectAccessReviewSpec: resourceAttributes ResourceAttributes, nonResourceAttributes NonResourceAttributes
SelfSubjectAccessReview: kind string, apiVersion string, metadata ObjectMeta!, spec SelfSubjectAccessReviewSpec!, status SubjectAccessReviewStatus
SelfSubjectRulesReviewSpec: namespace string
ResourceRule: verbs []string, apiGroups []string, resources []string, resourceNames []string
NonResourceRule: verbs []string, nonResourceURLs []string
SubjectRulesReviewStatus: resourceRules []ResourceRule, nonResourceRules []NonResourceRule, incomplete bool, evaluationError string
SelfSubjectRulesReview: kind string, apiVersion string, metadata ObjectMeta!, spec SelfSubjectRulesReviewSpec!, status SubjectRulesReviewStatus
UserInfo: username string, uid string, groups []string, extra raw
SelfSubjectReviewStatus: userInfo UserInfo
SelfSubjectReview: kind string, apiVersion string, metadata ObjectMeta!, status SelfSubjectReviewStatus
TokenReviewSpec: token string, audiences []string
TokenReviewStatus: authenticated bool, user UserInfo, audiences []string, error string
TokenReview: kind string, apiVersion string, metadata ObjectMeta!, spec TokenReviewSpec!, status TokenReviewStatus
BoundObjectReference: kind string, apiVersion string, name string, uid string
TokenRequestSpec: audiences []string, expirationSeconds int64?, boundObjectRef BoundObjectReference
TokenRequestStatus: token string, expirationTimestamp time
TokenRequest: kind string, apiVersion string, metadata ObjectMeta!, spec TokenRequestSpec!, status TokenRequestStatus
Preconditions: uid string?, resourceVersion string?
DeleteOptions: kind string, apiVersion string, gracePeriodSeconds int64?, preconditions Preconditions, orphanDependents bool?, propagationPolicy string?, dryRun []string, ignoreStoreReadErrorWithClusterBreakingPotential bool?
ExternalDocumentation: description string, url string
JSONSchemaProps: id string, $schema string, $ref string?, description string, type string, format string, title string, default raw, maximum number, exclusiveMaximum bool, minimum number, exclusiveMinimum bool, maxLength int64?, minLength int64?, pattern string, maxItems int64?, minItems int64?, uniqueItems bool, multipleOf number, enum rawlist, maxProperties int64?, minProperties int64?, required []string, items JSONSchemaProps, allOf []JSONSchemaProps, oneOf []JSONSchemaProps, anyOf []JSONSchemaProps, not JSONSchemaProps, properties {}JSONSchemaProps, additionalProperties JSONSchemaProps|bool, patternProperties {}JSONSchemaProps, dependencies raw, additionalItems raw, definitions {}JSONSchemaProps, externalDocs ExternalDocumentation, example raw, nullable bool, x-kubernetes-preserve-unknown-fields bool?, x-kubernetes-embedded-resource bool, x-kubernetes-int-or-string bool, x-kubernetes-list-map-keys []string, x-kubernetes-list-type string?, x-kubernetes-map-type string?, x-kubernetes-validations raw
CustomResourceValidation: openAPIV3Schema JSONSchemaProps
CustomResourceSubresourceScale: specReplicasPath string!, statusReplicasPath string!, labelSelectorPath string?
CustomResourceSubresources: status raw, scale CustomResourceSubresourceScale
CustomResourceColumnDefinition: name string!, type string!, format string, description string, priority int32, jsonPath string!
SelectableField: jsonPath string!
CustomResourceDefinitionVersion: name string!, served bool?, storage bool?, deprecated bool, deprecationWarning string?, schema CustomResourceValidation, subresources CustomResourceSubresources, additionalPrinterColumns []CustomResourceColumnDefinition, selectableFields []SelectableField
CustomResourceConversion: strategy string!, webhook raw
CustomResourceDefinitionNames: plural string!, singular string, shortNames []string, kind string!, listKind string, categories []string
CustomResourceDefinitionSpec: group string!, names CustomResourceDefinitionNames!, scope string!, versions []CustomResourceDefinitionVersion, conversion CustomResourceConversion, preserveUnknownFields bool
CustomResourceDefinitionCondition: type string!, status string!, lastTransitionTime time, reason string, message string
CustomResourceDefinitionStatus: conditions []CustomResourceDefinitionCondition@type, acceptedNames CustomResourceDefinitionNames!, storedVersions []string
CustomResourceDefinition: kind string, apiVersion string, metadata ObjectMeta!, spec CustomResourceDefinitionSpec!, status CustomResourceDefinitionStatus!
`)
