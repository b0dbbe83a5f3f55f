// Small modules that ask for a lot (G13) and exports that are not what they are called (G25): refused before the engine sees a byte,
// each limit at n-1, n and n+1.
import t from 'tap'
import { errorCode } from '../../host/errors.ts'
import { admitWorkload, MAX_WORKLOAD_BYTES } from '../../host/nitro/admission/admit.ts'
import { guest, OK } from '../kit/guest.ts'
import { CODE, DATA, ELEMENT, EXPORT, FUNCTION, GLOBAL, leb, ModuleBytes, TYPE } from '../kit/wasm-bytes.ts'

t.setTimeout(120_000)
const MANIFEST = { memory: { maxPages: 64 }, table: { maxElements: 16 }, imports: ['respond'] }

function admit(bytes: Uint8Array): string {
  try {
    admitWorkload(bytes, MANIFEST)
    return 'admitted'
  } catch (error) {
    return errorCode(error) ?? String((error as Error).stack)
  }
}
const base = async () =>
  new ModuleBytes(await guest(OK, { more: '(table 1 16 funcref) (func $v) (elem (i32.const 0) $v)' }))
/** A function of type `$v`: the last of the base. */
const voidType = async () => {
  const body = (await base()).sections.find((each) => each.id === FUNCTION)?.body as Buffer
  return body.subarray(1, 2)
}
const body = (...code: (number | Buffer)[]) => {
  const bytes = Buffer.concat(code.map((each) => (typeof each === 'number' ? Buffer.of(each) : each)))
  return Buffer.concat([leb(bytes.length), bytes])
}
const EMPTY = body(0x00, 0x0b)
const END = 0x0b
const fill = (count: number, item: Uint8Array) => Array<Uint8Array>(count).fill(item)

type Limit = [name: string, limit: number, make: (count: number) => Promise<Uint8Array> | Uint8Array]
const start = await base()
const type = await voidType()
const functions = start.count(FUNCTION)
/** One more function with this body. */
const with_ = async (code: Buffer) => (await base()).append(FUNCTION, [type]).append(CODE, [code]).bytes()

