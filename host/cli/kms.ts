/** `wasmclave kms …`: keys and policies of the running host's KMS, for people; every other operation by `kms call`, as JSON. */
import type { Command } from 'commander'
import { UsageError } from '../errors.ts'
import { ACCOUNT } from '../kms/account.ts'
import { REGION } from '../nitro/pki/pki.ts'
import { readText } from './files.ts'
import { type KmsAnswer, kmsOf } from './kms-client.ts'
import { credentialsFile } from './kms-credentials.ts'
import { explainPolicy } from './kms-explain.ts'
import { printJson } from './output.ts'
import { findHost } from './running-host.ts'

type Data = { data: string }

const MAX_PAGES = 1000

/** Adds the family; its verbs inherit the program's exit codes. */
export function addKmsVerbs(kms: Command): void {
  kms.addHelpText(
    'after',
    '\nExamples:\n  wasmclave kms create-key --alias alias/first\n  wasmclave kms explain-policy alias/first\n  eval "$(wasmclave kms env)"',
  )
  const verb = (name: string, description: string) =>
    kms.command(name).description(description).option('--data <dir>', 'data folder of the host', '.wasmclave')

  verb('env', 'what points AWS tools and SDKs at this KMS').action(printEnvironment)
  verb('list-keys', 'keys with their aliases').action(listKeys)
  verb('create-key', 'a new key')
    .option('--spec <spec>', 'SYMMETRIC_DEFAULT, RSA_2048, ECC_NIST_P256, HMAC_256, …', 'SYMMETRIC_DEFAULT')
    .option('--usage <usage>', 'ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC, KEY_AGREEMENT')
    .option('--description <text>')
    .option('--policy <file>', 'key policy, JSON')
    .option('--alias <name>', 'alias/… for it')
    .addHelpText('after', '\nExample:\n  wasmclave kms create-key --policy policy.json --alias alias/payments')
    .action(createKey)
  verb('describe-key', 'what a key is').argument('<key>', 'id, ARN or alias').action(describeKey)
  verb('get-policy', "a key's policy").argument('<key>', 'id, ARN or alias').action(getPolicy)
  verb('put-policy', "replace a key's policy")
    .argument('<key>', 'id, ARN or alias')
    .argument('<file>', 'key policy, JSON')
    .option('--bypass-lockout-check', 'also where you could not change it again')
    .addHelpText('after', '\nExample:\n  wasmclave kms put-policy alias/payments policy.json')
    .action(putPolicy)
  verb('call', 'any operation, with its input as JSON')
    .argument('<operation>', 'such as GenerateRandom')
    .argument('[input]', 'JSON, or @FILE', '{}')
    .addHelpText('after', '\nExample:\n  wasmclave kms call GenerateRandom \'{"NumberOfBytes":32}\'')
    .action(call)
  verb('explain-policy', 'who may use a key for what, and who without attestation')
    .argument('[key]', 'id, ARN or alias')
    .option('--policy-file <file>', 'a policy that is not yet of a key')
    .option('--json', 'JSON instead of a table')
    .addHelpText('after', '\nExample:\n  wasmclave kms explain-policy --policy-file policy.json')
    .action(explain)
}

async function explain(
  key: string | undefined,
  { data, policyFile, json }: Data & { policyFile?: string; json?: boolean },
): Promise<void> {
  const policy = key === undefined ? undefined : await policyOf(data, key)
  explainPolicy({
    account: ACCOUNT,
    ...(policy !== undefined && { policy }),
    ...(policyFile !== undefined && { policyFile }),
    ...(json !== undefined && { json }),
  })
}

