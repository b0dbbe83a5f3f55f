/** `wasmclave admin …`: what an operator may ask for beyond nitro-cli's verbs, and keys of people in sealed files. */
import type { Command } from 'commander'
import { MAX_GRACE_SECONDS, type Request } from '../control/actions.ts'
import { UsageError } from '../errors.ts'
import { adminStatus } from './admin-status.ts'
import { publicHex } from './development.ts'
import { writeFile } from './files.ts'
import { newPersonKey, passphrase, readPersonKey, sealKey } from './key-file.ts'
import { printJson } from './output.ts'
import { adminRequest, findHost } from './running-host.ts'

const DATA = ['--data <dir>', 'data folder of the host', '.wasmclave'] as const
const FD = ['--passphrase-fd <fd>', 'read the passphrase from this descriptor, not from the terminal'] as const

const BY_NAME = [
  ['drain', 'no new sessions; those that are open go on'],
  ['restart', 'the same image under the same grant, in a new process'],
  ['quarantine', 'end it at once, and launch nothing under its name until that is lifted'],
  ['lift-quarantine', 'let it be launched again'],
] as const

export function addAdminVerbs(admin: Command): void {
  admin
    .enablePositionalOptions()
    .addHelpText(
      'after',
      '\nExamples:\n  wasmclave admin status --watch\n  wasmclave admin stop --enclave-name echo --grace-seconds 10\n' +
        '  wasmclave admin key new --output alice.key\n  wasmclave admin propose roll-out --eif-path keyvalue.eif\n' +
        '  wasmclave admin approve 7d3a… --as approver-1\n  wasmclave admin execute 7d3a…',
    )
  admin
    .command('status')
    .description('enclaves, counters, versions and the log; never content')
    .option(...DATA)
    .option('--watch', 'go on, logged as one request')
    .option('--json')
    .action(adminStatus)
  for (const [action, description] of BY_NAME)
    admin
      .command(action)
      .description(description)
      .option(...DATA)
      .requiredOption('--enclave-name <name>')
      .action(({ data, enclaveName: name }) => ask(data, { action, parameters: { name } }))
  admin
    .command('stop')
    .description('drain, and end after so many seconds')
    .option(...DATA)
    .requiredOption('--enclave-name <name>')
    .option('--grace-seconds <n>', `0 to ${MAX_GRACE_SECONDS}`, '10')
    .action(({ data, enclaveName: name, graceSeconds }) =>
      ask(data, { action: 'stop', parameters: { name, graceSeconds: grace(graceSeconds) } }),
    )
  const key = admin.command('key').description('Ed25519 keys of people: sealed by a passphrase')
  key
    .command('new')
    .description('make one')
    .requiredOption('--output <file>')
    .option(...FD)
    .action(async ({ output, passphraseFd }) => {
      const made = newPersonKey()
      writeFile(output, await sealKey(made, await passphrase('New passphrase: ', descriptor(passphraseFd))), 0o600)
      printJson({ File: output, PublicKey: publicHex(made) })
    })
  key
    .command('show')
    .description('open one, and print its public half')
    .argument('<file>')
    .option(...FD)
    .action(async (file, { passphraseFd }) => {
      const opened = await readPersonKey(file, descriptor(passphraseFd))
      printJson({ File: file, PublicKey: publicHex(opened) })
    })
}

async function ask(data: string, request: Request): Promise<void> {
  printJson(await adminRequest(findHost(data), request))
}

function grace(text: string): number {
  if (!/^\d{1,2}$/.test(text) || Number(text) > MAX_GRACE_SECONDS)
    throw new UsageError('ERR_USAGE_NUMBER', `--grace-seconds is a number from 0 to ${MAX_GRACE_SECONDS}`)
  return Number(text)
}

function descriptor(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,4}$/.test(text)) throw new UsageError('ERR_USAGE_NUMBER', '--passphrase-fd is the number of a descriptor')
  return Number(text)
}
