// The messages that clients send in protobuf, from the field numbers of each API's generated.proto (1.20 and what came since), by the names that
// JSON has for them. A line is a message: its name, `=` and the apiVersion where it is an object's kind (`=*`: of any), then its fields,
// number:name:type. A type is string, bool, int32, int64, bytes, json (FieldsV1), time, micro, strings (ExtraValue), or a message of this table; [] before
// it is a list, {} a map from strings. `*` marks what is a pointer in Go: it is kept as it comes, where others are left out when they are
// empty, because typed clients always write those.
export const MESSAGES = `
ConfigMap=v1 1:metadata:ObjectMeta 2:data:{}string 3:binaryData:{}bytes 4:immutable:*bool
Event=v1 1:metadata:ObjectMeta 2:involvedObject:ObjectReference 3:reason:string 4:message:string 5:source:EventSource 6:firstTimestamp:time 7:lastTimestamp:time 8:count:int32 9:type:string 10:eventTime:micro 11:series:*EventSeries 12:action:string 13:related:*ObjectReference 14:reportingComponent:string 15:reportingInstance:string
Namespace=v1 1:metadata:ObjectMeta 2:spec:NamespaceSpec 3:status:NamespaceStatus
Secret=v1 1:metadata:ObjectMeta 2:data:{}bytes 3:type:string 4:stringData:{}string 5:immutable:*bool
ServiceAccount=v1 1:metadata:ObjectMeta 2:secrets:[]ObjectReference 3:imagePullSecrets:[]LocalObjectReference 4:automountServiceAccountToken:*bool
Lease=coordination.k8s.io/v1 1:metadata:ObjectMeta 2:spec:LeaseSpec
SelfSubjectReview=authentication.k8s.io/v1 1:metadata:ObjectMeta 2:status:SelfSubjectReviewStatus
TokenRequest=authentication.k8s.io/v1 1:metadata:ObjectMeta 2:spec:TokenRequestSpec 3:status:TokenRequestStatus
TokenReview=authentication.k8s.io/v1 1:metadata:ObjectMeta 2:spec:TokenReviewSpec 3:status:TokenReviewStatus
LocalSubjectAccessReview=authorization.k8s.io/v1 1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
SelfSubjectAccessReview=authorization.k8s.io/v1 1:metadata:ObjectMeta 2:spec:SelfSubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
SelfSubjectRulesReview=authorization.k8s.io/v1 1:metadata:ObjectMeta 2:spec:SelfSubjectRulesReviewSpec 3:status:SubjectRulesReviewStatus
SubjectAccessReview=authorization.k8s.io/v1 1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
ClusterRole=rbac.authorization.k8s.io/v1 1:metadata:ObjectMeta 2:rules:[]PolicyRule 3:aggregationRule:*AggregationRule
ClusterRoleBinding=rbac.authorization.k8s.io/v1 1:metadata:ObjectMeta 2:subjects:[]Subject 3:roleRef:RoleRef
Role=rbac.authorization.k8s.io/v1 1:metadata:ObjectMeta 2:rules:[]PolicyRule
RoleBinding=rbac.authorization.k8s.io/v1 1:metadata:ObjectMeta 2:subjects:[]Subject 3:roleRef:RoleRef
DeleteOptions=* 1:gracePeriodSeconds:*int64 2:preconditions:*Preconditions 3:orphanDependents:*bool 4:propagationPolicy:*string 5:dryRun:[]string 6:ignoreStoreReadErrorWithClusterBreakingPotential:*bool
AggregationRule 1:clusterRoleSelectors:[]LabelSelector
BoundObjectReference 1:kind:string 2:apiVersion:string 3:name:string 4:uid:string
EventSeries 1:count:int32 2:lastObservedTime:micro
EventSource 1:component:string 2:host:string
FieldSelectorAttributes 1:rawSelector:string 2:requirements:[]FieldSelectorRequirement
FieldSelectorRequirement 1:key:string 2:operator:string 3:values:[]string
LabelSelector 1:matchLabels:{}string 2:matchExpressions:[]LabelSelectorRequirement
LabelSelectorAttributes 1:rawSelector:string 2:requirements:[]LabelSelectorRequirement
LabelSelectorRequirement 1:key:string 2:operator:string 3:values:[]string
LeaseSpec 1:holderIdentity:*string 2:leaseDurationSeconds:*int32 3:acquireTime:micro 4:renewTime:micro 5:leaseTransitions:*int32 6:strategy:*string 7:preferredHolder:*string
LocalObjectReference 1:name:string
ManagedFieldsEntry 1:manager:string 2:operation:string 3:apiVersion:string 4:time:time 6:fieldsType:string 7:fieldsV1:json 8:subresource:string
NamespaceCondition 1:type:string 2:status:string 4:lastTransitionTime:time 5:reason:string 6:message:string
NamespaceSpec 1:finalizers:[]string
NamespaceStatus 1:phase:string 2:conditions:[]NamespaceCondition
NonResourceAttributes 1:path:string 2:verb:string
NonResourceRule 1:verbs:[]string 2:nonResourceURLs:[]string
ObjectMeta 1:name:string 2:generateName:string 3:namespace:string 4:selfLink:string 5:uid:string 6:resourceVersion:string 7:generation:int64 8:creationTimestamp:time 9:deletionTimestamp:time 10:deletionGracePeriodSeconds:*int64 11:labels:{}string 12:annotations:{}string 13:ownerReferences:[]OwnerReference 14:finalizers:[]string 17:managedFields:[]ManagedFieldsEntry
ObjectReference 1:kind:string 2:namespace:string 3:name:string 4:uid:string 5:apiVersion:string 6:resourceVersion:string 7:fieldPath:string
OwnerReference 1:kind:string 3:name:string 4:uid:string 5:apiVersion:string 6:controller:*bool 7:blockOwnerDeletion:*bool
PolicyRule 1:verbs:[]string 2:apiGroups:[]string 3:resources:[]string 4:resourceNames:[]string 5:nonResourceURLs:[]string
Preconditions 1:uid:*string 2:resourceVersion:*string
ResourceAttributes 1:namespace:string 2:verb:string 3:group:string 4:version:string 5:resource:string 6:subresource:string 7:name:string 8:fieldSelector:*FieldSelectorAttributes 9:labelSelector:*LabelSelectorAttributes
ResourceRule 1:verbs:[]string 2:apiGroups:[]string 3:resources:[]string 4:resourceNames:[]string
RoleRef 1:apiGroup:string 2:kind:string 3:name:string
SelfSubjectAccessReviewSpec 1:resourceAttributes:*ResourceAttributes 2:nonResourceAttributes:*NonResourceAttributes
SelfSubjectReviewStatus 1:userInfo:UserInfo
SelfSubjectRulesReviewSpec 1:namespace:string
Subject 1:kind:string 2:apiGroup:string 3:name:string 4:namespace:string
SubjectAccessReviewSpec 1:resourceAttributes:*ResourceAttributes 2:nonResourceAttributes:*NonResourceAttributes 3:user:string 4:groups:[]string 5:extra:{}strings 6:uid:string
SubjectAccessReviewStatus 1:allowed:bool 2:reason:string 3:evaluationError:string 4:denied:bool
SubjectRulesReviewStatus 1:resourceRules:[]ResourceRule 2:nonResourceRules:[]NonResourceRule 3:incomplete:bool 4:evaluationError:string
TokenRequestSpec 1:audiences:[]string 3:boundObjectRef:*BoundObjectReference 4:expirationSeconds:*int64
TokenRequestStatus 1:token:string 2:expirationTimestamp:time
TokenReviewSpec 1:token:string 2:audiences:[]string
TokenReviewStatus 1:authenticated:bool 2:user:UserInfo 3:error:string 4:audiences:[]string
UserInfo 1:username:string 2:uid:string 3:groups:[]string 4:extra:{}strings
`
