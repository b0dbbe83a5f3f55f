// The compression of SHA-512 and SHA-384, FIPS 180-4 section 6.4.2: the schedule in vectors of two words, made 16 rounds ahead of the
// scalar rounds it lies between, and rounds that rename words instead of moving them. The order of statements is the point.
// CT: no branch or address depends on the message.
import { swizzle } from '../../mem/simd'

// FIPS 180-4 section 4.1.3
// @ts-ignore: decorator
@inline
function sum0(a: u64): u64 {
  return rotr<u64>(a, 28) ^ rotr<u64>(a, 34) ^ rotr<u64>(a, 39)
}

// @ts-ignore: decorator
@inline
function sum1(e: u64): u64 {
  return rotr<u64>(e, 14) ^ rotr<u64>(e, 18) ^ rotr<u64>(e, 41)
}

// @ts-ignore: decorator
@inline
function choose(e: u64, f: u64, g: u64): u64 {
  return g ^ (e & (f ^ g))
}

// The next round's b ^ c is this one's a ^ b, which the engine computes once.
// @ts-ignore: decorator
@inline
function majority(a: u64, b: u64, c: u64): u64 {
  return ((a ^ b) & (b ^ c)) ^ b
}

// @ts-ignore: decorator
@inline
function mix0(x: v128, by8: v128): v128 {
  return v128.xor(v128.xor(v128.or(i64x2.shr_u(x, 1), i64x2.shl(x, 63)), swizzle(x, by8)), i64x2.shr_u(x, 7))
}

// @ts-ignore: decorator
@inline
function mix1(x: v128): v128 {
  return v128.xor(v128.xor(v128.or(i64x2.shr_u(x, 19), i64x2.shl(x, 45)), v128.or(i64x2.shr_u(x, 61), i64x2.shl(x, 3))), i64x2.shr_u(x, 6))
}

/**
 * Takes `count` blocks of 128 bytes into the eight words at `state`.
 * `tables`: the 80 constants, 128 bytes of scratch that the last words of a schedule stay in, the swizzles to turn 64-bit words round
 * and to rotate them right by 8. SAFETY: `state` holds 64 bytes, `from` 128 · count, `tables` 800.
 */
