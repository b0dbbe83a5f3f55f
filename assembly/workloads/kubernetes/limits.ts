// Limits that a client can meet, and that tests try at n - 1, n and n + 1. Imports nothing: both sides read it.

/** Bytes of a body: what the real server reads of one. */
export const MAX_BODY_BYTES = 3145728
/** Nesting of arrays and objects in a body; an object of these kinds needs 8. */
export const MAX_DEPTH = 256
/** Bytes of the values of a ConfigMap or a Secret. */
export const MAX_DATA_BYTES = 1048576
/** Bytes of annotations, keys and values together. */
export const MAX_ANNOTATION_BYTES = 262144
/** Finalizers, and owners: they are compared one by one. The real server has no limit of its own. */
export const MAX_ITEMS = 1000
/** Entries of managedFields. The real server bounds those of updates alone, by 10. */
export const MAX_MANAGERS = 256
/** Bytes of the name of a field manager, and of a subresource in its entry: what the real server takes. */
export const MAX_MANAGER_BYTES = 128
export const MAX_SUBRESOURCE_BYTES = 256
/** Operations of a JSON patch: what the real server takes. */
export const MAX_OPERATIONS = 10000
/** References to owners that are followed. LIMIT: of what has more, dependents stay when their owners go. */
export const MAX_DEPENDENTS = 262144
export const MAX_WATCHERS = 4096
/** Events that a watch can resume from, a power of two, and what they may take. */
export const MAX_EVENTS = 16384
export const MAX_EVENT_BYTES = 25165824
/** Bytes of one answer; above it a client must ask for pages. */
export const MAX_LIST_BYTES = 33554432
/** What the audit may take of the store: an eighth of it. Above, its oldest segments go. */
export const MAX_AUDIT_BYTES = 33554432
/** A segment of it, unless one batch alone is larger. */
export const MAX_AUDIT_SEGMENT_BYTES = 65536
/** Events that are stored and in no batch yet; above it writes wait for one. */
export const MAX_AUDIT_BACKLOG_BYTES = 4194304
/** Events of reads that wait in memory for their commit. */
export const MAX_AUDIT_WAITING_BYTES = 262144
/** Of an event: its URI, the name of a client (the real server's), and any other text; what is longer is cut, and the event says so. */
export const MAX_AUDIT_URI_BYTES = 4096
export const MAX_AUDIT_AGENT_BYTES = 1024
export const MAX_AUDIT_TEXT_BYTES = 512
/** Custom resources, and what their definitions may take: as text, and compiled, one and all together. */
export const MAX_DEFINITIONS = 256
export const MAX_DEFINITION_BYTES = 1048576
export const MAX_ALL_DEFINITION_BYTES = 8388608
export const MAX_COMPILED_BYTES = 6291456
export const MAX_ALL_COMPILED_BYTES = 33554432
/** Schemas in a definition, those of properties and alternatives included, and how deep they lie in one another. */
export const MAX_SCHEMAS = 20000
export const MAX_SCHEMA_DEPTH = 64
export const MAX_VERSIONS = 16
/** Of a pattern: each repetition is as many times what it repeats. */
export const MAX_PATTERN_STATES = 4096
/** Of all patterns of a definition. */
export const MAX_PATTERN_BYTES = 131072
/** Short names, and categories, of a definition; keys of a list that is a map. */
export const MAX_SHORT_NAMES = 64
/** Bytes of all roles that are bound and their bindings, as stored and as indexed: above it nobody but owners may do anything. */
export const MAX_RULE_BYTES = 8388608
/** Comparisons of texts that one role or binding may take to be checked against what its writer holds. */
export const MAX_ESCALATION_STEPS = 4000000
/** Of a ServiceAccount's token, as the real server bounds it. */
export const MIN_TOKEN_SECONDS = 600
export const MAX_TOKEN_SECONDS = 4294967296
