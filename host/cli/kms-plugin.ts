/**
 * `wasmclave kms-plugin`: KMS v2 for a kube-apiserver, whose keys are in an enclave of the workload kms-provider; and what the keys' owner
 * does with them. The customer's side: the process runs beside kube-apiserver and trusts no host.
 */
import { generateKeyPairSync } from 'node:crypto'
import type { Command } from 'commander'
import { SESSION_MS } from '../../assembly/abi/limits.ts'
import { type ErrorCode, RefusedError, UsageError } from '../errors.ts'
import { KmsPlugin } from '../kms-plugin/plugin.ts'
import { KeyProvider, type KeyVersion } from '../kms-plugin/provider.ts'
import { writeFile } from './files.ts'
import { encryptionConfiguration, KmsClient, preflightOf } from './kms-plugin-preflight.ts'
import { type TargetOptions, targetOf } from './kms-plugin-target.ts'
import { printJson, progress } from './output.ts'

type Options = TargetOptions & { key: string; timeout: string; json?: boolean }
type ServeOptions = Options & {
  listen?: string[]
  healthAddr?: string
  appraisalAge: string
  poll: string
  statusAge: string
}

const ENDPOINT = 'unix:///run/wasmclave/kms.sock'

/** Adds what the verb takes, and what stands behind it; they inherit the program's exit codes. */
export function addKmsPluginVerbs(plugin: Command): void {
  plugin
    .enablePositionalOptions()
    .option('--listen <unix:///path...>', 'sockets to serve: mode 0600, in a folder of mode 0700')
    .option('--health-addr <127.0.0.1:port>', 'serve /healthz, /livez and /metrics there; off by default')
    .option('--poll <time>', 'how often the key is tested', '10s')
    .option('--status-age <time>', 'how old a test may be that Status tells', '30s')
    .option('--appraisal-age <time>', 'how old an appraisal may be', '10m')
  targetOptions(plugin)
    .addHelpText(
      'after',
      `
Examples:
  wasmclave kms-plugin --listen ${ENDPOINT} --health-addr 127.0.0.1:8086
  wasmclave kms-plugin --listen unix:///run/a/kms.sock --listen unix:///run/b/kms.sock
  wasmclave kms-plugin preflight --listen ${ENDPOINT}
  wasmclave kms-plugin rotate --key default`,
    )
    .action(serve)
  const verb = (name: string, description: string, example = '') =>
    targetOptions(plugin.command(name).description(description)).addHelpText(
      'after',
      `\nExample:\n  wasmclave kms-plugin ${name}${example}`,
    )
  plugin
    .command('preflight')
    .description('do as kube-apiserver will, through a served socket, and print its configuration')
    .option('--listen <unix:///path>', 'the socket', ENDPOINT)
    .option('--timeout <time>', 'of each call', '3s')
    .option('--provider-name <name>', 'how the configuration names it', 'wasmclave')
    .option('--json', 'figures alone, as JSON')
    .addHelpText('after', `\nExample:\n  wasmclave kms-plugin preflight --listen ${ENDPOINT} > encryption.yaml`)
    .action(preflight)
  verb('status', 'appraise, and have the enclave test its key').action(status)
  verb('keys', 'all versions of a key that are kept; for owners').action(keys)
  verb('rotate', 'a new version of a key, current from then on; for owners').action(rotate)
  verb('retire', "erase a version's key, for good: what it sealed is lost; for owners", ' wasmclave:9f…')
    .argument('<key_id>', 'as keys tells it')
    .option('--current', 'also the current one: nothing is encrypted until a rotation')
    .action(retire)
  verb('new-identity', 'a key for a plugin, which may use keys and not manage them; for owners', ' --output plugin.key')
    .requiredOption('--output <file>', 'where the key goes, mode 0600')
    .action(newIdentity)
}

function targetOptions(command: Command): Command {
  return command
    .option('--data <dir>', 'data folder of the host, with the customer in it', '.wasmclave')
    .option('--enclave-name <name>', 'the enclave', 'kms-provider')
    .option('--key <name>', 'which of its keys', 'default')
    .option('--timeout <time>', 'of each call', '3s')
    .option('--identity <pem>', 'who asks, Ed25519; DIR/customer/owner.key by default')
    .option('--endpoint <ws://host:port>', 'a gateway without its data folder: wants --root, --owner, --identity')
    .option('--root <pem>', 'with --endpoint: the pinned root')
    .option('--owner <hex>', 'with --endpoint: the owner, by its first key')
    .option('--launch-grant <file>', 'with --endpoint: the exact grant, instead of --owner')
    .option('--pcr0 <hex>', 'with --endpoint: the image')
    .option('--pcr8 <hex>', 'with --endpoint: the pipeline')
    .option('--allow-development', 'with --endpoint: accept a host of development')
}

