// attacks.md K05 and K07: what is published is what is meant to be: no test, no key of ours, no stray file.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'

t.setTimeout(120_000)

/** Every file of the package is of one of these kinds. */
const MEANT = [
  /^(LICENSE|README\.md|package\.json|host\/cli\/bootstrap\.cjs)$/,
  /^assembly\/(abi|codec|crypto|kernel|mem|sdk|workloads)\/.+\.ts$/,
  /^assembly\/abi\/[A-Z-]+\.md$/,
  /^assembly\/tsconfig\.json$/,
  /^assembly\/kernel\/kernel\.wasm$/,
  /^assembly\/workloads\/[a-z-]+\/(workload\.wasm|[a-z-]+\.wat|enclave\.json)$/,
  /^dist\/(nitro\.mjs|parent\.mjs|kms\.mjs|enclave\.cjs)$/,
  /^dist\/(host|assembly)\/.+\.(js|d\.ts|json|html|css|proto)$/,
  /^dist\/host\/core\/core(-relaxed)?\.wasm$/,
  /^dist\/assembly\/.+\.wasm$/,
]
/** The label of a private key with key material behind it; a parser has the label alone. */
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{16}/
/** What only tests import: attackers' tools, fixed keys, a mock of a clock or a disk. */
const OF_TESTS = /(from|import\(?|require\()\s*['"]([^'"]*\/test\/[^'"]*|tap)['"]/

function packed(): string[] {
  const json = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: 2 ** 26,
  })
  const [{ files }] = Object.values(JSON.parse(json)) as [{ files: { path: string }[] }]
  return files.map(({ path }) => path)
}

const strays = (paths: string[]) => paths.filter((path) => !MEANT.some((pattern) => pattern.test(path)))
const tells = (text: string) => [KEY, OF_TESTS].filter((pattern) => pattern.test(text)).length

t.test('K07 packs what is meant to be packed', async (t) => {
  const paths = packed()
  t.ok(paths.length > 500, `${paths.length} files`)
  t.same(strays(paths), [])
  for (const needed of ['dist/nitro.mjs', 'dist/enclave.cjs', 'assembly/kernel/kernel.wasm', 'host/cli/bootstrap.cjs'])
    t.ok(paths.includes(needed), needed)
  for (const stray of ['test/kit/host.ts', 'dist/.stamps.json', 'assembly/workloads/echo/key.pem', 'dist/host/a.pem'])
    t.same(strays([stray]), [stray], 'and would notice')
})

t.test('K05 holds no private key, and nothing of the tests', async (t) => {
  for (const path of packed()) if (tells(readFileSync(path, 'utf8')) > 0) t.fail(path)
  const key = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v\n-----END PRIVATE KEY-----\n'
  t.equal(tells(key), 1, 'a key would be noticed')
  t.equal(tells("import { leaky } from '../../test/kit/leaky.ts'"), 1, 'and so would a tool of the tests')
})
