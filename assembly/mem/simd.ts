// Sixteen bytes at a time.

/**
 * Bytes of `table` by indices that are data. Relaxed SIMD leaves an index above 15 undefined, and is one instruction where plain SIMD
 * takes two or three: callers give indices of 0 to 15, for which both mean the same.
 */
// @ts-ignore: decorator
@inline
export function swizzle(table: v128, indices: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, indices)
  return i8x16.swizzle(table, indices)
}

/** Erases a multiple of 16 bytes. For up to some hundred of them cheaper than memory.fill, which leaves Wasm. */
// @ts-ignore: decorator
@inline
export function wipe(at: usize, length: usize): void {
  for (let i: usize = 0; i < length; i += 16) v128.store(at + i, i64x2.splat(0)) // SAFETY: caller holds `length` bytes
}
