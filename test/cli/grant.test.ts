import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Daemon } from '../kit/daemon.ts'
import { keyHex } from '../kit/genesis.ts'
import { json, refuses } from '../kit/refusals.ts'

t.setTimeout(170_000)
const daemon = await Daemon.start()
const { data } = daemon
const scratch = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(async () => {
  await daemon.stop()
  rmSync(scratch, { recursive: true, force: true })
})
const at = (name: string) => join(scratch, name)
const image = (workload: string, signed: boolean) => [
  ...['build-enclave', '--docker-dir', `assembly/workloads/${workload}`, '--output-file'],
  at(`${workload}${signed ? '' : '-unsigned'}.eif`),
  ...(signed
    ? [
        ...['--signing-certificate', join(data, 'development/pipeline/certificate.pem')],
        ...['--private-key', join(data, 'development/pipeline/key.pem')],
      ]
    : []),
]
const { Measurements: echo } = await json(...image('echo', true))
await json(...image('echo', false))
const { Measurements: hello } = await json(...image('hello', true))
const grant = (...more: string[]) => ['grant', '--data', data, ...more]
const newOwner = () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const path = at(`${keyHex(privateKey).slice(0, 8)}.pem`)
  writeFileSync(path, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  return { path, hex: keyHex(privateKey) }
}

t.test('grants a pipeline, shows the grant, and the host launches by it', async (t) => {
  const args = grant('--eif-path', at('echo.eif'), '--enclave-name', 'mine', '--output', at('one'))
  const made = await json(...args)
  t.match(made, {
    EnclaveName: 'mine',
    WorkloadName: 'echo',
    Development: true,
    Versions: [{ Version: 1, Owners: [made.FirstOwner], ReleaseRule: { pcr8: echo.PCR8 }, MinSecurityVersion: 1 }],
  })
  t.same(await json('grant', '--show', at('one')), made)
  t.equal(statSync(at('one')).mode & 0o777, 0o600)
  t.equal(JSON.parse(readFileSync(join(data, 'customer/mine.pcrs.json'), 'utf8')).PCR0, echo.PCR0)
  const run = ['run-enclave', '--data', data, '--eif-path', at('echo.eif'), '--memory', '64', '--launch-grant']
  t.equal((await json(...run, at('one'))).EnclaveName, 'mine', 'by the name of the grant')
  await json('terminate-enclave', '--data', data, '--all')
  t.equal((await json(...run, at('one'), '--enclave-name', 'mine')).EnclaveName, 'mine')
  await json('terminate-enclave', '--data', data, '--all')
  await refuses(t, [
    ['another name', [...run, at('one'), '--enclave-name', 'yours'], 3, 'ERR_LAUNCH_NAME'],
    [
      'another workload',
      ['run-enclave', '--data', data, '--eif-path', at('hello.eif'), '--memory', '64', '--launch-grant', at('one')],
      59,
      'ERR_LAUNCH_GRANT',
    ],
  ])
})

t.test('pins exactly an image, and another build of the pipeline is refused', async (t) => {
  const pins = (values: Record<string, string>) => [values.PCR0, values.PCR1, values.PCR2].join(',')
  const make = (name: string, ...rule: string[]) =>
    json(...grant('--enclave-name', name, '--workload-name', 'echo', '--output', at(name), ...rule))
  t.same((await make('pinned', '--eif-path', at('echo.eif'), '--pin')).Versions[0].ReleaseRule, {
    pins: [{ pcr0: echo.PCR0, pcr1: echo.PCR1, pcr2: echo.PCR2 }],
  })
  t.equal((await make('listed', '--pins', pins(hello), pins(echo))).Versions[0].ReleaseRule.pins.length, 2)
  await make('other', '--pins', pins(hello))
  const run = (name: string) => [
    ...['run-enclave', '--data', data, '--eif-path', at('echo.eif'), '--memory', '64', '--launch-grant', at(name)],
  ]
  t.equal((await json(...run('pinned'))).EnclaveName, 'pinned')
  t.equal((await json(...run('listed'))).EnclaveName, 'listed')
  await json('terminate-enclave', '--data', data, '--all')
  await refuses(t, [['an image that is not pinned', run('other'), 59, 'ERR_LAUNCH_GRANT']])
})

