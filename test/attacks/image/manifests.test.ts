// Group B on what an image says of itself: manifests that are not canonical, not true, or ask for more than a workload may have. All
// are signed by the pipeline, so that nothing but the rule itself refuses them; each differs by one thing from what is accepted.
import t from 'tap'
import { parseEif, writeEif } from '../../../host/nitro/eif/format.ts'
import { type ImageManifest, part } from '../../../host/nitro/eif/manifests.ts'
import { encodeCanonicalJson, type Json } from '../../../host/wire/canonical-json.ts'
import { assemble, guest, OK } from '../../kit/guest.ts'
import { imageOf } from '../../kit/host.ts'
import { ImageUnderAttack } from '../../kit/image.ts'

const target = await ImageUnderAttack.make('echo')
const eif = parseEif(target.image)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8')
const bytes = (value: string) => new Uint8Array(Buffer.from(value))
const IMAGE = text(eif.ramdisks[1] as Uint8Array)
const PLATFORM = text(eif.cmdline)

/** The image with this manifest in the place of its own, signed. */
const withManifest = (manifest: Uint8Array) => {
  const [r0, , ...rest] = eif.ramdisks as [Uint8Array, Uint8Array, Uint8Array]
  return target.sign(writeEif({ ...eif, ramdisks: [r0, manifest, ...rest] }))
}
const withPlatform = (manifest: Uint8Array) => target.sign(writeEif({ ...eif, cmdline: manifest }))
/** The manifest with a change to its content, written canonically. */
const manifestWith = (change: (manifest: ImageManifest) => void): Uint8Array => {
  const manifest = JSON.parse(IMAGE) as ImageManifest
  change(manifest)
  return encodeCanonicalJson(manifest as unknown as Json)
}

t.test('accepts the manifests as they are, and the same content written anew', async (t) => {
  t.equal(await target.launch(withManifest(bytes(IMAGE))), 'launches')
  t.equal(await target.launch(withPlatform(bytes(PLATFORM))), 'launches')
  t.equal(await target.launch(withManifest(manifestWith(() => {}))), 'launches')
})

t.test('B11: refuses JSON of the same meaning in other bytes', async (t) => {
  const tricks: [string, (json: string) => string, RegExp][] = [
    ['a key twice', (json) => json.replace('"format":1', '"format":1,"format":1'), /^ERR_JSON_CANONICAL$/],
    [
      'a key twice, the first wrong',
      (json) => json.replace('"format":1', '"format":2,"format":1'),
      /^ERR_JSON_CANONICAL$/,
    ],
    ['an escape that is none', (json) => json.replace('"format"', '"\\u0066ormat"'), /^ERR_JSON_CANONICAL$/],
    ['1.0', (json) => json.replace('"format":1', '"format":1.0'), /^ERR_JSON_CANONICAL$/],
    ['1e0', (json) => json.replace('"format":1', '"format":1e0'), /^ERR_JSON_CANONICAL$/],
    ['-0', (json) => json.replace('"format":1', '"format":-0'), /^ERR_JSON_CANONICAL$/],
    ['a byte order mark', (json) => `\ufeff${json}`, /^ERR_JSON_(SYNTAX|CANONICAL)$/],
    ['a blank', (json) => json.replace(':', ': '), /^ERR_JSON_CANONICAL$/],
    ['a line behind', (json) => `${json}\n`, /^ERR_JSON_CANONICAL$/],
    [
      'keys in another order',
      (json) =>
        `{${json
          .slice(1, -1)
          .split(/,(?=")/)
          .reverse()
          .join(',')}}`,
      /^ERR_JSON_(SYNTAX|CANONICAL)$/,
    ],
    ['a lone surrogate', (json) => json.replace('"format":1', '"format":1,"x":"\\ud800"'), /^ERR_/],
    ['__proto__', (json) => json.replace('{', '{"__proto__":{"format":1},'), /^ERR_(JSON_CANONICAL|IMAGE_MANIFEST)$/],
    ['nothing', () => ' ', /^ERR_JSON_SYNTAX$/],
    ['null', () => 'null', /^ERR_IMAGE_MANIFEST$/],
    ['a list', (json) => `[${json}]`, /^ERR_IMAGE_MANIFEST$/],
    [
      'a field more',
      (json) => json.replace('"format":1', '"format":1,"fp":1'),
      /^ERR_(IMAGE_MANIFEST|JSON_CANONICAL)$/,
    ],
    ['a field less', (json) => json.replace('"format":1,', ''), /^ERR_IMAGE_MANIFEST$/],
    ['a format that is not known', (json) => json.replace('"format":1', '"format":2'), /^ERR_IMAGE_MANIFEST$/],
  ]
  for (const [name, trick, code] of tricks)
    for (const [which, json, image] of [
      ['image manifest', IMAGE, withManifest],
      ['platform manifest', PLATFORM, withPlatform],
    ] as const) {
      const changed = trick(json)
      if (changed === json) t.fail(`${name} changes nothing in the ${which}`)
      t.match(await target.launch(image(bytes(changed))), code, `${name}, ${which}`)
    }
  const invalid = Buffer.concat([bytes(IMAGE.slice(0, -1)), Buffer.from([0xff, 0x7d])])
  t.equal(await target.launch(withManifest(new Uint8Array(invalid))), 'ERR_JSON_SYNTAX', 'no UTF-8')
  t.notOk(Object.hasOwn(Object.prototype, 'format'), 'the prototype is as it was')
})

