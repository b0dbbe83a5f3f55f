// Random writes of several managers, against a model of who owns what (kit/ownership.ts).
import t from 'tap'
import { type Answered, APPLY_PATCH, DEFAULT, KubernetesShell, MERGE_PATCH, owners } from '../kit/kubernetes.ts'
import {
  entry,
  flat,
  type Group,
  join,
  type Kind,
  Ownership,
  objectOf,
  put,
  same,
  type Values,
  valuesOf,
} from '../kit/ownership.ts'
import { firstSeed, Seeded } from '../kit/seeded.ts'

const LABELS: Group = { path: ['metadata', 'labels'], entries: ['l0', 'l1', 'x.io/l'], kind: 'map' }
const FINALIZERS: Group = { path: ['metadata', 'finalizers'], entries: ['x/f0', 'x/f1', 'x/f2'], kind: 'set' }
const KINDS: Kind[] = [
  {
    kind: 'ConfigMap',
    resource: 'configmaps',
    groups: [LABELS, FINALIZERS, { path: ['data'], entries: ['a', 'b', 'c', 'd'], kind: 'map' }],
    fields: [],
  },
  {
    kind: 'ServiceAccount',
    resource: 'serviceaccounts',
    groups: [LABELS, FINALIZERS, { path: ['secrets'], entries: ['s0', 's1', 's2'], kind: 'list' }],
    fields: [
      { path: ['imagePullSecrets'], values: [[{ name: 'p' }], [{ name: 'q' }, { name: 'p' }], []] },
      { path: ['automountServiceAccountToken'], values: [true, false] },
    ],
  },
]
const MANAGERS = ['m1', 'm2', 'm3']
const STEPS = 60
const RUNS = 25

const first = firstSeed(20251125)
const sorted = (map: Map<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

for (const kind of KINDS)
  t.test(`owns fields of a ${kind.kind} as the model does`, async (t) => {
    const counts = { create: 0, apply: 0, conflict: 0, update: 0, patch: 0, same: 0, reset: 0 }
    for (let run = 0; run < RUNS; run++) {
      const random = new Seeded(first + run)
      const pick = <T>(list: readonly T[]): T => random.pick(list)
      const path = `${DEFAULT}/${kind.resource}/o`
      const draw = (share: number, empties: boolean): Values => {
        const values: Values = new Map()
        for (const group of kind.groups) {
          for (const name of group.entries)
            if (random.chance(share))
              values.set(entry(group, name), group.kind === 'set' ? 'in' : pick(['1', '2', '3']))
          if (
            empties &&
            group.kind === 'map' &&
            random.chance(10) &&
            !group.entries.some((name) => values.has(entry(group, name)))
          )
            values.set(join(group.path), null)
        }
        for (const { path, values: possible } of kind.fields) {
          const value = pick(possible)
          if (!random.chance(share)) continue
          if (!Array.isArray(value) || value.length > 0) values.set(join(path), value)
          else if (empties) values.set(join(path), null)
        }
        return values
      }
      const at = new KubernetesShell()
      const model = new Ownership()
      let lastVersion = ''
      let lastSaid = ''
      for (let step = 0; step < STEPS; step++) {
        at.shell.timeMs += 1000n
        const manager = pick(MANAGERS)
        const chance = random.below(100)
        let reply: { status: number; json: Answered }
        let what: keyof typeof counts
        let wanted = 200
        if (step === 0 && chance < 50) {
          what = 'create'
          const values = draw(40, false)
          reply = at.ask('POST', `${DEFAULT}/${kind.resource}?fieldManager=${manager}`, objectOf(kind, values))
          wanted = 201
          model.update(manager, values, true)
        } else if (step === 0 || chance < 60) {
          what = 'apply'
          const config = draw(30, true)
          const force = random.chance(30)
          const body = objectOf(kind, config)
          reply = at.ask('PATCH', `${path}?fieldManager=${manager}&force=${force}`, body, { type: APPLY_PATCH })
          if (step === 0) wanted = 201
          if (!model.apply(manager, config, force)) {
            what = 'conflict'
            wanted = 409
          }
        } else if (chance < 75) {
          what = 'update'
          const values = random.chance(30) ? new Map(model.values) : draw(40, false)
          reply = at.ask('PUT', `${path}?fieldManager=${manager}`, objectOf(kind, values))
          model.update(manager, values)
        } else if (chance < 97) {
          what = 'patch'
          const values = new Map(model.values)
          const group = pick(kind.groups.filter((each) => each.kind === 'map'))
          const name = pick(group.entries)
          const value = pick([null, '1', '2'])
          if (value === null) values.delete(entry(group, name))
          else values.set(entry(group, name), value)
          const body = {}
          put(body, [...group.path, name], value)
          reply = at.ask('PATCH', `${path}?fieldManager=${manager}`, body, { type: MERGE_PATCH })
          model.update(manager, values)
        } else {
          what = 'reset'
          reply = at.ask('PATCH', path, { metadata: { managedFields: pick([[], [{}]]) } }, { type: MERGE_PATCH })
          model.owners.clear()
        }
        counts[what]++
        const object = at.ask('GET', path).json
        const found = [
          reply.status,
          sorted(valuesOf(kind, object)),
          sorted(new Map(Object.entries(owners(object)).map(([name, fields]) => [name, flat(kind, fields)]))),
        ]
        const expected = [
          wanted,
          sorted(model.values),
          sorted(new Map([...model.owners].map(([name, set]) => [name, [...set].sort()]))),
        ]
        if (!same(found, expected)) {
          t.same(found, expected, `seed ${first + run}, step ${step}: ${what} by ${manager}`)
          return
        }
        // The order of a list is not the model's, and a write all the same
        const { resourceVersion } = object.metadata
        const said = JSON.stringify(object, (key, value) =>
          key === 'resourceVersion' || key === 'time' ? undefined : value,
        )
        if (said === lastSaid) counts.same++
        if (step > 0 && (said === lastSaid) !== (resourceVersion === lastVersion))
          return t.fail(`seed ${first + run}, step ${step}: ${what} ${said === lastSaid ? 'writes' : 'writes nothing'}`)
        lastVersion = resourceVersion
        lastSaid = said
      }
    }
    t.comment(JSON.stringify(counts))
    for (const [what, count] of Object.entries(counts)) t.ok(count > 10, `${what} came about ${count} times`)
  })
