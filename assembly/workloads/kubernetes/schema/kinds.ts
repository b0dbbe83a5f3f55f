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
Preconditions: uid string?, resourceVersion string?
DeleteOptions: kind string, apiVersion string, gracePeriodSeconds int64?, preconditions Preconditions, orphanDependents bool?, propagationPolicy string?, dryRun []string, ignoreStoreReadErrorWithClusterBreakingPotential bool?
`)
