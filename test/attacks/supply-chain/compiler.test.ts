// attacks.md K02 and K06: another compiler is noticed by its output. A fixed source, compiled as the core is, has a fixed digest; where
// that changes with a new version, vectors and `npm run timing` are due before the digest here is.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

t.setTimeout(120_000)

const COMPILER = { assemblyscript: '0.28.20', binaryen: '131.0.0-nightly.20260721' }
const DIGEST = '47f5976aa069d1e26027de2b5912202ef4059932c5814317e864c062576ef642'
/** What the core lives on: SIMD, a swizzle, a rotation, a select without a branch. */
const SOURCE = `
export function mix(at: usize, rounds: i32): void {
  let x = v128.load(at)
  const order = i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)
  for (let i = 0; i < rounds; i++) {
    x = i32x4.add(v128.swizzle(x, order), v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25)))
    x = v128.xor(x, v128.bitselect(x, order, i8x16.lt_s(x, order)))
  }
  v128.store(at, x)
}
export function equal(a: usize, b: usize, length: usize): i32 {
  let difference: u32 = 0
  for (let i: usize = 0; i < length; i++) difference |= load<u8>(a + i) ^ load<u8>(b + i)
  return select<i32>(1, 0, difference == 0)
}
`

function compile(source: string, options: string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), 'wasmclave-compiler-'))
  try {
    const [input, output] = [join(folder, 'in.ts'), join(folder, 'out.wasm')]
    writeFileSync(input, source)
    execFileSync(process.execPath, [
      'node_modules/assemblyscript/bin/asc.js',
      ...[input, '--outFile', output, '-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort=', '--enable', 'simd'],
      ...options,
    ])
    return createHash('sha256').update(readFileSync(output)).digest('hex')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

t.test('K06 is compiled by the compiler that was looked at', async (t) => {
  for (const [name, version] of Object.entries(COMPILER))
    t.equal(JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version, version, name)
  t.equal(compile(SOURCE), DIGEST)
  t.not(compile(SOURCE, ['-O1']), DIGEST, 'another optimiser is noticed')
})
