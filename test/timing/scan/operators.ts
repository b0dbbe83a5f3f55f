// What an instruction takes from the stack and puts on it: integers, vectors, and of floats what field25519 computes with, additions and
// multiplications of doubles that are exact integers. A division or a root, which takes time by its operands, is not known here.
const UNARY =
  /^(f64\.(neg|convert_i32_[su])|f64x2\.(splat|neg|abs|extract_lane)|i(32|64)\.(clz|ctz|popcnt|eqz|extend\d+_s)|i32\.wrap_i64|i64\.extend_i32_[su]|v128\.(not|any_true)|i\d+x\d+\.(splat|abs|neg|popcnt|all_true|bitmask|extract_lane(_[su])?|extend_(low|high)_i\d+x\d+_[su]|extadd_pairwise_i\d+x\d+_[su]))$/
const BINARY =
  /^(f64\.(add|sub|mul|eq|ne|lt|gt|le|ge)|f64x2\.(add|sub|mul|replace_lane)|i(32|64)\.(add|sub|mul|and|or|xor|shl|shr_[su]|rotl|rotr|eq|ne|[lg][te]_[su])|v128\.(and|or|xor|andnot)|i\d+x\d+\.(add|sub|mul|shl|shr_[su]|eq|ne|[lg][te]_[su]|min_[su]|max_[su]|avgr_u|(add|sub)_sat_[su]|swizzle|relaxed_swizzle|shuffle|replace_lane|dot_i16x8_s|narrow_i\d+x\d+_[su]|extmul_(low|high)_i\d+x\d+_[su]))$/
const TERNARY = /^(v128\.bitselect|i\d+x\d+\.relaxed_laneselect|f64x2\.relaxed_madd)$/
/** Takes time by its operands on common processors. */
const VARIABLE_TIME = /^i(32|64)\.(div|rem)_[su]$/

export type Operator = { pops: number; pushes: number; variableTime: boolean }

export function operatorOf(op: string): Operator {
  if (/^(i32|i64|f64|v128)\.const$/.test(op)) return { pops: 0, pushes: 1, variableTime: false }
  if (UNARY.test(op)) return { pops: 1, pushes: 1, variableTime: false }
  if (BINARY.test(op)) return { pops: 2, pushes: 1, variableTime: false }
  if (TERNARY.test(op)) return { pops: 3, pushes: 1, variableTime: false }
  if (VARIABLE_TIME.test(op)) return { pops: 2, pushes: 1, variableTime: true }
  throw new Error(`the scan does not know the instruction ${op}`)
}

/** Loads and stores: a lane's load takes the vector as well, a store's value is on top. */
export function accessOf(op: string): { kind: 'load' | 'store'; lane: boolean } | undefined {
  const match = /^(i32|i64|f64|v128)\.(load|store)/.exec(op)
  if (match === null) return undefined
  return { kind: match[2] as 'load' | 'store', lane: op.endsWith('_lane') }
}
