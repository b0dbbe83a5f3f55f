// nitro-cli's verbs on a running host as a table: flags, exit codes, error codes, and JSON keys in their order, as nitro-cli 1.5 has them.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Daemon } from '../kit/daemon.ts'
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

file('bad.json', '{')

t.test('run-enclave, describe-enclaves and terminate-enclave', async (t) => {
  await json('build-enclave', '--docker-dir', echo, '--output-file', at('u.eif'))
  await json('build-enclave', '--docker-dir', echo, '--output-file', at('e.eif'), ...signing)
  const run = (...more: string[]) => ['run-enclave', '--data', data, '--eif-path', at('e.eif'), ...more]
  t.same(await json('describe-enclaves', '--data', data), [])

  await refuses(t, [
    ['no image', ['run-enclave', '--data', data, '--memory', '64'], 1, 'ERR_USAGE_MISSING_EIF'],
    ['no memory', run(), 1, 'ERR_USAGE_MISSING_MEMORY'],
    ['memory of no number', run('--memory', '64K'), 3, 'ERR_USAGE_MEMORY'],
    ['too little memory', run('--memory', '63'), 26, 'ERR_LAUNCH_MEMORY'],
    ['more CPUs than there are', run('--memory', '64', '--cpu-count', '3'), 22, 'ERR_LAUNCH_CPU'],
    ['no CPU', run('--memory', '64', '--cpu-count', '0'), 3, 'ERR_USAGE_NUMBER'],
    ['CPUs of no number', run('--memory', '64', '--cpu-count', 'two'), 3, 'ERR_USAGE_NUMBER'],
    ['CPUs by count and by id', run('--memory', '64', '--cpu-count', '1', '--cpu-ids', '1'), 2, 'ERR_USAGE_CONFLICT'],
    ["the hypervisor's CID", run('--memory', '64', '--enclave-cid', '2'), 3, 'ERR_LAUNCH_CID'],
    ["the parent's CID", run('--memory', '64', '--enclave-cid', '3'), 3, 'ERR_LAUNCH_CID'],
    ['a CID of no number', run('--memory', '64', '--enclave-cid', 'x'), 3, 'ERR_USAGE_NUMBER'],
    ['debug mode', run('--memory', '64', '--debug-mode'), 44, 'ERR_CONSOLE_DEBUG'],
    ['a console', run('--memory', '64', '--attach-console'), 44, 'ERR_CONSOLE_DEBUG'],
    [
      'an unsigned image',
      ['run-enclave', '--data', data, '--eif-path', at('u.eif'), '--memory', '64'],
      59,
      'ERR_IMAGE_UNSIGNED',
    ],
    [
      'an image that is none',
      ['run-enclave', '--data', data, '--eif-path', noise, '--memory', '64'],
      35,
      'ERR_IMAGE_FORMAT',
    ],
    ['a configuration of no JSON', ['run-enclave', '--data', data, '--config', at('bad.json')], 3, 'ERR_USAGE_JSON'],
    [
      'debug mode in a configuration',
      [
        'run-enclave',
        '--data',
        data,
        '--config',
        file('d.json', JSON.stringify({ eif_path: at('e.eif'), debug_mode: true })),
      ],
      44,
      'ERR_CONSOLE_DEBUG',
    ],
    [
      'no host',
      ['run-enclave', '--data', scratch, '--eif-path', at('e.eif'), '--memory', '64'],
      11,
      'ERR_HOST_NOT_RUNNING',
    ],
  ])
  t.same(await json('describe-enclaves', '--data', data), [], 'none of these launched anything')

  const info = await json(...run('--memory', '64M', '--cpu-count', '1', '--enclave-cid', '77', '--enclave-name', 'one'))
  t.same(Object.keys(info), [
    ...['EnclaveName', 'EnclaveID', 'ProcessID', 'EnclaveCID', 'NumberOfCPUs', 'CPUIDs', 'MemoryMiB'],
  ])
  t.match(info, { EnclaveName: 'one', EnclaveCID: 77, NumberOfCPUs: 1, MemoryMiB: 64 })
  t.match(info.EnclaveID, /^i-[0-9a-f]{17}-enc[1-9a-f][0-9a-f]*$/)
  await refuses(t, [
    ['a name that is taken', run('--memory', '64', '--enclave-name', 'one'), 3, 'ERR_LAUNCH_NAME'],
    ['a CID that is taken', run('--memory', '64', '--enclave-cid', '77', '--enclave-name', 'two'), 3, 'ERR_LAUNCH_CID'],
  ])
  const config = { eif_path: at('e.eif'), memory_mib: 64, cpu_ids: [0, 1], enclave_name: 'configured', enclave_cid: 78 }
  t.match(await json('run-enclave', '--data', data, '--config', file('c.json', JSON.stringify(config))), {
    EnclaveName: 'configured',
    EnclaveCID: 78,
    NumberOfCPUs: 2,
  })
  t.equal((await json(...run('--memory', '64'))).EnclaveName, 'e', "the file's name, where none is given")

  const all = await json('describe-enclaves', '--data', data)
  t.same(
    all.map((each: { EnclaveName: string }) => each.EnclaveName),
    ['one', 'configured', 'e'],
  )
  const keys = [
    ...['EnclaveName', 'EnclaveID', 'ProcessID', 'EnclaveCID', 'NumberOfCPUs', 'CPUIDs', 'MemoryMiB'],
    ...['State', 'Flags', 'Measurements'],
  ]
  t.same(Object.keys(all[0]), keys)
  t.match(all[0], { State: 'RUNNING', Flags: 'NONE' })
  t.same(Object.keys(all[0].Measurements), ['HashAlgorithm', 'PCR0', 'PCR1', 'PCR2', 'PCR8'])
  const more = await json('describe-enclaves', '--data', data, '--metadata')
  t.same(Object.keys(more[0]), [...keys, 'ImageName', 'ImageVersion', 'Metadata'])

  await refuses(t, [
    ['none named', ['terminate-enclave', '--data', data], 1, 'ERR_USAGE_MISSING_ENCLAVE'],
    ['two ways', ['terminate-enclave', '--data', data, '--all', '--enclave-name', 'one'], 2, 'ERR_USAGE_CONFLICT'],
    [
      'a name that is nobody',
      ['terminate-enclave', '--data', data, '--enclave-name', 'nobody'],
      39,
      'ERR_ENCLAVE_NOT_FOUND',
    ],
    ['an id that is none', ['terminate-enclave', '--data', data, '--enclave-id', 'x'], 3, 'ERR_ADMIN_PARAMETERS'],
    ['a console', ['console', '--data', data, '--enclave-name', 'one'], 44, 'ERR_CONSOLE_DEBUG'],
    [
      'a console by id',
      ['console', '--enclave-id', info.EnclaveID, '--disconnect-timeout', '5'],
      44,
      'ERR_CONSOLE_DEBUG',
    ],
  ])
  t.equal((await json('describe-enclaves', '--data', data)).length, 3, 'none of these ended anything')
  const ended = await json('terminate-enclave', '--data', data, '--enclave-id', info.EnclaveID)
  t.same(Object.keys(ended), ['EnclaveName', 'EnclaveID', 'Terminated'])
  t.same(ended, { EnclaveName: 'one', EnclaveID: info.EnclaveID, Terminated: true })
  t.match(await json('terminate-enclave', '--data', data, '--enclave-name', 'e'), { Terminated: true })
  t.match(await json('terminate-enclave', '--data', data, '--all'), [{ EnclaveName: 'configured', Terminated: true }])
  t.same(await json('terminate-enclave', '--data', data, '--all'), [])
})
