// attacks.md K03 and K04: the vectors are the ones that were given, and run on the bytes that are shipped.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { CORE_WASM } from '../../kit/cores.ts'
import { vectorPath, vectorTest } from '../../vectors/kit.ts'

/** Of the list of digests that came with them. */
const LIST = '9607fce64e70324d4c663a974d1d69fb7002031dfcf9ac0d4dc170120fbcce10'

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** Files that are not what the list says. */
function changed(list: string, read: (name: string) => Uint8Array): string[] {
  const entries = [...list.matchAll(/^([0-9a-f]{64}) [ *](?:\.\/)?(.+)$/gm)]
  if (entries.length === 0) return ['the list is empty']
  return entries
    .filter(([, digest, name]) => sha256(read(name as string)) !== digest)
    .map(([, , name]) => name as string)
}

vectorTest(t, 'K03 runs vectors that nobody has edited', async (t) => {
  const list = readFileSync(vectorPath('SHA256SUMS'), 'utf8')
  t.equal(sha256(Buffer.from(list)), LIST, 'the list itself')
  const read = (name: string): Uint8Array => readFileSync(vectorPath(name))
  t.same(changed(list, read), [])
  const name = 'hpke/rfc9180_dhkem_x25519_hkdf_sha256.json'
  const edited = (each: string) => (each === name ? new Uint8Array(0) : read(each))
  t.same(changed(list, edited), [name], 'one that is emptied is noticed')
  t.same(changed('', read), ['the list is empty'])
})

t.test('K04 runs them on the modules that are shipped', async (t) => {
  for (const path of Object.values(CORE_WASM)) {
    const shipped = readFileSync(path)
    t.ok(shipped.equals(readFileSync(`dist/${path}`)), `${path} is what the package has`)
    const names = WebAssembly.Module.customSections(new WebAssembly.Module(shipped), 'name')
    t.same(names, [], 'a release build: it has no names')
  }
})