function printEnvironment({ data }: Data): void {
  const { kms, folder } = findHost(data)
  const lines = [
    `export AWS_ENDPOINT_URL_KMS=${kms}`,
    `export AWS_SHARED_CREDENTIALS_FILE='${credentialsFile(folder)}'`,
    `export AWS_REGION=${REGION}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function listKeys({ data }: Data): Promise<void> {
  const { call } = kmsOf(data)
  const keys = await allPages(call, 'ListKeys', 'Keys')
  const aliases = await allPages(call, 'ListAliases', 'Aliases')
  const rows = keys.map(({ KeyId, KeyArn }) => ({
    KeyId,
    KeyArn,
    Aliases: aliases.filter(({ TargetKeyId }) => TargetKeyId === KeyId).map(({ AliasName }) => AliasName),
  }))
  if (!process.stdout.isTTY) return printJson(rows)
  for (const { KeyId, Aliases } of rows) process.stdout.write(`${KeyId}  ${Aliases.join(', ')}\n`)
}

async function allPages(
  call: (operation: string, input: Record<string, unknown>) => Promise<KmsAnswer>,
  operation: string,
  list: string,
): Promise<KmsAnswer[]> {
  const found: KmsAnswer[] = []
  let marker: unknown
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const answer = await call(operation, { Limit: 100, ...(marker !== undefined && { Marker: marker }) })
    found.push(...(answer[list] as KmsAnswer[]))
    if (answer.Truncated !== true) break
    marker = answer.NextMarker
  }
  return found
}

type CreateOptions = Data & { spec: string; usage?: string; description?: string; policy?: string; alias?: string }

async function createKey(options: CreateOptions): Promise<void> {
  const { call } = kmsOf(options.data)
  const { KeyMetadata } = await call('CreateKey', {
    KeySpec: options.spec,
    ...(options.usage !== undefined && { KeyUsage: options.usage }),
    ...(options.description !== undefined && { Description: options.description }),
    ...(options.policy !== undefined && { Policy: readText(options.policy) }),
  })
  const { KeyId } = KeyMetadata as { KeyId: string }
  if (options.alias !== undefined) await call('CreateAlias', { AliasName: options.alias, TargetKeyId: KeyId })
  printJson(KeyMetadata)
}

async function describeKey(key: string, { data }: Data): Promise<void> {
  printJson((await kmsOf(data).call('DescribeKey', { KeyId: key })).KeyMetadata)
}

async function getPolicy(key: string, { data }: Data): Promise<void> {
  process.stdout.write(`${await policyOf(data, key)}\n`)
}

async function policyOf(data: string, key: string): Promise<string> {
  const { call } = kmsOf(data)
  return String((await call('GetKeyPolicy', { KeyId: await idOf(call, key) })).Policy)
}

async function putPolicy(key: string, file: string, options: Data & { bypassLockoutCheck?: boolean }): Promise<void> {
  const { call } = kmsOf(options.data)
  await call('PutKeyPolicy', {
    KeyId: await idOf(call, key),
    Policy: readText(file),
    ...(options.bypassLockoutCheck && { BypassPolicyLockoutSafetyCheck: true }),
  })
}

// Operations on policies take no alias.
async function idOf(call: (operation: string, input: KmsAnswer) => Promise<KmsAnswer>, key: string): Promise<string> {
  if (!/(^|:)alias\//.test(key)) return key
  const { KeyMetadata } = await call('DescribeKey', { KeyId: key })
  return (KeyMetadata as { KeyId: string }).KeyId
}

async function call(operation: string, input: string, { data }: Data): Promise<void> {
  const text = input.startsWith('@') ? readText(input.slice(1)) : input
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new UsageError('ERR_USAGE_JSON', `the input is not JSON: ${(error as Error).message}`)
  }
  printJson(await kmsOf(data).call(operation, parsed as Record<string, unknown>))
}

/** Seconds, or null for `leaf`. @throws UsageError ERR_USAGE_AGE */
export function documentAge(text: string): number | null {
  if (text === 'leaf') return null
  const seconds = Number(text)
  if (!Number.isInteger(seconds) || seconds < 1)
    throw new UsageError('ERR_USAGE_AGE', `--kms-document-age ${text}: whole seconds from 1, or leaf`)
  return seconds
}
