// No branch, address, length or division in the shipped core depends on a secret, as far as a scan of its instructions can tell.
import { globSync, readFileSync } from 'node:fs'
import t from 'tap'
import { assemble } from '../kit/guest.ts'
import { describeFindings, NOTHING_ALLOWED, readAllowed, review } from '../timing/scan/allowed.ts'
import { type ModuleText, readModule } from '../timing/scan/module-text.ts'
import { scan } from '../timing/scan/taint.ts'

const BUILDS = globSync('host/core/*.wasm').sort()
const modules: ModuleText[] = []
for (const path of BUILDS) modules.push(await readModule(readFileSync(path)))

t.test('finds nothing in the core’s builds but what was reviewed, and all of that', async (t) => {
  t.ok(BUILDS.length > 0, BUILDS.join(', '))
  const allowed = readAllowed()
  const needed = new Set<string>()
  for (const [index, module] of modules.entries()) {
    t.ok(module.exports.size > 20 && module.functions.length > 30, `${module.functions.length} functions`)
    const reviewed = review(module, allowed)
    t.same(describeFindings(reviewed.findings), [], BUILDS[index] as string)
    for (const line of reviewed.needed) needed.add(line)
  }
  const lines = Object.values(allowed).flatMap((list) => Object.entries(list))
  t.same(
    lines.filter(([place]) => !needed.has(place)),
    [],
    'every line of the allow-list is needed',
  )
  for (const [place, reason] of lines) t.ok((reason as string).length > 10, `${place} has a reason`)
})

t.test('finds the tags’ verdicts where nothing is allowed', async (t) => {
  const found = modules.flatMap((module) => review(module, NOTHING_ALLOWED).findings)
  for (const name of ['aesGcmOpen', 'chacha20poly1305Open'])
    t.ok(
      found.some(({ exports, kind }) => kind === 'branch' && exports.includes(name)),
      name,
    )
})

/** A module of one export, `f`, whose parameters are numbers or pointers to secrets. */
async function kinds(body: string, parts = '', parameters = '(param i32 i32 i32)'): Promise<string[]> {
  const text = `(module (memory 1) ${parts} (func (export "f") ${parameters} (result i32) (local $i i32) (local $d i32) ${body}))`
  const module = await readModule(await assemble(text, { simd: true, bulk_memory: true }))
  return [...new Set(scan(module).findings.map(({ kind }) => kind))]
}

const LOOP = (step: string) =>
  `(loop $next ${step} (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $next (i32.lt_u (local.get $i) (local.get 2)))) (local.get $d)`
const BYTE = (pointer: number) => `(i32.load8_u (i32.add (local.get ${pointer}) (local.get $i)))`
const DIFFERENCE = `(i32.xor ${BYTE(0)} ${BYTE(1)})`
const TABLE = '(data (i32.const 2048) "0123456789abcdef")'