t.test('rotates owners by a chain, each version signed by an owner of the one before', async (t) => {
  const [first, second, stranger] = [newOwner(), newOwner(), newOwner()]
  const make = (...more: string[]) => grant('--enclave-name', 'chain', '--eif-path', at('echo.eif'), ...more)
  await json(...make('--owner-key', first.path, '--output', at('v1')))
  const v2 = make('--previous', at('v1'), '--owners', second.hex, '--min-security-version', '2', '--output', at('v2'))
  const made = await json(...v2, '--owner-key', first.path)
  t.same(
    made.Versions.map((each: { Version: number; Owners: string[] }) => [each.Version, each.Owners]),
    [
      [1, [first.hex]],
      [2, [second.hex]],
    ],
  )
  t.equal(made.FirstOwner, first.hex)
  t.equal(made.StoreID, (await json('grant', '--show', at('v1'))).StoreID, 'the store stays')
  const v3 = (key: string) => grant('--previous', at('v2'), '--output', at('v3'), '--owner-key', key)
  const kept = await json(...v3(second.path))
  t.same(kept.Versions[2], { ...made.Versions[1], Version: 3 }, 'what is not named stays')
  const changed = readFileSync(at('v2'))
  changed[changed.length - 1] = (changed.at(-1) as number) ^ 1
  writeFileSync(at('changed'), changed)
  await refuses(t, [
    ['a stranger', v3(stranger.path), 59, 'ERR_GRANT_SIGNATURE'],
    ['an owner who is none any more', v3(first.path), 59, 'ERR_GRANT_SIGNATURE'],
    [
      'a first version without its signer',
      make('--owners', second.hex, '--owner-key', first.path, '--output', at('x')),
      59,
      'ERR_GRANT_SIGNATURE',
    ],
    [
      'a new name',
      grant('--previous', at('v2'), '--owner-key', second.path, '--enclave-name', 'new', '--output', at('x')),
      59,
      'ERR_GRANT_CHAIN',
    ],
    ['a chain with a changed byte', ['grant', '--show', at('changed')], 59, 'ERR_GRANT_SIGNATURE'],
    ['a chain that is none', ['grant', '--show', first.path], 1, 'ERR_CBOR_SYNTAX'],
  ])
})

t.test('refuses a call that says too little or two things', async (t) => {
  const call = (...more: string[]) => grant('--enclave-name', 'n', '--output', at('x'), ...more)
  await refuses(t, [
    ['no output', grant('--enclave-name', 'n', '--eif-path', at('echo.eif')), 1, 'ERR_USAGE_MISSING_OUTPUT'],
    ['no name', grant('--eif-path', at('echo.eif'), '--output', at('x')), 1, 'ERR_USAGE_MISSING_NAME'],
    ['no workload', call('--pcr8', echo.PCR8), 1, 'ERR_USAGE_MISSING_WORKLOAD'],
    ['no rule', call('--workload-name', 'echo'), 1, 'ERR_USAGE_MISSING_RULE'],
    ['two rules', call('--eif-path', at('echo.eif'), '--pin', '--pcr8', echo.PCR8), 2, 'ERR_USAGE_CONFLICT'],
    ['a pin of nothing', call('--workload-name', 'echo', '--pin'), 1, 'ERR_USAGE_MISSING_EIF'],
    ['a register that is too short', call('--workload-name', 'echo', '--pcr8', 'ab'), 3, 'ERR_USAGE_HEX'],
    ['two registers', call('--workload-name', 'echo', '--pins', `${echo.PCR0},${echo.PCR1}`), 3, 'ERR_USAGE_PINS'],
    ['security version 0', call('--eif-path', at('echo.eif'), '--min-security-version', '0'), 3, 'ERR_USAGE_NUMBER'],
    ['an unsigned image', call('--eif-path', at('echo-unsigned.eif')), 59, 'ERR_IMAGE_UNSIGNED'],
    ['a key that is none', call('--eif-path', at('echo.eif'), '--owner-key', at('echo.eif')), 3, 'ERR_USAGE_KEY'],
    ['a name of blanks', call('--eif-path', at('echo.eif'), '--enclave-name', 'a b'), 59, 'ERR_GRANT_SYNTAX'],
  ])
})
