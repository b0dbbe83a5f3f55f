/**
 * Admission of a workload, before the engine compiles a byte of it: sections, instructions, imports, exports, and sizes. It is stricter
 * than the engine in what it admits and leaves type checking to it.
 */
import { RefusedError } from '../../errors.ts'
import type { ImageManifest } from '../eif/manifests.ts'
import { valueType, walkExpression } from './opcodes.ts'
import { limited, malformed, unsupported, WasmReader } from './reader.ts'

export const MAX_WORKLOAD_BYTES = 16 * 1024 * 1024
const MAX_TYPES = 10_000
const MAX_PARAMETERS = 64
const MAX_FUNCTIONS = 50_000
const MAX_LOCALS = 10_000
const MAX_GLOBALS = 10_000
const MAX_EXPORTS = 1000
const MAX_SEGMENTS = 10_000
const MAX_CUSTOM_BYTES = 1_048_576

const I32 = 0x7f
const I64 = 0x7e

/** Hypercalls and their types: how many i32 go in, what comes out (assembly/abi/README.md). */
const HYPERCALLS: Record<string, { parameters: number; result: number }> = {
  get: { parameters: 4, result: I32 },
  scan: { parameters: 7, result: I32 },
  put: { parameters: 4, result: I64 },
  delete: { parameters: 2, result: I64 },
  respond: { parameters: 7, result: I32 },
  stream: { parameters: 4, result: I32 },
  now: { parameters: 0, result: I64 },
  time: { parameters: 0, result: I64 },
  settled: { parameters: 1, result: I32 },
  random: { parameters: 2, result: I32 },
  sha256: { parameters: 3, result: I32 },
  hmac: { parameters: 5, result: I32 },
  attest: { parameters: 6, result: I32 },
}

/** Exports the shell calls: parameters and results, all i32. */
const ENTRY_POINTS: Record<string, { parameters: number; results: number; optional: boolean }> = {
  wasmclave_abi: { parameters: 0, results: 1, optional: false },
  allocate: { parameters: 1, results: 1, optional: false },
  handle: { parameters: 3, results: 1, optional: false },
  _start: { parameters: 0, results: 0, optional: true },
  init: { parameters: 0, results: 1, optional: true },
  tick: { parameters: 0, results: 1, optional: true },
  closed: { parameters: 1, results: 0, optional: true },
  drained: { parameters: 1, results: 0, optional: true },
  attested: { parameters: 3, results: 0, optional: true },
}

type FunctionType = { parameters: number[]; results: number[] }
const KIND_FUNCTION = 0
const KIND_MEMORY = 2

/** @throws RefusedError ERR_IMAGE_FORMAT, ERR_IMAGE_FEATURE, ERR_IMAGE_LIMIT, ERR_IMAGE_IMPORT, ERR_IMAGE_EXPORT */
export function admitWorkload(bytes: Uint8Array, manifest: Pick<ImageManifest, 'memory' | 'table' | 'imports'>): void {
  if (bytes.length > MAX_WORKLOAD_BYTES)
    throw limited(0, `${bytes.length} bytes, at most ${MAX_WORKLOAD_BYTES} are admitted`)
  new Admission(bytes, manifest).run()
}

class Admission {
  readonly #reader: WasmReader
  readonly #manifest: Pick<ImageManifest, 'memory' | 'table' | 'imports'>
  readonly #types: FunctionType[] = []
  /** Type of each function, imported ones first. */
  readonly #functions: number[] = []
  #imported = 0
  #memories = 0

  constructor(bytes: Uint8Array, manifest: Pick<ImageManifest, 'memory' | 'table' | 'imports'>) {
    this.#reader = new WasmReader(bytes)
    this.#manifest = manifest
  }