const limits: Limit[] = [
  [
    'types',
    10_000,
    async (n) => (await base()).append(TYPE, fill(n - start.count(TYPE), Buffer.of(0x60, 0, 0))).bytes(),
  ],
  [
    'functions',
    50_000,
    async (n) =>
      (await base())
        .append(FUNCTION, fill(n - functions, type))
        .append(CODE, fill(n - functions, EMPTY))
        .bytes(),
  ],
  [
    'globals',
    10_000,
    async (n) => (await base()).append(GLOBAL, fill(n - start.count(GLOBAL), Buffer.of(0x7f, 0, 0x41, 0, END))).bytes(),
  ],
  [
    'exports',
    1000,
    async (n) =>
      (await base())
        .append(
          EXPORT,
          Array.from({ length: n - start.count(EXPORT) }, (_, i) =>
            Buffer.concat([leb(5), Buffer.from(`x${String(i).padStart(4, '0')}`), Buffer.of(0, 1)]),
          ),
        )
        .bytes(),
  ],
  [
    'parameters of a type',
    64,
    async (n) =>
      (await base()).append(TYPE, [Buffer.concat([Buffer.of(0x60), leb(n), Buffer.alloc(n, 0x7f), leb(0)])]).bytes(),
  ],
  ['locals of a function', 10_000, (n) => with_(body(1, leb(n), 0x7f, END))],
  ['locals in two groups', 10_000, (n) => with_(body(2, leb(5000), 0x7f, leb(n - 5000), 0x7f, END))],
  ['branches of a br_table', 10_000, (n) => with_(body(0, 0x41, 0, 0x0e, leb(n), Buffer.alloc(n + 1), END))],
  [
    'nested blocks',
    999,
    (n) => with_(body(0, Buffer.from(Array(n).fill([0x02, 0x40]).flat()), Buffer.alloc(n, END), END)),
  ],
  [
    'elements of a segment',
    16,
    async (n) =>
      (await base()).append(ELEMENT, [Buffer.concat([Buffer.of(0, 0x41, 0, END), leb(n), Buffer.alloc(n, 1)])]).bytes(),
  ],
  [
    'element segments',
    10_000,
    async (n) => (await base()).append(ELEMENT, fill(n - 1, Buffer.of(0, 0x41, 0, END, 0))).bytes(),
  ],
  ['data segments', 10_000, async (n) => (await base()).append(DATA, fill(n, Buffer.of(0, 0x41, 0, END, 0))).bytes()],
  ['bytes of a custom section', 1_048_576, (n) => start.custom(n)],
  [
    'bytes of a module',
    MAX_WORKLOAD_BYTES,
    async (n) => {
      const module = await base()
      const rest = n - module.bytes().length
      // Of the largest custom sections, each with a byte of id and three of length, and one that fills up.
      const parts: Buffer[] = [Buffer.from(module.bytes())]
      for (let left = rest; left > 0; ) {
        const whole = Math.min(1_048_576, left - 4)
        const length = left - 4 - whole > 0 && left - 4 - whole < 8 ? whole - 8 : whole
        parts.push(
          Buffer.of(0),
          Buffer.of((length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, length >> 14),
          Buffer.alloc(length),
        )
        left -= 4 + length
      }
      return new Uint8Array(Buffer.concat(parts))
    },
  ],
]

for (const [name, limit, make] of limits)
  t.test(`G13: admits ${limit} ${name} and refuses one more`, async (t) => {
    for (const count of [limit - 1, limit]) t.equal(admit(await make(count)), 'admitted', `${count}`)
    t.equal(admit(await make(limit + 1)), 'ERR_IMAGE_LIMIT', `${limit + 1}`)
  })

t.test('G13: refuses counts that nothing stands behind, at once', async (t) => {
  const before = process.memoryUsage().rss
  const began = performance.now()
  for (const id of [TYPE, FUNCTION, GLOBAL, EXPORT, ELEMENT, CODE, DATA]) {
    const module = await base()
    const section = module.append(id, []).sections.find((each) => each.id === id) as { body: Buffer }
    section.body = leb(0xffff_ffff)
    t.match(admit(module.bytes()), /^ERR_IMAGE_(LIMIT|FORMAT)$/, `section ${id}`)
  }
  for (const stated of [1_048_577, 0x3fff_ffff, 0xffff_ffff])
    t.match(admit(start.custom(10, stated)), /^ERR_IMAGE_(LIMIT|FORMAT)$/, `a custom section of ${stated}`)
  t.equal(admit(await with_(body(1, leb(0xffff_ffff), 0x7f, END))), 'ERR_IMAGE_LIMIT', 'four billion locals')
  t.equal(
    admit(await with_(body(0, Buffer.from(Array(100_000).fill([0x02, 0x40]).flat()), Buffer.alloc(100_001, END)))),
    'ERR_IMAGE_LIMIT',
    'blocks nested 100,000 deep',
  )
  t.equal(
    admit(await with_(body(0, 0x41, 0, 0x0e, leb(1_000_000), Buffer.alloc(1_000_001), END))),
    'ERR_IMAGE_LIMIT',
    'a million branches',
  )
  t.ok(performance.now() - began < 30_000)
  t.ok(process.memoryUsage().rss - before < 256 * 1_048_576)
})

t.test('G25: refuses exports that are not what the shell calls them', async (t) => {
  const with_ = async (parts: Parameters<typeof guest>[1]) => admit(await guest(OK, parts))
  t.equal(await with_({}), 'admitted')
  t.equal(await with_({ more: '(func (export "anything"))' }), 'admitted', 'names that nobody calls')
  const rename = async (from: string, to: string) => {
    const bytes = Buffer.from(await guest(OK, { more: '(func (export "fourty") (param i32))' }))
    const at = bytes.indexOf(from)
    bytes.write(to, at, 'latin1')
    return admit(new Uint8Array(bytes))
  }
  t.equal(await rename('memory', 'memori'), 'ERR_IMAGE_EXPORT', 'no memory')
  t.equal(await rename('fourty', 'memory'), 'ERR_IMAGE_EXPORT', 'memory twice')
  t.equal(await rename('fourty', 'handle'), 'ERR_IMAGE_EXPORT', 'handle twice')
  t.equal(await rename('fourty', 'closed'), 'admitted', 'the twin: an optional one of the right type')
  for (const more of [
    '(global (export "init") i32 (i32.const 0))',
    '(func (export "init") (result i64) (i64.const 0))',
    '(func (export "closed"))',
    '(table (export "tick") 1 1 funcref)',
    '(func (export "attested") (param i32 i32))',
  ])
    t.equal(await with_({ more }), 'ERR_IMAGE_EXPORT', more)
})
