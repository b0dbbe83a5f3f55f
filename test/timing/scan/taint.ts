/**
 * Abstract interpretation of a module, from its exports inwards: which branches, addresses and divisions may depend on a secret.
 * Parameters are public numbers or pointers, what they point at is secret unless declared public, and so is all static memory that is
 * ever written. Calls are followed with the arguments they have. It knows nothing of bounds: a store out of its region is not seen.
 */
import type { Instruction, ModuleFunction, ModuleText } from './module-text.ts'
import { accessOf, operatorOf } from './operators.ts'
import { copy, dead, type Label, leave, meet, type State, sameState, target } from './state.ts'
import { combine, constantOf, join, keyOf, PUBLIC, pointerInto, same, secretFrom, type Value } from './value.ts'

export type FindingKind =
  | 'branch'
  | 'select'
  | 'address'
  | 'length'
  | 'division'
  | 'indirect call'
  | 'leak into public memory'
/** `origins` are loads, as `fingerprint:site`, whose values decide it. */
export type Finding = {
  fingerprint: string
  site: number
  kind: FindingKind
  op: string
  exports: string[]
  origins: string[]
}

export type Assumptions = {
  /** Exports that handle no secret at all. */
  exempt: readonly string[]
  /** Parameters that point at memory without secrets, by position. */
  publicPointers: Record<string, number[]>
  /** Loads, as `fingerprint:site`, of public values that stand beside secrets: counts, identifiers. */
  publicLoads: ReadonlySet<string>
}

const NONE: Assumptions = { exempt: [], publicPointers: {}, publicLoads: new Set() }

type Frame = { function: ModuleFunction; labels: Label[] }

export type Scan = {
  findings: Finding[]
  /** Of the public loads that were assumed, those that were met and would have been secret. */
  usedLoads: Set<string>
}

export function scan(module: ModuleText, assumptions: Partial<Assumptions> = {}): Scan {
  const { exempt, publicPointers, publicLoads } = { ...NONE, ...assumptions }
  const scanner = new Scanner(module, publicLoads)
  // What an export stores in globals and static memory may change what another was seen to do.
  do {
    scanner.changed = false
    for (const [name, index] of module.exports)
      if (!exempt.includes(name)) scanner.export(name, index, publicPointers[name] ?? [])
  } while (scanner.changed)
  return { findings: scanner.findings, usedLoads: scanner.usedLoads }
}

class Scanner {
  readonly #module: ModuleText
  readonly #publicLoads: ReadonlySet<string>
  readonly #found = new Map<string, Finding>()
  readonly #globals: Value[]
  readonly #written: Set<number> = new Set()
  #memo = new Map<string, Value[]>()
  #active = new Set<number>()
  #public = new Set<string>()
  #exported = ''
  changed = false
  readonly usedLoads = new Set<string>()

  constructor(module: ModuleText, publicLoads: ReadonlySet<string>) {
    this.#module = module
    this.#publicLoads = publicLoads
    this.#globals = module.globals.map((value) => (value === null ? PUBLIC : constantOf(value)))
  }

  get findings(): Finding[] {
    return [...this.#found.values()]
  }

  export(name: string, index: number, publicPointers: number[]): void {
    const entry = this.#module.functions[index] as ModuleFunction
    const parameters = Array.from({ length: entry.parameters }, (_, position) => pointerInto(`${name}.${position}`))
    this.#exported = name
    this.#public = new Set(publicPointers.map((position) => `${name}.${position}`))
    this.#memo = new Map()
    this.#call(entry, parameters)
  }

  #call(callee: ModuleFunction, parameters: Value[]): Value[] {
    const key = `${callee.index}(${parameters.map(keyOf)})`
    const known = this.#memo.get(key)
    if (known !== undefined) return known
    if (this.#active.has(callee.index))
      return new Array(callee.results).fill(secretFrom(`${callee.fingerprint}:recursion`))
    this.#active.add(callee.index)
    const locals = [...parameters, ...new Array<Value>(callee.locals).fill(constantOf(0))]
    const whole: Label = { results: callee.results, height: 0, state: undefined }
    const frame: Frame = { function: callee, labels: [whole] }
    const state = this.#run(frame, callee.body, { locals, stack: [], live: true })
    leave(whole, state)
    const results = whole.state?.stack ?? new Array(callee.results).fill(PUBLIC)
    this.#active.delete(callee.index)
    this.#memo.set(key, results)
    return results
  }

  #run(frame: Frame, body: readonly Instruction[], state: State): State {
    for (const instruction of body) {
      if (!state.live) break
      this.#step(frame, instruction, state)
    }
    return state
  }