  run(): void {
    const reader = this.#reader
    const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]
    if (magic.some((byte) => reader.byte() !== byte)) throw malformed(0, 'this is no WebAssembly module of version 1')
    let last = 0
    let imports: string[] = []
    let exported = false
    while (!reader.done) {
      const at = reader.at
      const id = reader.byte()
      const section = reader.part(reader.u32())
      if (id === 0) {
        if (section.end - section.at > MAX_CUSTOM_BYTES)
          throw limited(at, `a custom section of ${section.end - section.at} bytes`)
        continue
      }
      // Data count (12) stands between elements (9) and code (10).
      const rank = id === 12 ? 9.5 : id
      if (rank <= last) throw malformed(at, `section ${id} is out of order, or there twice`)
      last = rank
      if (id === 2) imports = this.#imports(section)
      else if (id === 7) {
        this.#exports(section)
        exported = true
      } else this.#section(id, section, at)
      if (!section.done) throw malformed(section.at, `section ${id} has more bytes than it counts`)
    }
    if (!exported) throw exportRefused('there is no export section: memory, allocate and handle are demanded')
    this.#compareImports(imports)
    if (this.#memories !== 1) throw unsupported(0, `${this.#memories} memories, a workload has one of its own`)
  }

  #section(id: number, section: WasmReader, at: number): void {
    switch (id) {
      case 1:
        return this.#typeSection(section)
      case 3: {
        const count = section.count(MAX_FUNCTIONS, 'functions')
        for (let i = 0; i < count; i++) this.#functions.push(this.#typeIndex(section))
        return
      }
      case 4:
        return this.#tables(section)
      case 5:
        return this.#memory(section)
      case 6: {
        const count = section.count(MAX_GLOBALS, 'globals', 2)
        for (let i = 0; i < count; i++) {
          valueType(section)
          section.skip(1)
          walkExpression(section)
        }
        return
      }
      case 8:
        throw unsupported(at, 'a start section: code would run before the workload is called')
      case 9:
        return this.#elements(section)
      case 10:
        return this.#code(section)
      case 11:
        return this.#data(section)
      case 12:
        section.u32()
        return
      default:
        throw unsupported(at, `section ${id} is not admitted`)
    }
  }

  #typeSection(section: WasmReader): void {
    const count = section.count(MAX_TYPES, 'types', 3)
    for (let i = 0; i < count; i++) {
      const at = section.at
      if (section.byte() !== 0x60) throw unsupported(at, 'a type that is no function type')
      this.#types.push({ parameters: this.#valueTypes(section), results: this.#valueTypes(section) })
    }
  }

  #valueTypes(section: WasmReader): number[] {
    const count = section.count(MAX_PARAMETERS, 'parameters or results')
    return Array.from({ length: count }, () => valueType(section))
  }

  #typeIndex(section: WasmReader): number {
    const at = section.at
    const index = section.u32()
    if (index >= this.#types.length) throw malformed(at, `type ${index} of ${this.#types.length}`)
    return index
  }

  #imports(section: WasmReader): string[] {
    const count = section.count(Object.keys(HYPERCALLS).length, 'imports', 4)
    return Array.from({ length: count }, () => {
      const at = section.at
      const module = section.name()
      const name = section.name()
      const kind = section.byte()
      if (module !== 'kernel')
        throw importRefused(
          `byte ${at}: ${JSON.stringify(module)}.${JSON.stringify(name)}; there is only the module kernel`,
        )
      const call = Object.hasOwn(HYPERCALLS, name) ? HYPERCALLS[name] : undefined
      if (call === undefined || kind !== KIND_FUNCTION)
        throw importRefused(`byte ${at}: the kernel has no call ${JSON.stringify(name)}`)
      const index = this.#typeIndex(section)
      const type = this.#types[index] as FunctionType
      const fits =
        type.parameters.length === call.parameters &&
        type.parameters.every((parameter) => parameter === I32) &&
        type.results.length === 1 &&
        type.results[0] === call.result
      if (!fits)
        throw importRefused(
          `byte ${at}: ${name} takes ${call.parameters} i32 and gives one ${call.result === I32 ? 'i32' : 'i64'}`,
        )
      this.#functions.push(index)
      this.#imported++
      return name
    })
  }

  #compareImports(found: string[]): void {
    const sorted = [...found].sort()
    if (sorted.join() !== this.#manifest.imports.join())
      throw importRefused(
        `imports ${sorted.join(', ') || 'nothing'}, its manifest says ${this.#manifest.imports.join(', ') || 'nothing'}`,
      )
  }

  #tables(section: WasmReader): void {
    const count = section.count(1, 'tables', 3)
    for (let i = 0; i < count; i++) {
      const at = section.at
      if (section.byte() !== 0x70) throw unsupported(at, 'a table of other than functions')
      const flags = section.byte()
      if (flags !== 0 && flags !== 1) throw unsupported(at, `table flags ${flags}`)
      const initial = section.u32()
      const maximum = flags === 1 ? section.u32() : initial
      const most = this.#manifest.table.maxElements
      if (initial > most || (flags === 1 && maximum > most))
        throw limited(at, `a table of ${Math.max(initial, maximum)} elements, its manifest says ${most}`)
    }
  }

  #memory(section: WasmReader): void {
    const at = section.at
    this.#memories = section.u32()
    if (this.#memories > 1) throw unsupported(at, `${this.#memories} memories`)
    for (let i = 0; i < this.#memories; i++) {
      const flags = section.byte()
      if (flags === 0) throw limited(at, 'a memory without a maximum')
      if (flags !== 1) throw unsupported(at, `memory flags ${flags}: neither shared nor 64-bit memories are admitted`)
      const initial = section.u32()
      const maximum = section.u32()
      const most = this.#manifest.memory.maxPages
      if (initial > maximum || maximum > most)
        throw limited(at, `a memory of ${initial} to ${maximum} pages, its manifest says at most ${most}`)
    }
  }

  #exports(section: WasmReader): void {
    const count = section.count(MAX_EXPORTS, 'exports', 3)
    const seen = new Map<string, { kind: number; index: number }>()
    for (let i = 0; i < count; i++) {
      const name = section.name()
      const kind = section.byte()
      const index = section.u32()
      if (name === '__proto__' || seen.has(name)) throw exportRefused(`export ${JSON.stringify(name)}`)
      seen.set(name, { kind, index })
    }
    const memory = seen.get('memory')
    if (memory?.kind !== KIND_MEMORY) throw exportRefused('its memory is not exported as "memory"')
    for (const [name, entry] of Object.entries(ENTRY_POINTS)) {
      const found = seen.get(name)
      if (found === undefined) {
        if (!entry.optional) throw exportRefused(`${name} is not exported`)
        continue
      }
      const type = found.kind === KIND_FUNCTION ? this.#types[this.#functions[found.index] ?? -1] : undefined
      const fits =
        type !== undefined &&
        type.parameters.length === entry.parameters &&
        type.results.length === entry.results &&
        [...type.parameters, ...type.results].every((each) => each === I32)
      if (!fits) throw exportRefused(`${name} takes ${entry.parameters} i32 and gives ${entry.results}`)
    }
  }

  #elements(section: WasmReader): void {
    const count = section.count(MAX_SEGMENTS, 'element segments')
    for (let i = 0; i < count; i++) {
      const at = section.at
      // Flags 0: active in table 0, function indices. The others need reference types or other tables.
      if (section.u32() !== 0) throw unsupported(at, 'an element segment other than active ones of table 0')
      walkExpression(section)
      const functions = section.count(this.#manifest.table.maxElements, 'elements')
      for (let j = 0; j < functions; j++) section.u32()
    }
  }

  #code(section: WasmReader): void {
    const count = section.count(MAX_FUNCTIONS, 'bodies', 3)
    if (count !== this.#functions.length - this.#imported)
      throw malformed(section.at, `${count} bodies for ${this.#functions.length - this.#imported} functions`)
    for (let i = 0; i < count; i++) {
      const body = section.part(section.u32())
      const groups = body.count(MAX_LOCALS, 'groups of locals', 2)
      let locals = 0
      for (let j = 0; j < groups; j++) {
        const at = body.at
        locals += body.u32()
        if (locals > MAX_LOCALS) throw limited(at, `${locals} locals, at most ${MAX_LOCALS} are admitted`)
        valueType(body)
      }
      walkExpression(body)
      if (!body.done) throw malformed(body.at, 'a body has bytes behind its end')
    }
  }

  #data(section: WasmReader): void {
    const count = section.count(MAX_SEGMENTS, 'data segments')
    for (let i = 0; i < count; i++) {
      const at = section.at
      const flags = section.u32()
      if (flags > 1) throw unsupported(at, 'a data segment of another memory')
      if (flags === 0) walkExpression(section)
      section.skip(section.u32())
    }
  }
}

function importRefused(message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_IMPORT', `workload.wasm: ${message}`)
}

function exportRefused(message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_EXPORT', `workload.wasm: ${message}`)
}