export function hotSha512Blocks(state: usize, from: usize, count: usize, tables: usize): void {
  const swap = v128.load(tables, 768)
  const by8 = v128.load(tables, 784)
  let a = load<u64>(state)
  let b = load<u64>(state, 8)
  let c = load<u64>(state, 16)
  let d = load<u64>(state, 24)
  let e = load<u64>(state, 32)
  let f = load<u64>(state, 40)
  let g = load<u64>(state, 48)
  let h = load<u64>(state, 56)
  for (; count > 0; count--, from += 128) {
    let x0 = swizzle(v128.load(from), swap)
    let x1 = swizzle(v128.load(from, 16), swap)
    let x2 = swizzle(v128.load(from, 32), swap)
    let x3 = swizzle(v128.load(from, 48), swap)
    let x4 = swizzle(v128.load(from, 64), swap)
    let x5 = swizzle(v128.load(from, 80), swap)
    let x6 = swizzle(v128.load(from, 96), swap)
    let x7 = swizzle(v128.load(from, 112), swap)
    v128.store(tables, i64x2.add(x0, v128.load(tables)), 640)
    v128.store(tables, i64x2.add(x1, v128.load(tables, 16)), 656)
    v128.store(tables, i64x2.add(x2, v128.load(tables, 32)), 672)
    v128.store(tables, i64x2.add(x3, v128.load(tables, 48)), 688)
    v128.store(tables, i64x2.add(x4, v128.load(tables, 64)), 704)
    v128.store(tables, i64x2.add(x5, v128.load(tables, 80)), 720)
    v128.store(tables, i64x2.add(x6, v128.load(tables, 96)), 736)
    v128.store(tables, i64x2.add(x7, v128.load(tables, 112)), 752)
    let p: v128
    let q: v128
    let constants = tables
    for (let n = 0; n < 4; n++) {
      constants += 128
      p = i64x2.add(x0, v128.shuffle<u64>(x4, x5, 1, 2))
      q = v128.shuffle<u64>(x0, x1, 1, 2)
      h = h + load<u64>(tables, 640) + choose(e, f, g) + sum1(e)
      d += h
      h += majority(a, b, c) + sum0(a)
      x0 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x7))
      g = g + load<u64>(tables, 648) + choose(d, e, f) + sum1(d)
      c += g
      g += majority(h, a, b) + sum0(h)
      v128.store(tables, i64x2.add(x0, v128.load(constants)), 640)
      p = i64x2.add(x1, v128.shuffle<u64>(x5, x6, 1, 2))
      q = v128.shuffle<u64>(x1, x2, 1, 2)
      f = f + load<u64>(tables, 656) + choose(c, d, e) + sum1(c)
      b += f
      f += majority(g, h, a) + sum0(g)
      x1 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x0))
      e = e + load<u64>(tables, 664) + choose(b, c, d) + sum1(b)
      a += e
      e += majority(f, g, h) + sum0(f)
      v128.store(tables, i64x2.add(x1, v128.load(constants, 16)), 656)
      p = i64x2.add(x2, v128.shuffle<u64>(x6, x7, 1, 2))
      q = v128.shuffle<u64>(x2, x3, 1, 2)
      d = d + load<u64>(tables, 672) + choose(a, b, c) + sum1(a)
      h += d
      d += majority(e, f, g) + sum0(e)
      x2 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x1))
      c = c + load<u64>(tables, 680) + choose(h, a, b) + sum1(h)
      g += c
      c += majority(d, e, f) + sum0(d)
      v128.store(tables, i64x2.add(x2, v128.load(constants, 32)), 672)
      p = i64x2.add(x3, v128.shuffle<u64>(x7, x0, 1, 2))
      q = v128.shuffle<u64>(x3, x4, 1, 2)
      b = b + load<u64>(tables, 688) + choose(g, h, a) + sum1(g)
      f += b
      b += majority(c, d, e) + sum0(c)
      x3 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x2))
      a = a + load<u64>(tables, 696) + choose(f, g, h) + sum1(f)
      e += a
      a += majority(b, c, d) + sum0(b)
      v128.store(tables, i64x2.add(x3, v128.load(constants, 48)), 688)
      p = i64x2.add(x4, v128.shuffle<u64>(x0, x1, 1, 2))
      q = v128.shuffle<u64>(x4, x5, 1, 2)
      h = h + load<u64>(tables, 704) + choose(e, f, g) + sum1(e)
      d += h
      h += majority(a, b, c) + sum0(a)
      x4 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x3))
      g = g + load<u64>(tables, 712) + choose(d, e, f) + sum1(d)
      c += g
      g += majority(h, a, b) + sum0(h)
      v128.store(tables, i64x2.add(x4, v128.load(constants, 64)), 704)
      p = i64x2.add(x5, v128.shuffle<u64>(x1, x2, 1, 2))
      q = v128.shuffle<u64>(x5, x6, 1, 2)
      f = f + load<u64>(tables, 720) + choose(c, d, e) + sum1(c)
      b += f
      f += majority(g, h, a) + sum0(g)
      x5 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x4))
      e = e + load<u64>(tables, 728) + choose(b, c, d) + sum1(b)
      a += e
      e += majority(f, g, h) + sum0(f)
      v128.store(tables, i64x2.add(x5, v128.load(constants, 80)), 720)
      p = i64x2.add(x6, v128.shuffle<u64>(x2, x3, 1, 2))
      q = v128.shuffle<u64>(x6, x7, 1, 2)
      d = d + load<u64>(tables, 736) + choose(a, b, c) + sum1(a)
      h += d
      d += majority(e, f, g) + sum0(e)
      x6 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x5))
      c = c + load<u64>(tables, 744) + choose(h, a, b) + sum1(h)
      g += c
      c += majority(d, e, f) + sum0(d)
      v128.store(tables, i64x2.add(x6, v128.load(constants, 96)), 736)
      p = i64x2.add(x7, v128.shuffle<u64>(x3, x4, 1, 2))
      q = v128.shuffle<u64>(x7, x0, 1, 2)
      b = b + load<u64>(tables, 752) + choose(g, h, a) + sum1(g)
      f += b
      b += majority(c, d, e) + sum0(c)
      x7 = i64x2.add(i64x2.add(p, mix0(q, by8)), mix1(x6))
      a = a + load<u64>(tables, 760) + choose(f, g, h) + sum1(f)
      e += a
      a += majority(b, c, d) + sum0(b)
      v128.store(tables, i64x2.add(x7, v128.load(constants, 112)), 752)
    }
    h = h + load<u64>(tables, 640) + choose(e, f, g) + sum1(e)
    d += h
    h += majority(a, b, c) + sum0(a)
    g = g + load<u64>(tables, 648) + choose(d, e, f) + sum1(d)
    c += g
    g += majority(h, a, b) + sum0(h)
    f = f + load<u64>(tables, 656) + choose(c, d, e) + sum1(c)
    b += f
    f += majority(g, h, a) + sum0(g)
    e = e + load<u64>(tables, 664) + choose(b, c, d) + sum1(b)
    a += e
    e += majority(f, g, h) + sum0(f)
    d = d + load<u64>(tables, 672) + choose(a, b, c) + sum1(a)
    h += d
    d += majority(e, f, g) + sum0(e)
    c = c + load<u64>(tables, 680) + choose(h, a, b) + sum1(h)
    g += c
    c += majority(d, e, f) + sum0(d)
    b = b + load<u64>(tables, 688) + choose(g, h, a) + sum1(g)
    f += b
    b += majority(c, d, e) + sum0(c)
    a = a + load<u64>(tables, 696) + choose(f, g, h) + sum1(f)
    e += a
    a += majority(b, c, d) + sum0(b)
    h = h + load<u64>(tables, 704) + choose(e, f, g) + sum1(e)
    d += h
    h += majority(a, b, c) + sum0(a)
    g = g + load<u64>(tables, 712) + choose(d, e, f) + sum1(d)
    c += g
    g += majority(h, a, b) + sum0(h)
    f = f + load<u64>(tables, 720) + choose(c, d, e) + sum1(c)
    b += f
    f += majority(g, h, a) + sum0(g)
    e = e + load<u64>(tables, 728) + choose(b, c, d) + sum1(b)
    a += e
    e += majority(f, g, h) + sum0(f)
    d = d + load<u64>(tables, 736) + choose(a, b, c) + sum1(a)
    h += d
    d += majority(e, f, g) + sum0(e)
    c = c + load<u64>(tables, 744) + choose(h, a, b) + sum1(h)
    g += c
    c += majority(d, e, f) + sum0(d)
    b = b + load<u64>(tables, 752) + choose(g, h, a) + sum1(g)
    f += b
    b += majority(c, d, e) + sum0(c)
    a = a + load<u64>(tables, 760) + choose(f, g, h) + sum1(f)
    e += a
    a += majority(b, c, d) + sum0(b)
    a += load<u64>(state)
    store<u64>(state, a, 0)
    b += load<u64>(state, 8)
    store<u64>(state, b, 8)
    c += load<u64>(state, 16)
    store<u64>(state, c, 16)
    d += load<u64>(state, 24)
    store<u64>(state, d, 24)
    e += load<u64>(state, 32)
    store<u64>(state, e, 32)
    f += load<u64>(state, 40)
    store<u64>(state, f, 40)
    g += load<u64>(state, 48)
    store<u64>(state, g, 48)
    h += load<u64>(state, 56)
    store<u64>(state, h, 56)
  }
}