  #step(frame: Frame, instruction: Instruction, state: State): void {
    const { op, immediates } = instruction
    const { stack, locals } = state
    const first = Number(immediates[0])
    const note = (kind: FindingKind, ...values: Value[]) => {
      for (const value of values) if (value.secret) this.#note(frame, instruction, kind, value)
    }
    switch (op) {
      case 'local.get':
        stack.push(locals[first] as Value)
        return
      case 'local.set':
        locals[first] = pop(stack)
        return
      case 'local.tee':
        locals[first] = stack.at(-1) as Value
        return
      case 'global.get':
        stack.push(this.#globals[first] as Value)
        return
      case 'global.set':
        this.#setGlobal(first, pop(stack))
        return
      case 'block':
      case 'loop':
      case 'if':
        this.#structured(frame, instruction, state, note)
        return
      case 'br':
        leave(target(frame.labels, first), state)
        state.live = false
        return
      case 'br_if':
        note('branch', pop(stack))
        leave(target(frame.labels, first), state)
        return
      case 'br_table':
        note('branch', pop(stack))
        for (const label of immediates) leave(target(frame.labels, Number(label)), state)
        state.live = false
        return
      case 'return':
        leave(frame.labels[0] as Label, state)
        state.live = false
        return
      case 'unreachable':
        state.live = false
        return
      case 'nop':
        return
      case 'drop':
        pop(stack)
        return
      case 'select': {
        // V8 makes a branch of it where the processor has no such move.
        note('select', pop(stack))
        stack.push(join(pop(stack), pop(stack)))
        return
      }
      case 'call': {
        const callee = this.#module.functions[first] as ModuleFunction
        stack.push(...this.#call(callee, stack.splice(stack.length - callee.parameters)))
        return
      }
      case 'memory.size':
        stack.push(PUBLIC)
        return
      case 'memory.grow':
        note('length', pop(stack))
        stack.push(PUBLIC)
        return
      case 'memory.copy': {
        const [length, from, to] = [pop(stack), pop(stack), pop(stack)]
        note('length', length)
        note('address', from, to)
        this.#write(frame, instruction, to, 0, this.#contents(frame, instruction, from, 0))
        return
      }
      case 'memory.fill': {
        const [length, value, to] = [pop(stack), pop(stack), pop(stack)]
        note('length', length)
        note('address', to)
        this.#write(frame, instruction, to, 0, value)
        return
      }
    }
    const access = accessOf(op)
    if (access !== undefined) {
      const offset = Number(/offset=(\d+)/.exec(immediates.join(' '))?.[1] ?? 0)
      const vector = access.kind === 'store' || access.lane ? pop(stack) : PUBLIC
      const address = pop(stack)
      note('address', address)
      if (access.kind === 'store') this.#write(frame, instruction, address, offset, vector)
      else stack.push(join(this.#contents(frame, instruction, address, offset), { ...vector, constant: null }))
      return
    }
    const { pops, pushes, variableTime } = operatorOf(op)
    const operands = stack.splice(stack.length - pops)
    if (variableTime) note('division', ...operands)
    if (pushes === 1) stack.push(pops === 0 ? constant(op, immediates) : combine(op, operands))
  }

  #structured(
    frame: Frame,
    { op, body, otherwise, results }: Instruction,
    state: State,
    note: (kind: FindingKind, value: Value) => void,
  ): void {
    const condition = op === 'if' ? pop(state.stack) : PUBLIC
    note('branch', condition)
    const label: Label = {
      results: op === 'loop' ? 0 : results,
      height: state.stack.length,
      state: undefined,
    }
    frame.labels.push(label)
    let after: State
    if (op === 'loop') {
      let head = copy(state)
      for (;;) {
        label.state = undefined
        after = this.#run(frame, body, copy(head))
        const again = label.state as State | undefined
        if (again === undefined) break
        const joined = meet(head, again)
        if (sameState(joined, head)) break
        head = joined
      }
    } else if (op === 'block') {
      leave(label, this.#run(frame, body, copy(state)))
      after = label.state ?? dead(state)
    } else {
      const taken = condition.secret ? null : condition.constant
      if (taken !== 0) leave(label, this.#run(frame, body, copy(state)))
      if (taken === null || taken === 0) leave(label, this.#run(frame, otherwise, copy(state)))
      after = label.state ?? dead(state)
    }
    frame.labels.pop()
    state.locals = after.locals
    state.stack.splice(0, state.stack.length, ...after.stack)
    state.live = after.live
  }

  #contents(frame: Frame, { site }: Instruction, address: Value, offset: number): Value {
    const origin = `${frame.function.fingerprint}:${site}`
    const segment = address.regions.length > 0 ? undefined : this.#segmentAt((address.constant ?? 0) + offset)
    const open =
      address.regions.length > 0
        ? address.regions.every((region) => this.#public.has(region))
        : segment !== undefined && !this.#written.has(segment)
    if (open) return PUBLIC
    if (!this.#publicLoads.has(origin)) return secretFrom(origin)
    this.usedLoads.add(origin)
    return PUBLIC
  }

  #write(frame: Frame, instruction: Instruction, address: Value, offset: number, value: Value): void {
    if (value.secret && address.regions.some((region) => this.#public.has(region)))
      this.#note(frame, instruction, 'leak into public memory', value)
    if (address.regions.length > 0) return
    const segment = this.#segmentAt((address.constant ?? 0) + offset)
    if (segment === undefined || this.#written.has(segment)) return
    this.#written.add(segment)
    this.changed = true
  }

  #segmentAt(address: number): number | undefined {
    const index = this.#module.segments.findIndex(({ from, to }) => address >= from && address < to)
    return index < 0 ? undefined : index
  }

  #setGlobal(index: number, value: Value): void {
    const joined = join(this.#globals[index] as Value, value)
    if (same(joined, this.#globals[index] as Value)) return
    this.#globals[index] = joined
    this.changed = true
  }

  #note(frame: Frame, { site, op }: Instruction, kind: FindingKind, value: Value): void {
    const { fingerprint } = frame.function
    const key = `${fingerprint} ${site} ${kind}`
    const found = this.#found.get(key) ?? { fingerprint, site, kind, op, exports: [], origins: [] }
    if (!found.exports.includes(this.#exported)) found.exports.push(this.#exported)
    found.origins = [...new Set([...found.origins, ...value.origins])].sort()
    this.#found.set(key, found)
  }
}

function constant(op: string, immediates: string[]): Value {
  return op === 'i32.const' ? constantOf(Number(immediates[0]) | 0) : PUBLIC
}

function pop(stack: Value[]): Value {
  const value = stack.pop()
  if (value === undefined) throw new Error('the stack is empty: an instruction was misread')
  return value
}