async function serve(options: ServeOptions): Promise<void> {
  if (options.listen === undefined)
    throw new UsageError('ERR_USAGE_MISSING', `--listen is missing, such as --listen ${ENDPOINT}`)
  const target = targetOf(options)
  const log = (event: Record<string, unknown>) =>
    void process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`)
  const plugin = new KmsPlugin({
    listen: options.listen,
    connect: (token) => target.connect(token),
    keyName: options.key,
    timeoutMs: milliseconds('--timeout', options.timeout),
    pollMs: milliseconds('--poll', options.poll),
    statusAgeMs: milliseconds('--status-age', options.statusAge),
    appraisalAgeMs: milliseconds('--appraisal-age', options.appraisalAge),
    ...(options.healthAddr !== undefined && { healthAddress: options.healthAddr }),
    log,
    appraised: ({ headToken }) => target.keep(headToken),
  })
  const { health } = await plugin.start()
  log({ event: 'ready', listen: options.listen, health })
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    target.keep(plugin.link.headToken)
    target.flush()
    await plugin.stop()
    log({ event: 'stopped' })
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

async function preflight(options: {
  listen: string
  timeout: string
  providerName: string
  json?: boolean
}): Promise<void> {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(options.providerName))
    throw new UsageError(
      'ERR_USAGE_NAME',
      `--provider-name ${options.providerName}: letters a to z, digits and hyphens`,
    )
  const client = new KmsClient(options.listen, milliseconds('--timeout', options.timeout))
  try {
    const found = await preflightOf(client)
    if (options.json) return printJson(found)
    progress(
      `key_id ${found.keyId}: Status ${found.statusMs} ms, Encrypt ${found.encryptMs} ms, Decrypt ${found.decryptMs} ms`,
    )
    progress('For kube-apiserver --encryption-provider-config:')
    process.stdout.write(encryptionConfiguration(options.listen, options.providerName, options.timeout))
  } finally {
    client.close()
  }
}

async function status(options: Options): Promise<void> {
  await withProvider(options, async (provider) => printJson(await provider.status()))
}

async function keys(options: Options): Promise<void> {
  await withProvider(options, async (provider) => printJson(await provider.versions()))
}

async function rotate(options: Options): Promise<void> {
  await withProvider(options, async (provider) => {
    const { keyId, version }: KeyVersion = await provider.rotate()
    printJson({ keyId, version })
    progress('kube-apiserver takes it up with its next Status, and encrypts anew what is written then.')
    progress(
      'Older versions open until they are retired; first rewrite: kubectl get secrets -A -o json | kubectl replace -f -',
    )
  })
}

async function retire(keyId: string, options: Options & { current?: boolean }): Promise<void> {
  await withProvider(options, async (provider) => printJson(await provider.retire(keyId, options.current === true)))
}

async function newIdentity(options: Options & { output: string }): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const hex = Buffer.from(publicKey.export({ format: 'jwk' }).x as string, 'base64url').toString('hex')
  const target = targetOf(options)
  const enclave = await target.connect(null)
  try {
    const answer = await enclave.fetch(`/.wasmclave/users/${hex}`, { method: 'PUT' })
    if (!answer.ok) {
      const { error, message } = (await answer.json()) as { error: ErrorCode; message: string }
      throw new RefusedError(error, message)
    }
    // CRASH: a user whose key nobody has; the owner may dismiss it.
    writeFile(options.output, privateKey.export({ format: 'pem', type: 'pkcs8' }) as string, 0o600)
    printJson({ publicKey: hex, identity: options.output })
  } finally {
    target.keep(enclave.headToken)
    target.flush()
    enclave.close()
  }
}

async function withProvider(options: Options, run: (provider: KeyProvider) => Promise<void>): Promise<void> {
  const target = targetOf(options)
  const enclave = await target.connect(null)
  try {
    await run(new KeyProvider({ session: () => enclave }, options.key, milliseconds('--timeout', options.timeout)))
  } finally {
    target.keep(enclave.headToken)
    target.flush()
    enclave.close()
  }
}

/** `500ms`, `3s`, `10m`, a day at most: a session lasts no longer, and timers not much. @throws UsageError ERR_USAGE_TIME */
export function milliseconds(option: string, text: string): number {
  const [, number, unit] = /^(\d{1,8})(ms|s|m)$/.exec(text) ?? []
  const ms = Number(number) * (unit === 'm' ? 60_000 : unit === 's' ? 1000 : 1)
  if (number === undefined || ms < 1 || ms > SESSION_MS)
    throw new UsageError('ERR_USAGE_TIME', `${option} ${text}: a time such as 500ms, 3s or 10m, a day at most`)
  return ms
}
