// The compression of SHA-256, FIPS 180-4 section 6.2.2: the schedule in vectors of four words, made 16 rounds ahead of the scalar rounds
// it lies between, and rounds that rename words instead of moving them. The order of statements is the point.
// CT: no branch or address depends on the message.
import { swizzle } from '../../mem/simd'

// FIPS 180-4 section 4.1.2
// @ts-ignore: decorator
@inline
function sum0(a: u32): u32 {
  return rotr<u32>(a, 2) ^ rotr<u32>(a, 13) ^ rotr<u32>(a, 22)
}

// @ts-ignore: decorator
@inline
function sum1(e: u32): u32 {
  return rotr<u32>(e, 6) ^ rotr<u32>(e, 11) ^ rotr<u32>(e, 25)
}

// @ts-ignore: decorator
@inline
function choose(e: u32, f: u32, g: u32): u32 {
  return g ^ (e & (f ^ g))
}

// The next round's b ^ c is this one's a ^ b, which the engine computes once.
// @ts-ignore: decorator
@inline
function majority(a: u32, b: u32, c: u32): u32 {
  return ((a ^ b) & (b ^ c)) ^ b
}

// @ts-ignore: decorator
@inline
function mix0(x: v128): v128 {
  return v128.xor(v128.xor(v128.or(i32x4.shr_u(x, 7), i32x4.shl(x, 25)), v128.or(i32x4.shr_u(x, 18), i32x4.shl(x, 14))), i32x4.shr_u(x, 3))
}

// Of two words that each stand twice in 64 bits, where one shift does what a rotation takes three instructions for: both results, twice.
// @ts-ignore: decorator
@inline
function mix1(twice: v128): v128 {
  const x = v128.xor(v128.xor(i64x2.shr_u(twice, 17), i64x2.shr_u(twice, 19)), i32x4.shr_u(twice, 10))
  return v128.shuffle<u32>(x, x, 0, 2, 0, 2)
}

/**
 * Takes `count` blocks of 64 bytes into the eight words at `state`.
 * `tables`: the 64 constants, 64 bytes of scratch that the last words of a schedule stay in, the swizzle that turns 32-bit words round.
 * SAFETY: `state` holds 32 bytes, `from` 64 · count, `tables` 336.
 */
