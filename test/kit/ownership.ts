// A model of who owns what: fields as flat names, sets of them by manager, the rules of
// https://kubernetes.io/docs/reference/using-api/server-side-apply and nothing of how the workload keeps them.
import type { Answered } from './kubernetes.ts'

/** A map, a set or a list by keys: its entries are owned one by one. A scalar or an atomic list is one field. */
export type Group = { path: string[]; entries: string[]; kind: 'map' | 'set' | 'list' }
export type Kind = { kind: string; resource: string; groups: Group[]; fields: { path: string[]; values: unknown[] }[] }

/** Field to value; an entry of a group is `group/entry`. What is said to be empty has null. */
export type Values = Map<string, unknown>
type Owners = Map<string, Set<string>>
export const join = (path: string[]) => path.join('.')
const groupOf = (field: string) => (field.includes('/') ? field.slice(0, field.indexOf('/')) : undefined)
export const entry = (group: Group, name: string) => `${join(group.path)}/${name}`
export const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

export class Ownership {
  values: Values = new Map()
  owners: Owners = new Map()

  /** Everything that is in an object: groups are there as long as anything is in them. */
  private static all(values: Values): Map<string, unknown> {
    const all = new Map(values)
    for (const field of values.keys()) {
      const group = groupOf(field)
      if (group !== undefined) all.set(group, '')
    }
    return all
  }

  private static compare(before: Values, after: Values): { taken: Set<string>; gone: Set<string> } {
    const [old, now] = [Ownership.all(before), Ownership.all(after)]
    return {
      taken: new Set([...now.keys()].filter((field) => !old.has(field) || !same(old.get(field), now.get(field)))),
      gone: new Set([...old.keys()].filter((field) => !now.has(field))),
    }
  }

  private disown(taken: Set<string>, gone: Set<string>): void {
    for (const [manager, fields] of this.owners) {
      for (const field of [...taken, ...gone]) fields.delete(field)
      if (fields.size === 0) this.owners.delete(manager)
    }
  }

  update(manager: string, after: Values, creating = false): void {
    if (creating || this.owners.size > 0) {
      const { taken, gone } = Ownership.compare(this.values, after)
      this.disown(taken, gone)
      const name = `${manager} Update`
      if (taken.size > 0) this.owners.set(name, new Set([...(this.owners.get(name) ?? []), ...taken]))
    }
    this.values = new Map(after)
  }

  /** @returns false for a conflict */
  apply(manager: string, config: Values, force: boolean): boolean {
    const name = `${manager} Apply`
    const owned: Owners = new Map([...this.owners].map(([each, fields]) => [each, new Set(fields)]))
    if (owned.size === 0 && this.values.size > 0)
      owned.set('before-first-apply Update', new Set(Ownership.all(this.values).keys()))
    const last = owned.get(name) ?? new Set()
    const said = new Set(config.keys())
    const others = [...owned].filter(([each]) => each !== name)
    const after = new Map(this.values)
    const emptied = new Set<string>()
    for (const [field, value] of config) {
      if (value !== null) after.set(field, value)
      else if (after.delete(field)) emptied.add(field)
    }
    const kept = new Set([...said, ...others.flatMap(([, fields]) => [...fields])])
    const isKept = (group: string) => [...kept].some((field) => field === group || groupOf(field) === group)
    for (const field of last) if (!kept.has(field)) after.delete(field)
    for (const group of new Set([...last].map((field) => groupOf(field) ?? field)))
      if (!isKept(group)) for (const field of [...after.keys()]) if (groupOf(field) === group) after.delete(field)
    const { taken, gone } = Ownership.compare(this.values, after)
    const wanted = new Set([...taken, ...[...gone].filter((field) => emptied.has(field))])
    if (!force && others.some(([, fields]) => [...fields].some((field) => wanted.has(field)))) return false
    this.owners = owned
    this.owners.delete(name)
    this.disown(taken, gone)
    if (said.size > 0) this.owners.set(name, said)
    this.values = after
    return true
  }
}

export function put(object: Answered, path: string[], value: unknown): void {
  let into = object
  for (const part of path.slice(0, -1)) into = into[part] ??= {}
  into[path.at(-1) as string] = value
}

export function objectOf(kind: Kind, values: Values): Answered {
  const object = { apiVersion: 'v1', kind: kind.kind, metadata: { name: 'o' } }
  for (const group of kind.groups) {
    if (values.get(join(group.path)) === null) put(object, group.path, group.kind === 'map' ? {} : [])
    const there = group.entries.filter((name) => values.has(entry(group, name)))
    if (there.length === 0) continue
    if (group.kind === 'map')
      put(object, group.path, Object.fromEntries(there.map((name) => [name, values.get(entry(group, name))])))
    else if (group.kind === 'set') put(object, group.path, there)
    else
      put(
        object,
        group.path,
        there.map((name) => ({ name, namespace: values.get(entry(group, name)) })),
      )
  }
  for (const { path } of kind.fields) {
    if (values.has(join(path))) put(object, path, values.get(join(path)) ?? [])
  }
  return object
}

export function valuesOf(kind: Kind, object: Answered): Values {
  const values: Values = new Map()
  const at = (path: string[]) => path.reduce((node, part) => node?.[part], object)
  for (const group of kind.groups) {
    const found = at(group.path)
    if (group.kind === 'map')
      for (const [name, value] of Object.entries(found ?? {})) values.set(entry(group, name), value)
    else if (group.kind === 'set') for (const name of found ?? []) values.set(entry(group, name), 'in')
    else for (const { name, namespace } of found ?? []) values.set(entry(group, name), namespace)
  }
  for (const { path } of kind.fields) if (at(path) !== undefined) values.set(join(path), at(path))
  return values
}

/** A set of FieldsV1 as flat names. */
export function flat(kind: Kind, fields: Answered): string[] {
  const names: string[] = []
  const walk = (node: Answered, path: string[]): void => {
    const keys = Object.keys(node)
    if (path.length > 0 && (keys.length === 0 || keys.includes('.'))) names.push(nameOf(kind, path))
    for (const key of keys) if (key !== '.') walk(node[key], [...path, key])
  }
  walk(fields, [])
  return names.sort()
}

function nameOf(kind: Kind, path: string[]): string {
  const group = kind.groups.find(
    (each) => each.path.length === path.length - 1 && each.path.every((part, i) => path[i] === `f:${part}`),
  )
  const text = path.at(-1) as string
  if (group === undefined) return path.map((part) => part.slice(2)).join('.')
  if (text.startsWith('f:')) return entry(group, text.slice(2))
  const value = JSON.parse(text.slice(2))
  return entry(group, typeof value === 'string' ? value : value.name)
}
