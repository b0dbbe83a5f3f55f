// Bytes in linear memory: copy, compare, erase, and integers in network order.
// Callers hold what they name: a function here reads and writes exactly the bytes its arguments say.

// @ts-ignore: decorator
@inline
export function copy(to: usize, from: usize, length: usize): void {
  memory.copy(to, from, length) // SAFETY: caller holds `length` bytes at both
}

/** Erases secrets. Wasm has no dead-store elimination across a memory.fill. */
// @ts-ignore: decorator
@inline
export function zeroise(at: usize, length: usize): void {
  memory.fill(at, 0, length) // SAFETY: caller holds `length` bytes
}

/** Constant-time equality. CT: no early exit, no secret-dependent address. */
export function equal(a: usize, b: usize, length: usize): bool {
  let difference: u32 = 0
  for (let i: usize = 0; i < length; i++) difference |= <u32>(load<u8>(a + i) ^ load<u8>(b + i)) // SAFETY: caller holds `length` bytes at both
  return difference == 0
}

/** Whether all bytes are zero. CT: as `equal`. */
export function isZero(a: usize, length: usize): bool {
  let bits: u32 = 0
  for (let i: usize = 0; i < length; i++) bits |= <u32>load<u8>(a + i) // SAFETY: caller holds `length` bytes
  return bits == 0
}

/** out = a XOR b; `out` may be either. SAFETY: caller holds `length` bytes at all three. */
export function xor(out: usize, a: usize, b: usize, length: usize): void {
  const whole = length & ~15
  for (let i: usize = 0; i < whole; i += 16) v128.store(out + i, v128.xor(v128.load(a + i), v128.load(b + i)))
  for (let i = whole; i < length; i++) store<u8>(out + i, load<u8>(a + i) ^ load<u8>(b + i))
}

// @ts-ignore: decorator
@inline
export function load16(at: usize): u32 {
  return <u32>bswap<u16>(load<u16>(at)) // SAFETY: caller holds 2 bytes
}

// @ts-ignore: decorator
@inline
export function load32(at: usize): u32 {
  return bswap<u32>(load<u32>(at)) // SAFETY: caller holds 4 bytes
}

// @ts-ignore: decorator
@inline
export function load64(at: usize): u64 {
  return bswap<u64>(load<u64>(at)) // SAFETY: caller holds 8 bytes
}

// @ts-ignore: decorator
@inline
export function store16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value)) // SAFETY: caller holds 2 bytes
}

// @ts-ignore: decorator
@inline
export function store32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value)) // SAFETY: caller holds 4 bytes
}

// @ts-ignore: decorator
@inline
export function store64(at: usize, value: u64): void {
  store<u64>(at, bswap<u64>(value)) // SAFETY: caller holds 8 bytes
}
