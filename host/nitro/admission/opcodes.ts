/**
 * The instructions that are admitted, and what follows each: WebAssembly 2.0 without reference types. Everything else is refused by
 * absence: exceptions, threads, tail calls, GC, relaxed SIMD, memory64 and whatever comes later.
 */
import { limited, malformed, unsupported, type WasmReader } from './reader.ts'

const MAX_NESTING = 1000
const MAX_BRANCHES = 10_000

/** Immediates of one-byte instructions. */
const NONE = 0
const BLOCK = 1
const INDEX = 2
const MEMORY = 3
const I32 = 4
const I64 = 5
const SPECIAL = 6

const PLAIN = new Map<number, number>()
const put = (kind: number, from: number, to = from) => {
  for (let opcode = from; opcode <= to; opcode++) PLAIN.set(opcode, kind)
}
put(NONE, 0x00, 0x01) // unreachable, nop
put(BLOCK, 0x02, 0x04) // block, loop, if
put(NONE, 0x05) // else
put(SPECIAL, 0x0b) // end
put(INDEX, 0x0c, 0x0d) // br, br_if
put(SPECIAL, 0x0e) // br_table
put(NONE, 0x0f) // return
put(INDEX, 0x10) // call
put(SPECIAL, 0x11) // call_indirect
put(NONE, 0x1a, 0x1b) // drop, select
put(SPECIAL, 0x1c) // select t
put(INDEX, 0x20, 0x24) // local.get … global.set
put(MEMORY, 0x28, 0x3e) // loads and stores
put(SPECIAL, 0x3f, 0x40) // memory.size, memory.grow
put(I32, 0x41) // i32.const
put(I64, 0x42) // i64.const
put(SPECIAL, 0x43, 0x44) // f32.const, f64.const
put(NONE, 0x45, 0xc4) // comparison, arithmetic, conversion, sign extension
put(SPECIAL, 0xfc, 0xfd) // saturating conversion and bulk memory; SIMD

/** i8x16.relaxed_swizzle is 0x100: relaxed SIMD begins there. */
const RELAXED_SIMD = 0x100
/** Holes in the SIMD space, WebAssembly 2.0 section 5.4.9. */
const NO_SIMD = new Set([
  0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb, 0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2,
  0xee,
])

/** Walks a function body or constant expression to its `end`. */
export function walkExpression(reader: WasmReader): void {
  let depth = 1
  while (depth > 0) {
    const at = reader.at
    const opcode = reader.byte()
    switch (PLAIN.get(opcode)) {
      case NONE:
        break
      case BLOCK:
        reader.skipSigned(33)
        if (++depth > MAX_NESTING) throw limited(at, `blocks nested ${depth} deep, at most ${MAX_NESTING} are admitted`)
        break
      case INDEX:
        reader.u32()
        break
      case MEMORY:
        memoryArgument(reader)
        break
      case I32:
        reader.skipSigned(32)
        break
      case I64:
        reader.skipSigned(64)
        break
      case SPECIAL:
        if (opcode === 0x0b) depth--
        else special(reader, opcode, at)
        break
      default:
        throw unsupported(at, `instruction 0x${opcode.toString(16)} is not admitted`)
    }
  }
}

function special(reader: WasmReader, opcode: number, at: number): void {
  switch (opcode) {
    case 0x0e: {
      const count = reader.count(MAX_BRANCHES, 'branches of a br_table')
      for (let i = 0; i <= count; i++) reader.u32()
      return
    }
    case 0x11:
      reader.u32()
      return zero(reader, 'a table other than 0')
    case 0x1c: {
      const count = reader.count(1, 'types of a select')
      for (let i = 0; i < count; i++) valueType(reader)
      return
    }
    case 0x3f:
    case 0x40:
      return zero(reader, 'a memory other than 0')
    case 0x43:
      return reader.skip(4)
    case 0x44:
      return reader.skip(8)
    case 0xfc:
      return bulk(reader, at)
    default:
      return simd(reader, at)
  }
}

function bulk(reader: WasmReader, at: number): void {
  const opcode = reader.u32()
  if (opcode <= 7) return // saturating conversions
  switch (opcode) {
    case 8: // memory.init
      reader.u32()
      return zero(reader, 'a memory other than 0')
    case 9: // data.drop
      reader.u32()
      return
    case 10: // memory.copy
      zero(reader, 'a memory other than 0')
      return zero(reader, 'a memory other than 0')
    case 11: // memory.fill
      return zero(reader, 'a memory other than 0')
    default:
      throw unsupported(at, `instruction 0xfc ${opcode} is not admitted`)
  }
}

function simd(reader: WasmReader, at: number): void {
  const opcode = reader.u32()
  if (opcode >= RELAXED_SIMD)
    throw unsupported(
      at,
      `instruction 0xfd 0x${opcode.toString(16)}: relaxed SIMD gives other results on other machines`,
    )
  if (NO_SIMD.has(opcode)) throw malformed(at, `instruction 0xfd 0x${opcode.toString(16)} does not exist`)
  if (opcode <= 11 || opcode === 92 || opcode === 93) return memoryArgument(reader)
  if (opcode >= 84 && opcode <= 91) {
    memoryArgument(reader)
    return reader.skip(1)
  }
  if (opcode === 12 || opcode === 13) return reader.skip(16) // v128.const, i8x16.shuffle
  if (opcode >= 21 && opcode <= 34) reader.skip(1) // lanes
}

function memoryArgument(reader: WasmReader): void {
  const at = reader.at
  // Bit 6 would name a memory (multi-memory), larger values do not exist.
  if (reader.u32() > 15) throw unsupported(at, 'an alignment that names another memory')
  reader.u32()
}

function zero(reader: WasmReader, what: string): void {
  const at = reader.at
  if (reader.byte() !== 0) throw unsupported(at, what)
}

/** i32, i64, f32, f64, v128; no references. */
export function valueType(reader: WasmReader): number {
  const at = reader.at
  const type = reader.byte()
  if (type < 0x7b || type > 0x7f) throw unsupported(at, `value type 0x${type.toString(16)} is not admitted`)
  return type
}