export function hotSha256Blocks(state: usize, from: usize, count: usize, tables: usize): void {
  const swap = v128.load(tables, 320)
  let a = load<u32>(state)
  let b = load<u32>(state, 4)
  let c = load<u32>(state, 8)
  let d = load<u32>(state, 12)
  let e = load<u32>(state, 16)
  let f = load<u32>(state, 20)
  let g = load<u32>(state, 24)
  let h = load<u32>(state, 28)
  for (; count > 0; count--, from += 64) {
    let x0 = swizzle(v128.load(from), swap)
    let x1 = swizzle(v128.load(from, 16), swap)
    let x2 = swizzle(v128.load(from, 32), swap)
    let x3 = swizzle(v128.load(from, 48), swap)
    v128.store(tables, i32x4.add(x0, v128.load(tables)), 256)
    v128.store(tables, i32x4.add(x1, v128.load(tables, 16)), 272)
    v128.store(tables, i32x4.add(x2, v128.load(tables, 32)), 288)
    v128.store(tables, i32x4.add(x3, v128.load(tables, 48)), 304)
    let p: v128
    let q: v128
    let constants = tables
    for (let n = 0; n < 3; n++) {
      constants += 64
      p = i32x4.add(x0, v128.shuffle<u32>(x2, x3, 1, 2, 3, 4))
      q = v128.shuffle<u32>(x0, x1, 1, 2, 3, 4)
      h = h + load<u32>(tables, 256) + choose(e, f, g) + sum1(e)
      d += h
      h += majority(a, b, c) + sum0(a)
      p = i32x4.add(p, mix0(q))
      g = g + load<u32>(tables, 260) + choose(d, e, f) + sum1(d)
      c += g
      g += majority(h, a, b) + sum0(h)
      q = i32x4.add(p, mix1(v128.shuffle<u32>(x3, x3, 2, 2, 3, 3)))
      f = f + load<u32>(tables, 264) + choose(c, d, e) + sum1(c)
      b += f
      f += majority(g, h, a) + sum0(g)
      p = i32x4.add(p, mix1(v128.shuffle<u32>(q, q, 0, 0, 1, 1)))
      x0 = v128.shuffle<u32>(q, p, 0, 1, 6, 7)
      e = e + load<u32>(tables, 268) + choose(b, c, d) + sum1(b)
      a += e
      e += majority(f, g, h) + sum0(f)
      v128.store(tables, i32x4.add(x0, v128.load(constants)), 256)
      p = i32x4.add(x1, v128.shuffle<u32>(x3, x0, 1, 2, 3, 4))
      q = v128.shuffle<u32>(x1, x2, 1, 2, 3, 4)
      d = d + load<u32>(tables, 272) + choose(a, b, c) + sum1(a)
      h += d
      d += majority(e, f, g) + sum0(e)
      p = i32x4.add(p, mix0(q))
      c = c + load<u32>(tables, 276) + choose(h, a, b) + sum1(h)
      g += c
      c += majority(d, e, f) + sum0(d)
      q = i32x4.add(p, mix1(v128.shuffle<u32>(x0, x0, 2, 2, 3, 3)))
      b = b + load<u32>(tables, 280) + choose(g, h, a) + sum1(g)
      f += b
      b += majority(c, d, e) + sum0(c)
      p = i32x4.add(p, mix1(v128.shuffle<u32>(q, q, 0, 0, 1, 1)))
      x1 = v128.shuffle<u32>(q, p, 0, 1, 6, 7)
      a = a + load<u32>(tables, 284) + choose(f, g, h) + sum1(f)
      e += a
      a += majority(b, c, d) + sum0(b)
      v128.store(tables, i32x4.add(x1, v128.load(constants, 16)), 272)
      p = i32x4.add(x2, v128.shuffle<u32>(x0, x1, 1, 2, 3, 4))
      q = v128.shuffle<u32>(x2, x3, 1, 2, 3, 4)
      h = h + load<u32>(tables, 288) + choose(e, f, g) + sum1(e)
      d += h
      h += majority(a, b, c) + sum0(a)
      p = i32x4.add(p, mix0(q))
      g = g + load<u32>(tables, 292) + choose(d, e, f) + sum1(d)
      c += g
      g += majority(h, a, b) + sum0(h)
      q = i32x4.add(p, mix1(v128.shuffle<u32>(x1, x1, 2, 2, 3, 3)))
      f = f + load<u32>(tables, 296) + choose(c, d, e) + sum1(c)
      b += f
      f += majority(g, h, a) + sum0(g)
      p = i32x4.add(p, mix1(v128.shuffle<u32>(q, q, 0, 0, 1, 1)))
      x2 = v128.shuffle<u32>(q, p, 0, 1, 6, 7)
      e = e + load<u32>(tables, 300) + choose(b, c, d) + sum1(b)
      a += e
      e += majority(f, g, h) + sum0(f)
      v128.store(tables, i32x4.add(x2, v128.load(constants, 32)), 288)
      p = i32x4.add(x3, v128.shuffle<u32>(x1, x2, 1, 2, 3, 4))
      q = v128.shuffle<u32>(x3, x0, 1, 2, 3, 4)
      d = d + load<u32>(tables, 304) + choose(a, b, c) + sum1(a)
      h += d
      d += majority(e, f, g) + sum0(e)
      p = i32x4.add(p, mix0(q))
      c = c + load<u32>(tables, 308) + choose(h, a, b) + sum1(h)
      g += c
      c += majority(d, e, f) + sum0(d)
      q = i32x4.add(p, mix1(v128.shuffle<u32>(x2, x2, 2, 2, 3, 3)))
      b = b + load<u32>(tables, 312) + choose(g, h, a) + sum1(g)
      f += b
      b += majority(c, d, e) + sum0(c)
      p = i32x4.add(p, mix1(v128.shuffle<u32>(q, q, 0, 0, 1, 1)))
      x3 = v128.shuffle<u32>(q, p, 0, 1, 6, 7)
      a = a + load<u32>(tables, 316) + choose(f, g, h) + sum1(f)
      e += a
      a += majority(b, c, d) + sum0(b)
      v128.store(tables, i32x4.add(x3, v128.load(constants, 48)), 304)
    }
    h = h + load<u32>(tables, 256) + choose(e, f, g) + sum1(e)
    d += h
    h += majority(a, b, c) + sum0(a)
    g = g + load<u32>(tables, 260) + choose(d, e, f) + sum1(d)
    c += g
    g += majority(h, a, b) + sum0(h)
    f = f + load<u32>(tables, 264) + choose(c, d, e) + sum1(c)
    b += f
    f += majority(g, h, a) + sum0(g)
    e = e + load<u32>(tables, 268) + choose(b, c, d) + sum1(b)
    a += e
    e += majority(f, g, h) + sum0(f)
    d = d + load<u32>(tables, 272) + choose(a, b, c) + sum1(a)
    h += d
    d += majority(e, f, g) + sum0(e)
    c = c + load<u32>(tables, 276) + choose(h, a, b) + sum1(h)
    g += c
    c += majority(d, e, f) + sum0(d)
    b = b + load<u32>(tables, 280) + choose(g, h, a) + sum1(g)
    f += b
    b += majority(c, d, e) + sum0(c)
    a = a + load<u32>(tables, 284) + choose(f, g, h) + sum1(f)
    e += a
    a += majority(b, c, d) + sum0(b)
    h = h + load<u32>(tables, 288) + choose(e, f, g) + sum1(e)
    d += h
    h += majority(a, b, c) + sum0(a)
    g = g + load<u32>(tables, 292) + choose(d, e, f) + sum1(d)
    c += g
    g += majority(h, a, b) + sum0(h)
    f = f + load<u32>(tables, 296) + choose(c, d, e) + sum1(c)
    b += f
    f += majority(g, h, a) + sum0(g)
    e = e + load<u32>(tables, 300) + choose(b, c, d) + sum1(b)
    a += e
    e += majority(f, g, h) + sum0(f)
    d = d + load<u32>(tables, 304) + choose(a, b, c) + sum1(a)
    h += d
    d += majority(e, f, g) + sum0(e)
    c = c + load<u32>(tables, 308) + choose(h, a, b) + sum1(h)
    g += c
    c += majority(d, e, f) + sum0(d)
    b = b + load<u32>(tables, 312) + choose(g, h, a) + sum1(g)
    f += b
    b += majority(c, d, e) + sum0(c)
    a = a + load<u32>(tables, 316) + choose(f, g, h) + sum1(f)
    e += a
    a += majority(b, c, d) + sum0(b)
    a += load<u32>(state)
    store<u32>(state, a, 0)
    b += load<u32>(state, 4)
    store<u32>(state, b, 4)
    c += load<u32>(state, 8)
    store<u32>(state, c, 8)
    d += load<u32>(state, 12)
    store<u32>(state, d, 12)
    e += load<u32>(state, 16)
    store<u32>(state, e, 16)
    f += load<u32>(state, 20)
    store<u32>(state, f, 20)
    g += load<u32>(state, 24)
    store<u32>(state, g, 24)
    h += load<u32>(state, 28)
    store<u32>(state, h, 28)
  }
}