const PLANTED: [leak: string, kind: string, leaky: Promise<string[]>, twin: Promise<string[]>][] = [
  [
    'a compare that ends at the first difference',
    'branch',
    kinds(LOOP(`(if (i32.ne ${BYTE(0)} ${BYTE(1)}) (then (return (i32.const 1))))`)),
    kinds(LOOP(`(local.set $d (i32.or (local.get $d) ${DIFFERENCE}))`)),
  ],
  [
    'a table looked up by a secret byte',
    'address',
    kinds(LOOP(`(local.set $d (i32.load8_u offset=2048 (i32.and ${BYTE(0)} (i32.const 15))))`), TABLE),
    kinds(
      LOOP(`(local.set $d (i32.add (i32.load8_u offset=2048 (i32.and (local.get $i) (i32.const 15))) ${BYTE(0)}))`),
      TABLE,
    ),
  ],
  [
    'a secret written to an address that it names',
    'address',
    kinds('(i32.store8 (i32.add (local.get 1) (i32.load8_u (local.get 0))) (i32.const 1)) (i32.const 0)'),
    kinds('(i32.store8 (local.get 1) (i32.load8_u (local.get 0))) (i32.const 0)'),
  ],
  [
    'a choice by a secret bit',
    'select',
    kinds('(select (i32.const 1) (i32.const 2) (i32.load8_u (local.get 0)))'),
    kinds('(i32.and (i32.sub (i32.const 0) (i32.load8_u (local.get 0))) (i32.const 3))'),
  ],
  [
    'a division of a secret',
    'division',
    kinds('(i32.rem_u (i32.load (local.get 0)) (i32.const 10))'),
    kinds('(i32.rem_u (local.get 2) (i32.const 10))'),
  ],
  [
    'a copy as long as a secret says',
    'length',
    kinds('(memory.copy (local.get 0) (local.get 1) (i32.load (local.get 1))) (i32.const 0)'),
    kinds('(memory.copy (local.get 0) (local.get 1) (local.get 2)) (i32.const 0)'),
  ],
  [
    'a secret that becomes a branch in another function',
    'branch',
    kinds(
      '(call $choose (i32.load (local.get 0)))',
      '(func $choose (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))',
    ),
    kinds(
      '(call $choose (local.get 2))',
      '(func $choose (param i32) (result i32) (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))',
    ),
  ],
  [
    'a secret that another function brings back',
    'branch',
    kinds(
      '(if (result i32) (call $read (local.get 0)) (then (i32.const 1)) (else (i32.const 2)))',
      '(func $read (param i32) (result i32) (i32.load (local.get 0)))',
    ),
    kinds(
      '(if (result i32) (call $read (local.get 0)) (then (i32.const 1)) (else (i32.const 2)))',
      '(func $read (param i32) (result i32) (local.get 0))',
    ),
  ],
  [
    'a secret that comes round a loop',
    'branch',
    kinds(LOOP(`(if (local.get $d) (then (nop))) (local.set $d ${BYTE(0)})`)),
    kinds(LOOP(`(if (local.get $d) (then (nop))) (local.set $d (local.get $i))`)),
  ],
  [
    'a secret kept in static memory and read again',
    'address',
    kinds('(i32.store (i32.const 2048) (i32.load (local.get 0))) (i32.load8_u (i32.load (i32.const 2048)))', TABLE),
    kinds('(i32.load8_u (i32.and (i32.load (i32.const 2048)) (i32.const 15)))', TABLE),
  ],
  [
    'a secret kept in a global and read again',
    'branch',
    kinds(
      '(if (result i32) (global.get $g) (then (i32.const 1)) (else (global.set $g (i32.load (local.get 0))) (i32.const 2)))',
      '(global $g (mut i32) (i32.const 0))',
    ),
    kinds(
      '(if (result i32) (global.get $g) (then (i32.const 1)) (else (global.set $g (local.get 2)) (i32.const 2)))',
      '(global $g (mut i32) (i32.const 0))',
    ),
  ],
  [
    'a lane of a secret vector as an address',
    'address',
    kinds('(i32.load (i32x4.extract_lane 0 (v128.load (local.get 0))))'),
    kinds('(i32x4.extract_lane 0 (i8x16.swizzle (v128.load (local.get 0)) (v128.load (local.get 1))))'),
  ],
]

for (const [leak, kind, leaky, twin] of PLANTED)
  t.test(`catches ${leak}, and not its constant-time twin`, async (t) => {
    t.same(await leaky, [kind])
    t.same(await twin, [])
  })

t.test('rejects an instruction it does not know, rather than pass over it', async (t) => {
  await t.rejects(kinds('(i32.trunc_f64_u (f64.load (local.get 0)))'), /does not know/)
  t.same(await kinds('(i32.clz (i32.load (local.get 0)))'), [])
})

t.test('catches a secret written to memory that is declared public', async (t) => {
  const text = (from: number) =>
    `(module (memory 1) (func (export "f") (param i32 i32 i32) (i32.store (local.get 0) (i32.load (local.get ${from})))))`
  const leaks = async (from: number) =>
    scan(await readModule(await assemble(text(from))), { publicPointers: { f: [0, 2] } }).findings.map(
      ({ kind }) => kind,
    )
  t.same(await leaks(1), ['leak into public memory'])
  t.same(await leaks(2), [])
})
