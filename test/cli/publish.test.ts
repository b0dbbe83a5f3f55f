// Releases in a folder that others read: what is verified before, what lies there after, and what stays as it was.

import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { PUBLISHED, publish } from '../../host/cli/publication.ts'
import { signReferenceValues } from '../../host/control/releases/reference-values.ts'
import { signEif } from '../../host/nitro/eif/signature.ts'
import { runCli } from '../kit/host.ts'
import { Pipeline } from '../kit/pipeline.ts'
import { refusal, verb, verbJson } from '../kit/verbs.ts'

const folder = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, ...names)

function pipelineIn(name: string) {
  const pipeline = new Pipeline()
  const [certificate, key] = [at(`${name}.pem`), at(`${name}.key`)]
  writeFileSync(certificate, pipeline.certificate.toString())
  writeFileSync(key, pipeline.key.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  return { ...pipeline, certificate: pipeline.certificate, files: { certificate, key } }
}
const pipeline = pipelineIn('pipeline')
const stranger = pipelineIn('stranger')

async function release(version: string, name: string, { files } = pipeline): Promise<void> {
  const eif = ['--eif-path', at(`${name}.eif`)]
  cpSync('assembly/workloads/keyvalue', at(`source-${name}`), { recursive: true })
  const description = at(`source-${name}`, 'enclave.json')
  writeFileSync(description, JSON.stringify({ ...JSON.parse(readFileSync(description, 'utf8')), version }))
  await verb('release', 'build', '--docker-dir', at(`source-${name}`), '--output-file', at(`${name}.eif`))
  await verb('release', 'test', ...eif)
  const signing = ['--signing-certificate', files.certificate, '--private-key', files.key]
  await verb('release', 'sign', ...eif, '--test-result', at(`${name}.test-result.json`), ...signing)
}
await release('1.0.0', 'one')
await release('1.1.0', 'two')
await release('1.0.0', 'again')
await release('..', 'above')

const args = (name: string, to: string, ...more: string[]) =>
  ['release', 'publish', '--eif-path', at(`${name}.eif`), '--to', at(to)].concat(
    more.includes('--signing-certificate') ? [] : ['--signing-certificate', pipeline.files.certificate],
    more,
  )
const read = (name: string) => readFileSync(at(name))
const digest = (name: string) =>
  createHash('sha384')
    .update(read(`${name}.release.json`))
    .digest('hex')
/** Every file under a folder, with its bytes. */
const tree = (name: string) =>
  existsSync(at(name))
    ? readdirSync(at(name), { recursive: true, withFileTypes: true })
        .filter((each) => !each.isDirectory())
        .map((each) => [
          join(each.parentPath, each.name).slice(at(name).length + 1),
          read(join(each.parentPath, each.name).slice(folder.length + 1)).toString('hex'),
        ])
        .toSorted()
    : []
const names = (name: string) => tree(name).map(([path]) => path)

t.test('publishes two versions side by side, each found by its digest, and verifies them from there', async (t) => {
  t.match(await verbJson(...args('one', 'shelf')), { Release: digest('one'), Version: '1.0.0', New: true })
  t.match(await verbJson(...args('two', 'shelf')), { Release: digest('two'), Version: '1.1.0', New: true })
  t.same(
    names('shelf'),
    [
      ...['one', 'two'].map((name) => `_digests/${digest(name)}.json`).toSorted(),
      ...['1.0.0', '1.1.0'].flatMap((v) => Object.values(PUBLISHED).map((file) => `keyvalue/${v}/${file}`)).toSorted(),
    ].toSorted(),
  )
  const sources: [string, string][] = [
    ['image.eif', 'two.eif'],
    ['release.json', 'two.release.json'],
    ['reference-values.json', 'two.reference.json'],
  ]
  for (const [file, source] of sources) t.ok(read(`shelf/keyvalue/1.1.0/${file}`).equals(read(source)), file)
  const found = JSON.parse(read(`shelf/_digests/${digest('two')}.json`).toString())
  t.match(found, { format: 1, release: digest('two'), workload: 'keyvalue', version: '1.1.0', path: 'keyvalue/1.1.0' })
  const place = (file: string) => at('shelf', found.path, file)
  const verify = (certificate: string, reference = place(PUBLISHED.referenceValues)) =>
    verbJson(
      ...['release', 'verify', '--eif-path', place(PUBLISHED.eif), '--signing-certificate', certificate],
      ...['--reference-values', reference, '--docker-dir', at('source-two')],
    )
  t.match(await verify(pipeline.files.certificate), { Release: digest('two'), Rebuilt: true })
  t.equal(await refusal(verify(stranger.files.certificate)), 'ERR_RELEASE_PIPELINE')
  t.equal(await refusal(verify(pipeline.files.certificate, at('one.reference.json'))), 'ERR_REFERENCE_RELEASE')
})

t.test('publishes the same again and changes nothing; refuses other bytes under a version that is there', async (t) => {
  const before = tree('shelf')
  t.match(await verbJson(...args('one', 'shelf')), { Release: digest('one'), New: false })
  t.same(tree('shelf'), before)
  t.equal(await refusal(verb(...args('again', 'shelf'))), 'ERR_RELEASE_PUBLISHED', 'the same image, signed again')
  t.same(tree('shelf'), before, 'and nothing of it is there, nor in the index')
  t.match(await verbJson(...args('again', 'elsewhere')), { Release: digest('again'), New: true })
  for (const file of Object.values(PUBLISHED)) {
    rmSync(at('elsewhere/keyvalue/1.0.0', file))
    t.equal(await refusal(verb(...args('again', 'elsewhere'))), 'ERR_RELEASE_PUBLISHED', `${file} is gone`)
    t.notOk(existsSync(at('elsewhere/keyvalue/1.0.0', file)), 'and is not put back beside what may be another')
    cpSync(at('shelf/keyvalue/1.0.0', file), at('elsewhere/keyvalue/1.0.0', file))
  }
})

t.test('refuses what does not hold together, and writes nothing', async (t) => {
  const unsigned = at('source-one.eif')
  await verb('release', 'build', '--docker-dir', at('source-one'), '--output-file', unsigned)
  const pem = (path: string) => readFileSync(path, 'utf8')
  writeFileSync(at('strange.eif'), signEif(read('one.eif'), pem(stranger.files.certificate), pem(stranger.files.key)))
  const torn = read('one.eif')
  torn[600] = (torn[600] as number) ^ 1
  writeFileSync(at('torn.eif'), torn)
  const values = JSON.parse(Buffer.from(JSON.parse(read('one.reference.json').toString()).payload, 'base64').toString())
  const resigned = { ...values, pcrs: { ...values.pcrs, 2: '12'.repeat(48) } }
  writeFileSync(at('pcr2.json'), signReferenceValues(resigned, pipeline.key, pipeline.certificate))
  writeFileSync(at('foreign.json'), signReferenceValues(values, stranger.key, stranger.certificate))
  const own = ['--release', at('one.release.json'), '--reference-values', at('one.reference.json')]
  const rows: [string, string, string[], string][] = [
    ['an image that is not there', 'none', own, 'ERR_FILE_READ'],
    ['an image that is not signed', 'source-one', own, 'ERR_IMAGE_UNSIGNED'],
    ["an image under a stranger's key", 'strange', own, 'ERR_RELEASE_PIPELINE'],
    ['an image with a changed byte', 'torn', own, 'ERR_IMAGE_CRC'],
    [
      'a pipeline that one does not trust',
      'one',
      ['--signing-certificate', stranger.files.certificate],
      'ERR_RELEASE_PIPELINE',
    ],
    ['no envelope', 'one', ['--release', at('none.json')], 'ERR_FILE_READ'],
    ['the envelope of another image', 'one', ['--release', at('two.release.json')], 'ERR_RELEASE_IMAGE'],
    ['reference values for an envelope', 'one', ['--release', at('one.reference.json')], 'ERR_RELEASE_SYNTAX'],
    ['no reference values', 'one', ['--reference-values', at('none.json')], 'ERR_FILE_READ'],
    ['those of another version', 'one', ['--reference-values', at('two.reference.json')], 'ERR_REFERENCE_RELEASE'],
    ['those of another signing', 'one', ['--reference-values', at('again.reference.json')], 'ERR_REFERENCE_RELEASE'],
    ['those with another PCR2', 'one', ['--reference-values', at('pcr2.json')], 'ERR_REFERENCE_PCR'],
    ["those under a stranger's key", 'one', ['--reference-values', at('foreign.json')], 'ERR_RELEASE_SIGNATURE'],
    ['a version that would lie above its workload', 'above', [], 'ERR_RELEASE_VERSION'],
  ]
  for (const [name, eif, more, code] of rows) {
    t.equal(await refusal(verb(...args(eif, 'empty', ...more))), code, name)
    t.notOk(existsSync(at('empty')), name)
  }
  t.equal(await refusal(verb(...args('one', 'empty', ...own))), 'done', 'the twin')
})

t.test(
  'leaves a version whole or not at all, whatever fails, and completes it when it is published again',
  async (t) => {
    mkdirSync(at('failing'))
    writeFileSync(at('failing/keyvalue'), 'in the way')
    t.equal(await refusal(verb(...args('one', 'failing'))), 'ERR_FILE_WRITE', 'a file in the place of the workload')
    t.same(names('failing'), ['keyvalue'])
    rmSync(at('failing/keyvalue'))
    const entry = `failing/_digests/${digest('one')}.json`
    mkdirSync(at(entry))
    t.equal(
      await refusal(verb(...args('one', 'failing'))),
      'ERR_FILE_WRITE',
      'a folder in the place of the index entry',
    )
    t.same(
      names('failing'),
      Object.values(PUBLISHED)
        .map((file) => `keyvalue/1.0.0/${file}`)
        .toSorted(),
      'it is whole',
    )
    rmSync(at(entry), { recursive: true })
    t.match(await verbJson(...args('one', 'failing')), { New: false })
    t.same(
      names('failing'),
      names('shelf').filter((path) => path?.includes(digest('one')) || path?.includes('1.0.0')),
    )
  },
)

t.test('lets one of two who publish the same version at once win, whole', async (t) => {
  const answers = await Promise.all(['one', 'again'].map((name) => runCli(args(name, 'race'))))
  t.same(answers.map(({ code }) => code).toSorted(), [0, 1])
  const won = answers[0]?.code === 0 ? 'one' : 'again'
  t.match(answers.find(({ code }) => code !== 0)?.stderr, /^ERR_RELEASE_PUBLISHED: /)
  t.same(names('race'), [`_digests/${digest(won)}.json`, ...names('race').slice(1)])
  t.equal(names('race').length, 4, 'the three files and one entry')
  t.ok(read('race/keyvalue/1.0.0/image.eif').equals(read(`${won}.eif`)))
  t.ok(read('race/keyvalue/1.0.0/release.json').equals(read(`${won}.release.json`)))
  t.match(await verbJson(...args(won, 'race')), { New: false })
})

t.test('refuses versions that are dots alone, accepts those beside them', (t) => {
  const name = { digest: '12'.repeat(48), workload: 'w', securityVersion: 1, image: '34'.repeat(48) }
  const files = { eif: Uint8Array.of(1), envelope: Uint8Array.of(2), referenceValues: Uint8Array.of(3) }
  for (const version of ['.', '..', '...'])
    t.throws(() => publish(at('dots'), { ...name, version }, files), { code: 'ERR_RELEASE_VERSION' }, version)
  t.notOk(existsSync(at('dots')))
  for (const version of ['.1', '1..', '..a'])
    t.match(publish(at('dots'), { ...name, version }, files), { fresh: true }, version)
  t.end()
})
