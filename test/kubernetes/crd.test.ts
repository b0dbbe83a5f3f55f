// Definitions of custom resources: what one has to be, what it is served as, and how it ends. Texts are those of apiextensions' validation.
import t from 'tap'
import {
  MAX_DEFINITION_BYTES,
  MAX_DEFINITIONS,
  MAX_SCHEMA_DEPTH,
  MAX_SCHEMAS,
  MAX_VERSIONS,
} from '../../assembly/workloads/kubernetes/limits.ts'
import {
  CRON_TABS,
  cronTab,
  cronTabs,
  DEFINITIONS,
  GROUP,
  objectSchema,
  withCronTabs,
} from '../kit/custom-resources.ts'
import { type Answered, events, KubernetesShell, MERGE_PATCH, shortEvents, TABLE } from '../kit/kubernetes.ts'

const NAME = `crontabs.${GROUP}`
const INVALID = `CustomResourceDefinition.apiextensions.k8s.io "${NAME}" is invalid: `

t.test('establishes a definition at once, and serves what it defines', async (t) => {
  const at = new KubernetesShell()
  t.equal(at.ask('GET', CRON_TABS).status, 404)
  const made = at.demand(201, 'POST', DEFINITIONS, cronTabs())
  t.match(made, {
    metadata: { generation: 1, finalizers: ['customresourcecleanup.apiextensions.k8s.io'] },
    spec: {
      names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', listKind: 'CronTabList' },
      conversion: { strategy: 'None' },
    },
    status: {
      conditions: [
        { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
        {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        },
      ],
      acceptedNames: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', listKind: 'CronTabList' },
      storedVersions: ['v1'],
    },
  })
  t.match(at.demand(200, 'GET', CRON_TABS), { kind: 'CronTabList', apiVersion: `${GROUP}/v1`, items: [] })
  const table = at.ask('GET', DEFINITIONS, undefined, { accept: TABLE }).json
  t.same(
    table.columnDefinitions.map(({ name }: { name: string }) => name),
    ['Name', 'Created At'],
  )
  t.same(table.rows[0].cells, [NAME, made.metadata.creationTimestamp])
})

t.test('rejects a definition with the real answer, and accepts its twin', async (t) => {
  const at = new KubernetesShell()
  const versions = (...names: string[]) => ({
    versions: names.map((name, i) => ({
      name,
      served: true,
      storage: i === 0,
      schema: { openAPIV3Schema: objectSchema({}) },
    })),
  })
  const named = (names: object) => ({ names: { ...cronTabs().spec.names, ...names } })
  const label = (field: string, value: string) =>
    `${field}: Invalid value: "${value}": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`
  const rows: [more: object, message: string][] = [
    [{ scope: 'Universe' }, 'spec.scope: Unsupported value: "Universe": supported values: "Cluster", "Namespaced"'],
    [{ versions: [] }, 'spec.versions: Required value'],
    [versions('V1'), label('spec.versions[0].name', 'V1')],
    [versions('v1', 'v1'), 'spec.versions: Invalid value: ["v1","v1"]: must contain unique version names'],
    [
      { versions: [{ ...versions('v1').versions[0], storage: false }] },
      'spec.versions: Invalid value: ["v1"]: must have exactly one version marked as storage version',
    ],
    [
      { versions: [{ name: 'v1', served: true, storage: true }] },
      'spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required',
    ],
    [named({ shortNames: ['C T'] }), label('spec.names.shortNames[0]', 'C T')],
    [named({ categories: ['All'] }), label('spec.names.categories[0]', 'All')],
    [
      named({ listKind: 'CronTab' }),
      'spec.names.listKind: Invalid value: "CronTab": kind and listKind may not be the same',
    ],
    [
      { conversion: { strategy: 'Webhook', webhook: { conversionReviewVersions: ['v1'] } } },
      'spec.conversion.strategy: Unsupported value: "Webhook": supported values: "None"',
    ],
    [{ preserveUnknownFields: true }, 'spec.preserveUnknownFields: Invalid value: true: must be false'],
  ]
  at.demand(200, 'GET', DEFINITIONS)
  const before = at.stored
  for (const [more, message] of rows) {
    const { status, json } = at.ask('POST', DEFINITIONS, cronTabs({}, {}, more))
    t.same([status, json.reason, json.message], [422, 'Invalid', INVALID + message])
  }
  const other = cronTabs()
  other.metadata.name = 'other.example.com'
  t.equal(
    at.ask('POST', DEFINITIONS, other).json.message,
    'CustomResourceDefinition.apiextensions.k8s.io "other.example.com" is invalid: metadata.name: Invalid value: "other.example.com": must be spec.names.plural+"."+spec.group',
  )
  t.same(at.stored, before, 'nothing of what was refused stays')
  t.equal(at.ask('POST', DEFINITIONS, cronTabs({}, {}, versions('v1', 'v2'))).status, 201, 'the twin')
})

t.test('keeps groups of Kubernetes from whom nobody has approved, and its own from all', async (t) => {
  const at = new KubernetesShell()
  const grouped = (group: string, annotations = {}) => {
    const made = cronTabs({}, {}, { group })
    made.metadata = { name: `crontabs.${group}`, annotations }
    return at.ask('POST', DEFINITIONS, made)
  }
  const approved = { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/enhancements/pull/1111' }
  t.match(grouped('gateway.k8s.io').json.message, /protected groups must have approval annotation/)
  t.equal(grouped('gateway.k8s.io', approved).status, 201, 'its twin')
  t.match(
    grouped('coordination.k8s.io', approved).json.message,
    /spec\.group: Forbidden: this group is the server's own/,
  )
  t.match(grouped('nodot').json.message, /should be a domain with at least one dot/)
})

/** A schema of `spec.x`, and where in a definition of one version it stands. */
const X = 'spec.validation.openAPIV3Schema.properties[spec].properties[x]'

t.test('rejects what is not structural or not served with the real answer, and accepts its twin', async (t) => {
  const at = new KubernetesShell()
  const rows: [schema: object, message: string, twin: object][] = [
    [{}, `${X}.type: Required value: must not be empty for specified object fields`, { type: 'string' }],
    [
      { type: 'array', items: {} },
      `${X}.items.type: Required value: must not be empty for specified array items`,
      { type: 'array', items: { type: 'string' } },
    ],
    [{ type: 'array' }, `${X}.items: Required value: must be specified`, { type: 'array', items: { type: 'integer' } }],
    [
      { type: 'text' },
      `${X}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
      { type: 'string' },
    ],
    [
      { type: 'object', additionalProperties: false },
      `${X}.additionalProperties: Forbidden: additionalProperties cannot be set to false`,
      { type: 'object', additionalProperties: true },
    ],
    [
      { type: 'object', properties: { a: { type: 'string' } }, additionalProperties: { type: 'string' } },
      `${X}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`,
      { type: 'object', additionalProperties: { type: 'string' } },
    ],
    [
      { type: 'array', items: { type: 'string' }, uniqueItems: true },
      `${X}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`,
      { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ],
    [
      { type: 'string', anyOf: [{ type: 'string' }] },
      `${X}.anyOf[0].type: Forbidden: must be empty to be structural`,
      { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
    ],
    [
      { type: 'object', properties: { a: { type: 'string' } }, oneOf: [{ properties: { b: { minLength: 1 } } }] },
      `${X}.oneOf[0].properties[b]: Required value: because it is defined in an alternative`,
      { type: 'object', properties: { a: { type: 'string' } }, oneOf: [{ properties: { a: { minLength: 1 } } }] },
    ],
    [
      { type: 'string', 'x-kubernetes-validations': [{ rule: 'self != "a"' }] },
      `${X}.x-kubernetes-validations: Forbidden: rules in CEL are not evaluated here`,
      { type: 'string', 'x-kubernetes-validations': [] },
    ],
    [{ type: 'string', $ref: '#/definitions/a' }, `${X}.$ref: Forbidden: $ref is not supported`, { type: 'string' }],
    [
      { type: 'integer', default: 'a' },
      `${X}.default: Invalid value: "string": ${X}.default in body must be of type integer: "string"`,
      { type: 'integer', default: 1 },
    ],
    [
      { type: 'object', properties: { a: { type: 'string' } }, default: { b: 1 } },
      `${X}.default: Invalid value: "": must not have unknown fields`,
      { type: 'object', properties: { a: { type: 'string' } }, default: { a: 'x' } },
    ],
    [
      { type: 'string', 'x-kubernetes-list-type': 'set' },
      `${X}.type: Invalid value: "string": must be array if x-kubernetes-list-type is specified`,
      { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    ],
    [
      {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: { type: 'string' } } },
      },
      `${X}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`,
      {
        type: 'array',
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['k'],
        items: { type: 'object', properties: { k: { type: 'string' } }, required: ['k'] },
      },
    ],
    [
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': false },
      `${X}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`,
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    ],
    [
      { type: 'string', minLength: -1 },
      `${X}.minLength: Invalid value: -1: must be greater than or equal to 0`,
      { type: 'string', minLength: 0 },
    ],
  ]
  for (const [schema, message, twin] of rows) {
    const refused = at.ask('POST', DEFINITIONS, cronTabs({ x: schema }))
    t.same([refused.status, refused.json.message], [422, INVALID + message], JSON.stringify(schema))
    t.equal(at.ask('POST', `${DEFINITIONS}?dryRun=All`, cronTabs({ x: twin })).status, 201, JSON.stringify(twin))
  }
  const rooted = (schema: object) =>
    at.ask('POST', `${DEFINITIONS}?dryRun=All`, cronTabs({}, { schema: { openAPIV3Schema: schema } }))
  t.match(rooted({}).json.message, /openAPIV3Schema\.type: Required value: must not be empty at the root/)
  t.match(rooted({ type: 'string' }).json.message, /must be object at the root/)
  t.match(
    rooted({ type: 'object', properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } } })
      .json.message,
    /properties\[metadata\]: Forbidden: must not specify anything other than name and generateName/,
  )
  t.equal(
    rooted({ type: 'object', properties: { metadata: { type: 'object', properties: { name: { type: 'string' } } } } })
      .status,
    201,
  )
})

t.test('rejects columns and selectable fields that lead nowhere', async (t) => {
  const at = new KubernetesShell()
  const tried = (version: object) =>
    at.ask('POST', `${DEFINITIONS}?dryRun=All`, cronTabs({ a: { type: 'string' }, o: { type: 'object' } }, version))
  const column = (column: object) =>
    tried({ additionalPrinterColumns: [{ name: 'A', type: 'string', jsonPath: '.spec.a', ...column }] })
  t.equal(column({}).status, 201)
  for (const [jsonPath, ok] of [
    ['.spec', true],
    ['.metadata.annotations.example\\.com/x', true],
    [".spec['a']", true],
    ['.spec.list[0]', true],
    ['.spec.list[*].name', true],
    ['.status.conditions[?(@.type=="Ready")].status', true],
    ['.status.conditions[?(@.type=="Ready"', false],
    ['spec.a', false],
    ['..a', false],
    ['.spec.list[0:2]', false],
    ['', false],
  ] as const)
    t.equal(column({ jsonPath }).status, ok ? 201 : 422, jsonPath)
  t.match(
    column({ type: 'text' }).json.message,
    /spec\.additionalPrinterColumns\[0\]\.type: Invalid value: "text": must be one of boolean,date,integer,number,string/,
  )
  const selected = (jsonPath: string) => tried({ selectableFields: [{ jsonPath }] })
  t.equal(selected('.spec.a').status, 201)
  t.match(selected('.spec.b').json.message, /does not refer to a valid field/)
  t.match(selected('.spec.o').json.message, /must point to a field of type string, integer or boolean/)
})

t.test('holds the limits of a definition at n - 1, n and n + 1', async (t) => {
  const at = new KubernetesShell()
  const tried = (definition: object) => at.ask('POST', `${DEFINITIONS}?dryRun=All`, definition)
  // Two schemas are there besides: the root and spec; status is a third
  const wide = (count: number) =>
    cronTabs(Object.fromEntries(Array.from({ length: count - 3 }, (_, i) => [`p${i}`, { type: 'string' }])))
  for (const [count, status] of [
    [MAX_SCHEMAS - 1, 201],
    [MAX_SCHEMAS, 201],
    [MAX_SCHEMAS + 1, 422],
  ] as const)
    t.equal(tried(wide(count)).status, status, `${count} schemas`)
  const deep = (depth: number) => {
    let schema: object = { type: 'string' }
    for (let i = 3; i < depth; i++) schema = { type: 'object', properties: { a: schema } }
    return cronTabs({ a: schema })
  }
  for (const [depth, status] of [
    [MAX_SCHEMA_DEPTH - 1, 201],
    [MAX_SCHEMA_DEPTH, 201],
    [MAX_SCHEMA_DEPTH + 1, 422],
  ] as const)
    t.equal(tried(deep(depth)).status, status, `${depth} deep`)
  for (const [count, status] of [
    [MAX_VERSIONS - 1, 201],
    [MAX_VERSIONS, 201],
    [MAX_VERSIONS + 1, 422],
  ] as const) {
    const versions = Array.from({ length: count }, (_, i) => ({
      name: `v${i + 1}`,
      served: true,
      storage: i === 0,
      schema: { openAPIV3Schema: objectSchema({}) },
    }))
    t.equal(tried(cronTabs({}, {}, { versions })).status, status, `${count} versions`)
  }
  const described = (length: number) => tried(cronTabs({ a: { type: 'string', description: 'x'.repeat(length) } }))
  const room = MAX_DEFINITION_BYTES - JSON.stringify(described(0).json).length
  t.equal(described(room - 1000).status, 201)
  t.match(described(room + 1000).json.message, new RegExp(`may take at most ${MAX_DEFINITION_BYTES} bytes`))
})

t.test('takes as many definitions as there may be, and not one more', async (t) => {
  const at = new KubernetesShell()
  const numbered = (i: number) => {
    const made = cronTabs({}, {}, { names: { plural: `p${i}`, kind: `K${i}` } })
    made.metadata.name = `p${i}.${GROUP}`
    return made
  }
  for (let i = 0; i < MAX_DEFINITIONS; i++) at.demand(201, 'POST', DEFINITIONS, numbered(i))
  const refused = at.ask('POST', DEFINITIONS, numbered(MAX_DEFINITIONS))
  t.match(refused.json.message, new RegExp(`spec: Forbidden: there may be at most ${MAX_DEFINITIONS} definitions`))
  at.demand(200, 'DELETE', `${DEFINITIONS}/p0.${GROUP}`)
  at.tick(3)
  t.equal(at.ask('POST', DEFINITIONS, numbered(MAX_DEFINITIONS)).status, 201)
  t.equal(at.demand(200, 'GET', `/apis/${GROUP}/v1`).resources.length, MAX_DEFINITIONS)
})

t.test('lists it in both forms of discovery, under another tag, and explains it', async (t) => {
  const at = new KubernetesShell()
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  const tag = () => at.ask('GET', '/apis', undefined, { accept: aggregated }).headers.etag
  const index = () => at.demand(200, 'GET', '/openapi/v3').paths
  const [first, firstIndex] = [tag(), index()]
  at.demand(
    201,
    'POST',
    DEFINITIONS,
    cronTabs({ size: { type: 'integer', description: 'How large.' } }, { subresources: { status: {} } }),
  )
  t.not(tag(), first)
  const found = at
    .ask('GET', '/apis', undefined, { accept: aggregated })
    .json.items.find(({ metadata }: Answered) => metadata.name === GROUP)
  t.match(found.versions, [
    {
      version: 'v1',
      resources: [
        {
          resource: 'crontabs',
          responseKind: { group: GROUP, version: 'v1', kind: 'CronTab' },
          scope: 'Namespaced',
          singularResource: 'crontab',
          shortNames: ['ct'],
          categories: ['all'],
          subresources: [{ subresource: 'status', verbs: ['get', 'patch', 'update'] }],
        },
      ],
    },
  ])
  t.match(at.demand(200, 'GET', '/apis').groups.at(-1), { name: GROUP, preferredVersion: { version: 'v1' } })
  t.match(at.demand(200, 'GET', `/apis/${GROUP}/v1`).resources, [{ name: 'crontabs' }, { name: 'crontabs/status' }])
  t.equal(firstIndex[`apis/${GROUP}/v1`], undefined)
  const url = index()[`apis/${GROUP}/v1`].serverRelativeURL
  const document = at.demand(200, 'GET', url)
  t.match(document.components.schemas['com.example.stable.v1.CronTab'], {
    properties: {
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
      spec: { properties: { size: { type: 'integer', description: 'How large.' } } },
    },
    'x-kubernetes-group-version-kind': [{ group: GROUP, version: 'v1', kind: 'CronTab' }],
  })
  const definition = at.demand(200, 'GET', `${DEFINITIONS}/${NAME}`)
  definition.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.size.description = 'How small.'
  at.demand(200, 'PUT', `${DEFINITIONS}/${NAME}`, definition)
  t.not(index()[`apis/${GROUP}/v1`].serverRelativeURL, url, 'a changed schema has another hash')
  at.demand(200, 'DELETE', `${DEFINITIONS}/${NAME}`)
  at.tick(3)
  t.equal(tag(), first, 'and it is gone')
  t.same(index(), firstIndex)
})

t.test('serves each version of a definition, and stores one', async (t) => {
  const version = (name: string, served: boolean, storage: boolean) => ({
    name,
    served,
    storage,
    schema: { openAPIV3Schema: objectSchema({ [name]: { type: 'string', default: name } }) },
  })
  const at = withCronTabs(
    {},
    {},
    { versions: [version('v1beta1', true, true), version('v1', true, false), version('v2', false, false)] },
  )
  const path = (name: string) => `/apis/${GROUP}/${name}/namespaces/default/crontabs`
  t.same(
    at.demand(200, 'GET', `/apis/${GROUP}`).versions.map((each: { version: string }) => each.version),
    ['v1', 'v1beta1'],
    'the stable one first',
  )
  const made = at.demand(201, 'POST', path('v1'), cronTab('a', { v1: 'x' }))
  t.match(made, { apiVersion: `${GROUP}/v1`, spec: { v1: 'x' } })
  const beta = at.demand(200, 'GET', `${path('v1beta1')}/a`)
  t.same([beta.apiVersion, beta.spec], [`${GROUP}/v1beta1`, { v1beta1: 'v1beta1' }], 'by its own schema')
  t.equal(beta.metadata.uid, made.metadata.uid)
  t.equal(at.ask('GET', path('v2')).status, 404, 'is not served')
  t.equal(
    at.shell.records.size > 0 &&
      [...at.shell.records.values()].some(({ value }) =>
        Buffer.from(value ?? []).includes(`"apiVersion":"${GROUP}/v1beta1"`),
      ),
    true,
    'is stored as the storage version',
  )
  const again = at.demand(200, 'PUT', `${path('v1')}/a`, at.demand(200, 'GET', `${path('v1')}/a`))
  t.equal(again.metadata.resourceVersion, made.metadata.resourceVersion, 'nothing has changed')
  const moved = at.demand(200, 'GET', `${DEFINITIONS}/${NAME}`)
  moved.spec.versions[0].storage = false
  moved.spec.versions[1].storage = true
  t.same(at.demand(200, 'PUT', `${DEFINITIONS}/${NAME}`, moved).status.storedVersions, ['v1beta1', 'v1'])
  t.same(at.demand(200, 'GET', `${path('v1')}/a`).spec, { v1: 'x' }, 'what was stored by another is still there')
  const dropped = at.demand(200, 'GET', `${DEFINITIONS}/${NAME}`)
  dropped.spec.versions.splice(0, 1)
  t.match(
    at.ask('PUT', `${DEFINITIONS}/${NAME}`, dropped).json.message,
    /status\.storedVersions\[0\]: Invalid value: "v1beta1": must appear in spec\.versions/,
  )
  at.demand(
    200,
    'PATCH',
    `${DEFINITIONS}/${NAME}/status`,
    { status: { storedVersions: ['v1'] } },
    { type: MERGE_PATCH },
  )
  delete dropped.metadata.resourceVersion
  t.equal(at.ask('PUT', `${DEFINITIONS}/${NAME}`, dropped).status, 200, 'its twin')
})

t.test('keeps scope and kind, and lets names that are free be taken', async (t) => {
  const at = withCronTabs()
  const changed = cronTabs({}, {}, { scope: 'Cluster', names: { plural: 'crontabs', kind: 'Other' } })
  t.equal(
    at.ask('PUT', `${DEFINITIONS}/${NAME}`, changed).json.message,
    `${INVALID}[spec.scope: Invalid value: "Cluster": field is immutable, spec.names.kind: Invalid value: "Other": field is immutable]`,
  )
  const named = cronTabs({}, {}, { names: { plural: 'crontabs', kind: 'CronTab', shortNames: ['cron'] } })
  t.same(at.demand(200, 'PUT', `${DEFINITIONS}/${NAME}`, named).status.acceptedNames.shortNames, ['cron'])
  const other = cronTabs({}, {}, { names: { plural: 'others', singular: 'other', kind: 'CronTab' } })
  other.metadata.name = `others.${GROUP}`
  t.match(at.demand(201, 'POST', DEFINITIONS, other).status.conditions, [
    { type: 'NamesAccepted', status: 'False', reason: 'KindConflict', message: '"CronTab" is already in use' },
    { type: 'Established', status: 'False', reason: 'NotAccepted' },
  ])
  const path = `/apis/${GROUP}/v1/namespaces/default/others`
  t.equal(at.ask('GET', path).status, 404, 'is not served')
  at.demand(200, 'DELETE', `${DEFINITIONS}/${NAME}`)
  at.tick(5)
  t.match(at.demand(200, 'GET', `${DEFINITIONS}/others.${GROUP}`).status.conditions, [
    { type: 'NamesAccepted', status: 'True' },
    { type: 'Established', status: 'True' },
  ])
  t.equal(at.ask('GET', path).status, 200, 'once the name is free')
})

t.test('deletes what a definition defines before it goes, and nothing of it comes back', async (t) => {
  const at = withCronTabs()
  for (let i = 0; i < 230; i++) at.demand(201, 'POST', CRON_TABS, cronTab(`c${i}`))
  at.demand(201, 'POST', CRON_TABS, { ...cronTab('held'), metadata: { name: 'held', finalizers: ['x/y'] } })
  const watch = at.watch(DEFINITIONS)
  const objects = at.watch(CRON_TABS)
  events(watch)
  events(objects)
  const gone = at.demand(200, 'DELETE', `${DEFINITIONS}/${NAME}`)
  t.match(gone.metadata.deletionTimestamp, String)
  t.match(gone.status.conditions[2], { type: 'Terminating', status: 'True', reason: 'InstanceDeletionInProgress' })
  const late = at.ask('POST', CRON_TABS, cronTab('late'))
  t.same([late.status, late.json.message], [405, 'create not allowed while custom resource definition is terminating'])
  at.tick(8)
  t.same(
    at.demand(200, 'GET', CRON_TABS).items.map(({ metadata }: Answered) => metadata.name),
    ['held'],
  )
  t.equal(shortEvents(objects).filter((line) => line.startsWith('DELETED')).length, 230)
  at.demand(200, 'PATCH', `${CRON_TABS}/held`, { metadata: { finalizers: null } }, { type: MERGE_PATCH })
  at.tick(3)
  t.same(
    events(watch).map(({ type }) => type),
    ['MODIFIED', 'DELETED'],
  )
  t.equal(at.ask('GET', CRON_TABS).status, 404)
  t.same(
    at.stored.filter((key) => key.startsWith('\xfe')),
    [],
    'nothing of it is left in the store',
  )
  at.demand(201, 'POST', DEFINITIONS, cronTabs())
  t.same(at.demand(200, 'GET', CRON_TABS).items, [])
})

t.test('serves nothing of a definition whose transaction came to nothing', async (t) => {
  const at = new KubernetesShell()
  at.ask('GET', DEFINITIONS)
  at.shell.writesUntilAgain = 1
  t.equal(at.ask('POST', DEFINITIONS, cronTabs()).status, 500, 'the call is to run again')
  at.shell.writesUntilAgain = Number.POSITIVE_INFINITY
  t.equal(at.ask('GET', CRON_TABS).status, 404)
  t.equal(at.demand(200, 'GET', DEFINITIONS).items.length, 0)
  // A transaction that was answered, and then was lost with the store's
  const kept = new Map(at.shell.records)
  at.demand(201, 'POST', DEFINITIONS, cronTabs())
  at.shell.records.clear()
  for (const [key, value] of kept) at.shell.records.set(key, value)
  at.shell.lost = at.shell.version
  t.equal(at.ask('GET', CRON_TABS).status, 404)
  at.demand(201, 'POST', DEFINITIONS, cronTabs())
  t.equal(at.ask('GET', CRON_TABS).status, 200, 'its twin is durable')
})

t.test('has all again from the store, objects and definitions', async (t) => {
  const at = withCronTabs({ size: { type: 'integer' } })
  at.demand(201, 'POST', CRON_TABS, cronTab('a', { size: 3 }))
  const again = new KubernetesShell()
  again.shell.records = at.shell.records
  again.shell.version = at.shell.version
  t.match(again.demand(200, 'GET', `${CRON_TABS}/a`), { spec: { size: 3 } })
  t.equal(again.ask('POST', CRON_TABS, cronTab('b', { size: 'x' })).status, 422)
})
