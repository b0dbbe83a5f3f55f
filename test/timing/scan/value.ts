// What the scan knows of a value: whether a secret is in it, which memory it may point into, and its constant where it has one.
export type Value = {
  readonly secret: boolean
  /** Regions it may point into; sorted. Empty: static memory, or no pointer at all. */
  readonly regions: readonly string[]
  readonly constant: number | null
  /** Loads that the secret came from, or some of them: for who reads the finding. */
  readonly origins: readonly string[]
}

/** More would not be read. */
const MAX_ORIGINS = 6

export const PUBLIC: Value = { secret: false, regions: [], constant: null, origins: [] }

export function secretFrom(origin: string): Value {
  return { ...PUBLIC, secret: true, origins: [origin] }
}

export function constantOf(value: number): Value {
  return { ...PUBLIC, constant: value }
}

export function pointerInto(region: string): Value {
  return { ...PUBLIC, regions: [region] }
}

/** Of two paths that meet. */
export function join(a: Value, b: Value): Value {
  if (a === b) return a
  const constant = a.constant === b.constant ? a.constant : null
  const origins = union(a.origins, b.origins).slice(0, MAX_ORIGINS)
  return { secret: a.secret || b.secret, regions: union(a.regions, b.regions), constant, origins }
}

/** Of an operator's result: a pointer plus anything still points there. */
export function combine(op: string, operands: readonly Value[]): Value {
  let all = operands[0] as Value
  for (const each of operands.slice(1)) all = { ...join(all, each), constant: null }
  const [a, b] = operands.map((each) => each.constant)
  if (a == null || (operands.length === 2 && b == null)) return { ...all, constant: null }
  return { ...all, constant: folded(op, a, b ?? 0) }
}

// As far as addresses and counters need it.
function folded(op: string, a: number, b: number): number | null {
  if (op === 'i32.add') return (a + b) | 0
  if (op === 'i32.sub') return (a - b) | 0
  if (op === 'i32.eqz') return Number(a === 0)
  return null
}

/** Origins are no part of what is known: they do not make two values differ. */
export function same(a: Value, b: Value): boolean {
  return keyOf(a) === keyOf(b)
}

export function keyOf({ secret, regions, constant }: Value): string {
  return `${Number(secret)}${regions.join('+')}${constant ?? '?'}`
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  if (a.length === 0 || a === b) return b
  return b.length === 0 ? a : [...new Set([...a, ...b])].sort()
}
