// B15: two builds in two folders, in other times, places and moods of the machine, are the same but for the signature.
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t from 'tap'
import { makeDevelopmentHost, pipelineFiles } from '../../host/cli/development.ts'
import { parseEif } from '../../host/nitro/eif/format.ts'

const root = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(() => rmSync(root, { recursive: true, force: true }))
const pipeline = pipelineFiles(makeDevelopmentHost(join(root, 'host')).folder)
const cli = resolve('host/cli/bootstrap.cjs')

async function build(place: string, umask: string, env: NodeJS.ProcessEnv, signed: boolean): Promise<Uint8Array> {
  const folder = join(root, place)
  mkdirSync(folder, { recursive: true })
  cpSync('assembly/workloads/keyvalue', join(folder, 'w'), { recursive: true })
  const signing = ['--signing-certificate', pipeline.certificate, '--private-key', pipeline.key]
  const args = ['build-enclave', '--docker-dir', 'w', '--output-file', 'x.eif', ...(signed ? signing : [])]
  const child = spawn('sh', ['-c', `umask ${umask} && exec "$0" "$@"`, process.execPath, cli, ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise((done) => child.once('close', done))
  if (code !== 0) throw new Error(`the build ended with ${code}`)
  return new Uint8Array(readFileSync(join(folder, 'x.eif')))
}

t.test('builds bit-identical images, whatever the folder, time zone, locale and umask', async (t) => {
  const one = await build('one', '022', { TZ: 'UTC', LANG: 'C' }, false)
  const two = await build(
    'deep/er/två',
    '077',
    { TZ: 'Pacific/Kiritimati', LANG: 'tr_TR.UTF-8', LC_ALL: 'de_DE.UTF-8', HOME: '/nowhere' },
    false,
  )
  t.ok(Buffer.from(one).equals(two))
  const dated = await build('three', '022', { SOURCE_DATE_EPOCH: '1700000000' }, false)
  t.notOk(Buffer.from(one).equals(dated), 'a time that is asked for shows')
  const [a, b] = [parseEif(one), parseEif(dated)]
  t.same(
    a.sections.map((section, i) => Buffer.from(section.payload).equals(b.sections[i]?.payload as Uint8Array)),
    [true, true, false, true, true, true],
    'in the metadata alone',
  )
  t.match(Buffer.from(b.metadata).toString(), '2023-11-14T22:13:20+00:00')
})

t.test('signs the same bytes: signed builds differ in the signature section alone', async (t) => {
  const [one, two] = [
    parseEif(await build('four', '022', { TZ: 'UTC' }, true)),
    parseEif(await build('five', '077', { TZ: 'Asia/Kathmandu' }, true)),
  ]
  t.equal(one.sections.length, 7)
  t.same(one.sections.slice(0, -1), two.sections.slice(0, -1))
})
