// Vector instructions that differ between the two builds.

/** Bytes of `x` as `at` names them; an index of 0x80 or more gives zero, one between 16 and 0x7f is not to be used. */
// @ts-ignore: decorator
@inline
export function swizzle(x: v128, at: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? i8x16.relaxed_swizzle(x, at) : i8x16.swizzle(x, at)
}