t.test('B13: refuses a manifest that is not true of its image', async (t) => {
  const rows: [string, (manifest: ImageManifest) => void][] = [
    [
      'a digest',
      (m) => {
        ;(m.parts[0] as { sha384: string }).sha384 = part(new Uint8Array(1)).sha384
      },
    ],
    [
      'a digest in capitals',
      (m) => {
        ;(m.parts[0] as { sha384: string }).sha384 = (m.parts[0] as { sha384: string }).sha384.toUpperCase()
      },
    ],
    [
      'a length',
      (m) => {
        ;(m.parts[0] as { lengthBytes: number }).lengthBytes++
      },
    ],
    ['a part that is not there', (m) => m.parts.push({ ...(m.parts[0] as ImageManifest['parts'][0]), name: 'more' })],
    [
      'no parts',
      (m) => {
        m.parts = []
      },
    ],
    [
      'imports out of order',
      (m) => {
        m.imports = ['respond', 'get']
      },
    ],
    [
      'an import twice',
      (m) => {
        m.imports.push(m.imports.at(-1) as string)
      },
    ],
    [
      'a name with a path',
      (m) => {
        m.workload.name = '../echo'
      },
    ],
    [
      'security version 0',
      (m) => {
        m.securityVersion = 0
      },
    ],
    [
      'no pages',
      (m) => {
        m.memory.maxPages = 0
      },
    ],
    [
      'a page more than 1 GiB',
      (m) => {
        m.memory.maxPages = 16_385
      },
    ],
    [
      'a table element more than may be',
      (m) => {
        m.table.maxElements = 10_001
      },
    ],
    [
      'half a page',
      (m) => {
        m.memory.maxPages = 1.5
      },
    ],
  ]
  for (const [name, change] of rows)
    t.equal(await target.launch(withManifest(manifestWith(change))), 'ERR_IMAGE_MANIFEST', name)
  const platform = (change: (manifest: Record<string, unknown>) => void) => {
    const manifest = JSON.parse(PLATFORM)
    change(manifest)
    return withPlatform(encodeCanonicalJson(manifest))
  }
  for (const abi of ['kernelAbi', 'workloadAbi'])
    t.equal(
      await target.launch(
        platform((m) => {
          m[abi] = (m[abi] as number) + 1
        }),
      ),
      'ERR_IMAGE_MANIFEST',
      abi,
    )
})

