import { readFileSync } from 'node:fs'
import t from 'tap'
import { errorCode } from '../../host/errors.ts'
import { admitWorkload } from '../../host/nitro/admission/admit.ts'
import { walkExpression } from '../../host/nitro/admission/opcodes.ts'
import { WasmReader } from '../../host/nitro/admission/reader.ts'
import { assemble, guest, OK, RESPOND } from '../kit/guest.ts'

const MANIFEST = { memory: { maxPages: 64 }, table: { maxElements: 16 }, imports: ['respond'] }
const FEATURES = {
  threads: true,
  exceptions: true,
  tail_call: true,
  reference_types: true,
  simd: true,
  bulk_memory: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
}

function admit(bytes: Uint8Array, manifest: Partial<typeof MANIFEST> = {}): string {
  try {
    admitWorkload(bytes, { ...MANIFEST, ...manifest })
    return 'admitted'
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}

const module_ = (parts: { imports?: string; memory?: string; more?: string; body?: string; exports?: string } = {}) =>
  assemble(
    `(module ${parts.imports ?? RESPOND} ${parts.memory ?? '(memory (export "memory") 1 4)'} ${parts.more ?? ''}
      (func (export "wasmclave_abi") (result i32) (i32.const 1))
      (func (export "allocate") (param i32) (result i32) (i32.const 0))
      ${parts.exports ?? `(func (export "handle") (param i32 i32 i32) (result i32) ${parts.body ?? '(i32.const 0)'})`})`,
    FEATURES,
  )

t.test('admits the shipped workloads and a plain guest', async (t) => {
  for (const name of ['echo', 'keyvalue', 'hello', 'kubernetes']) {
    const bytes = readFileSync(`assembly/workloads/${name}/workload.wasm`)
    const imports = [
      ...new Set(WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map((each) => each.name)),
    ].sort()
    const { memory, table } = JSON.parse(readFileSync(`assembly/workloads/${name}/enclave.json`, 'utf8'))
    t.equal(admit(bytes, { memory, table, imports }), 'admitted', name)
  }
  t.equal(admit(await guest(OK)), 'admitted')
  t.equal(admit(await module_()), 'admitted', 'the twin of all below')
})

t.test('refuses features by name', async (t) => {
  const rows: [string, string, Promise<Uint8Array>][] = [
    ['a start function', 'ERR_IMAGE_FEATURE', module_({ more: '(func $s) (start $s)' })],
    ['a shared memory', 'ERR_IMAGE_FEATURE', module_({ memory: '(memory (export "memory") 1 4 shared)' })],
    ['a memory of 64 bits', 'ERR_IMAGE_FEATURE', module_({ memory: '(memory (export "memory") i64 1 4)' })],
    ['two memories', 'ERR_IMAGE_FEATURE', module_({ more: '(memory 1 1)' })],
    ['no memory', 'ERR_IMAGE_EXPORT', module_({ memory: '' })],
    ['a memory without maximum', 'ERR_IMAGE_LIMIT', module_({ memory: '(memory (export "memory") 1)' })],
    [
      'an atomic',
      'ERR_IMAGE_FEATURE',
      module_({ body: '(i32.atomic.load (i32.const 0))', memory: '(memory (export "memory") 1 4)' }),
    ],
    [
      'an atomic wait',
      'ERR_IMAGE_FEATURE',
      module_({ body: '(memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))' }),
    ],
    ['exceptions', 'ERR_IMAGE_FEATURE', module_({ more: '(tag $e)', body: '(throw $e)' })],
    ['catch_all', 'ERR_IMAGE_FEATURE', module_({ body: '(try (do (nop)) (catch_all (nop))) (i32.const 0)' })],
    [
      'a tail call',
      'ERR_IMAGE_FEATURE',
      module_({ more: '(func $f (result i32) (i32.const 0))', body: '(return_call $f)' }),
    ],
    ['externref', 'ERR_IMAGE_FEATURE', module_({ more: '(func (param externref))' })],
    ['ref.null', 'ERR_IMAGE_FEATURE', module_({ body: '(drop (ref.null func)) (i32.const 0)' })],
    ['a table of externref', 'ERR_IMAGE_FEATURE', module_({ more: '(table 1 externref)' })],
    ['two tables', 'ERR_IMAGE_LIMIT', module_({ more: '(table 1 1 funcref) (table 1 1 funcref)' })],
  ]
  for (const [name, code, bytes] of rows) t.equal(admit(await bytes), code, name)
  // Relaxed SIMD is younger than the assembler: i8x16.relaxed_swizzle by hand, in the place of i8x16.swizzle.
  const simd = await module_({
    body: '(drop (i8x16.swizzle (v128.const i32x4 0 0 0 0) (v128.const i32x4 0 0 0 0))) (i32.const 0)',
  })
  t.equal(admit(simd), 'admitted')
  const swizzle = Buffer.from(simd).indexOf(Buffer.from([0xfd, 0x0e]))
  const relaxed = Buffer.concat([
    simd.subarray(0, swizzle),
    Buffer.from([0xfd, 0x80, 0x02]),
    simd.subarray(swizzle + 2),
  ])
  t.not(admit(relaxed), 'admitted')
})

t.test('refuses sizes at their limits', async (t) => {
  t.equal(admit(await module_({ memory: '(memory (export "memory") 1 64)' })), 'admitted')
  t.equal(admit(await module_({ memory: '(memory (export "memory") 1 65)' })), 'ERR_IMAGE_LIMIT')
  t.equal(admit(await module_({ more: '(table 16 16 funcref)' })), 'admitted')
  t.equal(admit(await module_({ more: '(table 17 17 funcref)' })), 'ERR_IMAGE_LIMIT')
  t.equal(
    admit(await module_({ more: '(table 10000000 funcref)' })),
    'ERR_IMAGE_LIMIT',
    'seventeen bytes that took 277 MB',
  )
  const locals = (count: number) => module_({ body: `(local ${'i32 '.repeat(count)}) (i32.const 0)` })
  t.equal(admit(await locals(9999)), 'admitted')
  t.equal(admit(await locals(10_001)), 'ERR_IMAGE_LIMIT')
  // Blocks in blocks, as bytes: block 0x40 … end, and the end of the body itself.
  const nested = (depth: number) => () =>
    walkExpression(
      new WasmReader(Uint8Array.from([...Array(depth).fill([0x02, 0x40]).flat(), ...Array(depth + 1).fill(0x0b)])),
    )
  t.doesNotThrow(nested(999))
  t.throws(nested(1000), { code: 'ERR_IMAGE_LIMIT' })
  t.equal(admit(new Uint8Array(16 * 1024 * 1024 + 1)), 'ERR_IMAGE_LIMIT')
})

t.test('refuses imports and exports that are not exactly the ABI', async (t) => {
  const imported = (text: string) => module_({ imports: text })
  const before = Object.getOwnPropertyNames(Object.prototype).join()
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf']) {
    t.equal(admit(await imported(`(import "kernel" "${name}" (func))`), { imports: [name] }), 'ERR_IMAGE_IMPORT', name)
    t.equal(
      admit(await imported(`(import "${name}" "freeze" (func (param externref)))`), { imports: ['freeze'] }),
      'ERR_IMAGE_FEATURE',
      `${name}.freeze`,
    )
    t.equal(
      admit(await imported(`(import "${name}" "freeze" (func (param i32)))`), { imports: ['freeze'] }),
      'ERR_IMAGE_IMPORT',
      `${name}.freeze`,
    )
  }
  t.equal(Object.getOwnPropertyNames(Object.prototype).join(), before)
  t.not(Object.isFrozen(Object.prototype), true)
  t.equal(admit(await imported('(import "env" "seed" (func (result f64)))'), { imports: ['seed'] }), 'ERR_IMAGE_IMPORT')
  t.equal(
    admit(await imported('(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))'), {
      imports: ['fd_write'],
    }),
    'ERR_IMAGE_IMPORT',
  )
  t.equal(
    admit(await imported('(import "kernel" "respond" (func (param i32) (result i32)))')),
    'ERR_IMAGE_IMPORT',
    'another type',
  )
  t.equal(admit(await imported('(import "kernel" "respond" (global i32))')), 'ERR_IMAGE_IMPORT', 'another kind')
  t.equal(admit(await imported('')), 'ERR_IMAGE_IMPORT', 'less than the manifest says')
  t.equal(admit(await module_(), { imports: [] }), 'ERR_IMAGE_IMPORT', 'more than the manifest says')
  t.equal(admit(await module_({ exports: '' })), 'ERR_IMAGE_EXPORT', 'no handle')
  t.equal(
    admit(await module_({ exports: '(func (export "handle") (param i64) (result i32) (i32.const 0))' })),
    'ERR_IMAGE_EXPORT',
  )
  t.equal(admit(await module_({ exports: '(global (export "handle") i32 (i32.const 0))' })), 'ERR_IMAGE_EXPORT')
  t.equal(admit(await module_({ more: '(func (export "__proto__"))' })), 'ERR_IMAGE_EXPORT')
  t.equal(
    admit(await module_({ more: '(func (export "tick") (param i32))' })),
    'ERR_IMAGE_EXPORT',
    'an optional one of another type',
  )
})

