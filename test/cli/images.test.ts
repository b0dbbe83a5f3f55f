// nitro-cli's verbs on images as a table: flags, exit codes, error codes, and JSON keys in their order, as nitro-cli 1.5 has them.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseEif } from '../../host/nitro/eif/format.ts'
import { Daemon } from '../kit/daemon.ts'
import { runCli } from '../kit/host.ts'
import { json, refuses } from '../kit/refusals.ts'

// Each call starts two processes: on a busy machine that takes its time.
t.setTimeout(170_000)

const daemon = await Daemon.start()
const scratch = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(async () => {
  await daemon.stop()
  rmSync(scratch, { recursive: true, force: true })
})
const { data } = daemon
const at = (name: string) => join(scratch, name)
const certificate = join(data, 'development/pipeline/certificate.pem')
const key = join(data, 'development/pipeline/key.pem')
const echo = 'assembly/workloads/echo'
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content)
  return at(name)
}
const noise = file('noise', randomBytes(3000))
const signing = ['--signing-certificate', certificate, '--private-key', key]

t.test('build-enclave, describe-eif and sign-eif', async (t) => {
  const build = (...more: string[]) => ['build-enclave', '--docker-dir', echo, '--output-file', at('a.eif'), ...more]
  const built = await json(
    ...build('--name', 'shown', '--version', '9.9', '--metadata', file('m.json', '{"Team":"x"}')),
  )
  t.same(Object.keys(built), ['Measurements'])
  t.same(Object.keys(built.Measurements), ['HashAlgorithm', 'PCR0', 'PCR1', 'PCR2'])
  const unsigned = await json('describe-eif', '--eif-path', at('a.eif'))
  t.same(Object.keys(unsigned), [
    ...['EifVersion', 'Measurements', 'IsSigned', 'CheckCRC', 'ImageName', 'ImageVersion', 'Metadata'],
  ])
  t.match(unsigned, { EifVersion: 4, IsSigned: false, CheckCRC: true, ImageName: 'shown', ImageVersion: '9.9' })
  t.same(Object.keys(unsigned.Metadata), [
    ...['BuildTime', 'BuildTool', 'BuildToolVersion', 'OperatingSystem', 'KernelVersion', 'DockerInfo', 'Team'],
  ])
  t.same(unsigned.Measurements, built.Measurements)

  const signed = await json('sign-eif', '--eif-path', at('a.eif'), ...signing)
  t.same(Object.keys(signed.Measurements), ['HashAlgorithm', 'PCR0', 'PCR1', 'PCR2', 'PCR8'])
  t.equal(signed.Measurements.PCR0, built.Measurements.PCR0)
  const described = await json('describe-eif', '--eif-path', at('a.eif'))
  t.same(Object.keys(described), [
    ...['EifVersion', 'Measurements', 'IsSigned', 'SigningCertificate', 'CheckCRC', 'SignatureCheck'],
    ...['ImageName', 'ImageVersion', 'Metadata'],
  ])
  t.same(Object.keys(described.SigningCertificate), ['IssuerName', 'Algorithm', 'NotBefore', 'NotAfter', 'Signature'])
  t.match(described, { IsSigned: true, SignatureCheck: true })
  const once = await json(...build(...signing))
  t.equal(once.Measurements.PCR8, signed.Measurements.PCR8, 'signed as it is built')

  await refuses(t, [
    ['docker', ['build-enclave', '--docker-uri', 'x', '--output-file', at('x')], 49, 'ERR_BUILD_DOCKER'],
    ['no folder', ['build-enclave', '--output-file', at('x')], 1, 'ERR_USAGE_MISSING_DIR'],
    ['no output', ['build-enclave', '--docker-dir', echo], 2],
    ['an empty folder', ['build-enclave', '--docker-dir', scratch, '--output-file', at('x')], 19, 'ERR_FILE_READ'],
    ['a certificate alone', build('--signing-certificate', certificate), 1, 'ERR_USAGE_MISSING_KEY'],
    ['a key alone', build('--private-key', key), 1, 'ERR_USAGE_MISSING_KEY'],
    ['metadata of no JSON', build('--metadata', file('bad.json', '{')), 3, 'ERR_USAGE_JSON'],
    ['metadata that is a list', build('--metadata', file('list.json', '[1]')), 3, 'ERR_USAGE_JSON'],
    [
      'metadata of a byte too many',
      build('--metadata', file('long.json', JSON.stringify({ a: 'x'.repeat(4097 - 8) }))),
      48,
      'ERR_BUILD_METADATA',
    ],
    ['nowhere to write', ['build-enclave', '--docker-dir', echo, '--output-file', '/nowhere/x'], 19, 'ERR_FILE_WRITE'],
    ['an image that is none', ['describe-eif', '--eif-path', noise], 35, 'ERR_IMAGE_FORMAT'],
    ['an image that is not there', ['describe-eif', '--eif-path', at('none')], 19, 'ERR_FILE_READ'],
    [
      'a certificate that is none',
      ['sign-eif', '--eif-path', at('a.eif'), '--signing-certificate', noise, '--private-key', key],
      60,
      'ERR_IMAGE_KEY',
    ],
    [
      'a key that is none',
      ['sign-eif', '--eif-path', at('a.eif'), '--signing-certificate', certificate, '--private-key', noise],
      60,
      'ERR_IMAGE_KEY',
    ],
    [
      "another certificate's key",
      [
        ...['sign-eif', '--eif-path', at('a.eif'), '--signing-certificate', certificate],
        ...['--private-key', join(data, 'customer/owner.key')],
      ],
      60,
      'ERR_IMAGE_KEY',
    ],
  ])
  t.equal((await runCli(build('--metadata', file('fits.json', JSON.stringify({ a: 'x'.repeat(4096 - 8) }))))).code, 0)
})

t.test('pcr and explain', async (t) => {
  t.same(Object.keys(await json('pcr', '--input', noise)), ['PCR'])
  const { PCR8 } = await json('pcr', '--signing-certificate', certificate)
  const image = await json('build-enclave', '--docker-dir', echo, '--output-file', at('p.eif'), ...signing)
  t.equal(PCR8, image.Measurements.PCR8)
  await refuses(t, [
    ['neither', ['pcr'], 1, 'ERR_USAGE_MISSING_INPUT'],
    ['both', ['pcr', '--input', noise, '--signing-certificate', certificate], 2, 'ERR_USAGE_CONFLICT'],
    ['no certificate', ['pcr', '--signing-certificate', noise], 60, 'ERR_IMAGE_KEY'],
    ['no file', ['pcr', '--input', at('none')], 19, 'ERR_FILE_READ'],
    ['an unknown code', ['explain', '--error-code', 'E99'], 3, 'ERR_USAGE_CODE'],
  ])
  for (const code of ['E01', 'E02', 'E03', 'E11', 'E19', 'E26', 'E35', 'E36', 'E39', 'E44', 'E49', 'e59'])
    t.match((await runCli(['explain', '--error-code', code])).stdout, new RegExp(`^${code.toUpperCase()}: `), code)
})

t.test('prints progress on stderr alone', async (t) => {
  const { stdout, stderr } = await runCli(['build-enclave', '--docker-dir', echo, '--output-file', at('s.eif')])
  t.equal(stderr, 'Start building the Enclave Image...\nEnclave Image successfully created.\n')
  t.doesNotThrow(() => JSON.parse(stdout))
  t.match(stdout, /^\{\n {2}"Measurements": \{\n {4}"/, 'in steps of two')
  t.equal(parseEif(readFileSync(at('s.eif'))).signature, null)
})