t.test('B13: refuses another workload, security version or memory than was granted', async (t) => {
  t.equal(
    await target.launch(
      withManifest(
        manifestWith((m) => {
          m.securityVersion = 2
        }),
      ),
    ),
    'launches',
    'a higher one is granted',
  )
  t.equal(
    await target.launch(
      withManifest(
        manifestWith((m) => {
          m.workload.name = 'other'
        }),
      ),
    ),
    'ERR_LAUNCH_GRANT',
  )
  t.equal(await target.launch(target.sign(imageOf('hello'))), 'ERR_LAUNCH_GRANT')
  const pages = (JSON.parse(IMAGE) as ImageManifest).memory.maxPages
  const grown = withManifest(
    manifestWith((m) => {
      m.memory.maxPages = 1025
    }),
  )
  t.equal(await target.launch(grown, 65), 'launches')
  t.equal(await target.launch(grown, 64), 'ERR_LAUNCH_MEMORY', '64 MiB and one page')
  t.equal(await target.launch(target.image, 63), 'ERR_LAUNCH_MEMORY', 'nitro-cli gives 64 MiB at least')
  t.equal(
    await target.launch(
      withManifest(
        manifestWith((m) => {
          m.memory.maxPages = pages - 1
        }),
      ),
      64,
    ),
    'ERR_IMAGE_LIMIT',
    'less than its code says',
  )
})

t.test('B06, B07: what the code may not be is refused at the launch, signed or not', async (t) => {
  const echo = (code: Uint8Array) => target.sign(imageOf('echo', code))
  t.equal(await target.launch(echo(await guest(OK))), 'launches')
  const rows: [string, string, Uint8Array][] = [
    ['a start function', 'ERR_IMAGE_FEATURE', await guest(OK, { more: '(func $s) (start $s)' })],
    ['no maximum of memory', 'ERR_IMAGE_LIMIT', await guest(OK, { memory: '2' })],
    ['more memory than its manifest says', 'ERR_IMAGE_LIMIT', await guest(OK, { memory: '2 65' })],
    ['a large table', 'ERR_IMAGE_LIMIT', await guest(OK, { more: '(table 17 17 funcref)' })],
    [
      'an entry point of another type',
      'ERR_IMAGE_EXPORT',
      await guest(OK, { more: '(func (export "tick") (param i32))' }),
    ],
    [
      'a second allocate',
      'ERR_IMAGE_EXPORT',
      await assemble('(module (memory (export "memory") 1 1) (global (export "allocate") i32 (i32.const 0)))'),
    ],
  ]
  for (const [name, code, wasm] of rows) t.equal(await target.launch(echo(wasm)), code, name)
  // An import that the manifest does not name, in an image that was built with the true one.
  const { ramdisks } = parseEif(imageOf('echo', await guest(OK)))
  const manifest = JSON.parse(text(ramdisks[1] as Uint8Array)) as ImageManifest
  t.same(manifest.imports, ['respond'])
  for (const imports of [[], ['get'], ['get', 'respond']]) {
    const lied = encodeCanonicalJson({ ...manifest, imports } as unknown as Json)
    const image = writeEif({
      ...parseEif(imageOf('echo', await guest(OK))),
      ramdisks: [ramdisks[0] as Uint8Array, lied, ramdisks[2] as Uint8Array],
    })
    t.equal(await target.launch(target.sign(image)), 'ERR_IMAGE_IMPORT', `imports ${imports.join()}`)
  }
})

t.test('B11: manifests of great depth or size are refused by a code, in bounded time', async (t) => {
  const start = performance.now()
  for (const depth of [65, 1000, 100_000]) {
    const nested = bytes(`${'['.repeat(depth)}${']'.repeat(depth)}`)
    t.match(await target.launch(withManifest(nested)), /^ERR_(IMAGE|JSON)_/, `depth ${depth}`)
  }
  // Sixty-four levels are read, and then refused for what they say.
  for (const [depth, code] of [
    [63, 'ERR_IMAGE_MANIFEST'],
    [64, 'ERR_IMAGE_MANIFEST'],
    [65, 'ERR_JSON_SYNTAX'],
  ] as const)
    t.equal(
      await target.launch(withManifest(bytes(`${'['.repeat(depth)}${']'.repeat(depth)}`))),
      code,
      `depth ${depth}`,
    )
  const brackets = manifestWith((m) => {
    m.workload.version = '1'
  })
  t.equal(
    await target.launch(withManifest(bytes(text(brackets).replace('"1"', `"${'[\\"{'.repeat(100)}"`)))),
    'ERR_IMAGE_MANIFEST',
    'brackets in a text are no depth',
  )
  t.match(await target.launch(withManifest(bytes(`"${'x'.repeat(8_000_000)}"`))), /^ERR_(IMAGE|JSON)_/, '8 MB of text')
  t.ok(performance.now() - start < 60_000)
})