t.test('refuses every truncation and survives 2,000 mutations', async (t) => {
  const bytes = readFileSync('assembly/workloads/keyvalue/workload.wasm')
  const manifest = {
    memory: { maxPages: 512 },
    table: { maxElements: 64 },
    imports: ['delete', 'get', 'put', 'respond', 'scan', 'settled', 'stream'],
  }
  t.equal(admit(bytes, manifest), 'admitted')
  for (let length = 0; length < bytes.length; length += 37)
    if (admit(bytes.subarray(0, length), manifest) === 'admitted') t.fail(`${length} bytes`)
  const start = performance.now()
  const counts: Record<string, number> = {}
  let state = 7
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
  for (let i = 0; i < 2000; i++) {
    const changed = new Uint8Array(bytes)
    for (let j = 0; j <= i % 4; j++) changed[random() % changed.length] = random() & 0xff
    const result = admit(changed, manifest)
    if (result !== 'admitted' && !/^ERR_IMAGE_(FORMAT|FEATURE|LIMIT|IMPORT|EXPORT)$/.test(result)) t.fail(result)
    counts[result] = (counts[result] ?? 0) + 1
  }
  t.comment(`${JSON.stringify(counts)} in ${(performance.now() - start).toFixed(0)} ms`)
  t.ok(performance.now() - start < 60_000)
})
