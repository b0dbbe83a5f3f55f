/**
 * `wasmclave store heads | accept`: what an owner may see and decide of an enclave's store, over an attested session. The words say what
 * happened and what accepting gives up; the decision is signed by the owner's key and nobody else's.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import {
  acceptStoreHead,
  connect,
  type Enclave,
  type Identity,
  identityFromPem,
  readStoreHeads,
  type StoreHeads,
} from '../client/index.ts'
import { RefusedError, UsageError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { readText } from './files.ts'
import { readHeadToken, writeHeadToken } from './head-token.ts'
import { printJson, progress } from './output.ts'
import { customerPolicy } from './proxy.ts'
import { findHost } from './running-host.ts'

type StoreOptions = { data: string; enclaveName: string; json?: boolean; yes?: boolean }

/** Adds the family; its verbs inherit the program's exit codes. */
export function addStoreVerbs(store: Command): void {
  store.addHelpText('after', '\nExample:\n  wasmclave store heads --enclave-name keyvalue')
  const verb = (name: string, description: string) =>
    store
      .command(name)
      .description(description)
      .option('--data <dir>', 'data folder of the host', '.wasmclave')
      .requiredOption('--enclave-name <name>')
      .option('--json', 'JSON instead of words')
      .addHelpText('after', `\nExample:\n  wasmclave store ${name} --enclave-name keyvalue`)
  verb('heads', 'what lies here, what the KMS names as the newest, and what that means').action(showHeads)
  verb('accept', 'go on with what lies here: later writes are given up')
    .option('--yes', 'without asking')
    .action(acceptHead)
}

async function showHeads(options: StoreOptions): Promise<void> {
  await withOwnerSession(options, async ({ enclave }) => {
    const heads = await readStoreHeads(enclave)
    if (options.json) return printJson(heads)
    process.stdout.write(`${describeHeads(options.enclaveName, heads).join('\n')}\n`)
  })
}

async function acceptHead(options: StoreOptions): Promise<void> {
  await withOwnerSession(options, async ({ enclave, identity, folder }) => {
    const heads = await readStoreHeads(enclave)
    if (!heads.stale)
      throw new RefusedError(
        'ERR_STORE_NOT_STALE',
        'this store is the newest that is known; there is nothing to accept',
      )
    progress(describeHeads(options.enclaveName, heads).join('\n'))
    if (!options.yes) await confirm(options.enclaveName)
    const after = await acceptStoreHead(enclave, identity, heads)
    // Tokens of what was given up prove nothing any more.
    if (enclave.headToken !== null) writeHeadToken(folder, options.enclaveName, enclave.headToken)
    if (options.json) return printJson(after)
    process.stdout.write(
      `Accepted. The store is served from generation ${after.offered.generation} on, and remembers it.\n`,
    )
  })
}

/** In plain words: what is here, what should be, and what the difference means. */
export function describeHeads(name: string, heads: StoreHeads): string[] {
  const { register, offered, stale, tokenGeneration } = heads
  const records = `${offered.records} record${offered.records === 1 ? '' : 's'}`
  const lines = [
    stale
      ? `The store of ${name} may not be the newest: nothing is served until an owner decides.`
      : `The store of ${name} is the newest that is known.`,
    '',
    `  here      generation ${offered.generation}, ${records}, head ${offered.head.slice(0, 16)}`,
    `  register  generation ${register.generation}, head ${register.head.slice(0, 16)}: what the KMS saw acknowledged last`,
  ]
  if (tokenGeneration > 0) lines.push(`  token     generation ${tokenGeneration}: a client has seen it acknowledged`)
  for (const mark of heads.accepted)
    lines.push(
      `  accepted  generation ${mark.offered.generation} instead of ${mark.register.generation}, as generation ${mark.generation}`,
    )
  return stale ? [...lines, '', ...explainStale(name, heads)] : lines
}

function explainStale(name: string, { register, offered, tokenGeneration }: StoreHeads): string[] {
  const newest = Math.max(register.generation, tokenGeneration)
  const lines: string[] = []
  if (offered.generation === 0)
    lines.push('There is no store here, and the KMS knows one: it was lost, or is elsewhere.')
  else if (offered.generation < newest)
    lines.push(
      `The store was put back: ${newest - offered.generation} acknowledged commit${newest - offered.generation === 1 ? ' is' : 's are'} not here.`,
    )
  else if (offered.generation === register.generation)
    lines.push('The store has the right age and another content: somebody has forked it.')
  else lines.push('The store is ahead of the register: the KMS was put back, or the store is from a fork.')
  if (tokenGeneration > register.generation)
    lines.push('The register was put back as well: a client holds a token of a later commit than it knows.')
  return [
    ...lines,
    'Look first whether the newest copy can still be found. To go on with what is here:',
    `  wasmclave store accept --enclave-name ${name}`,
    `What was written after generation ${offered.generation} is given up then, for good, and the head remembers it.`,
  ]
}

async function confirm(name: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new UsageError('ERR_USAGE_CONFIRM', 'nobody is there to ask: --yes accepts without asking')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`\nType the name of the enclave to accept what is here: `)
    if (answer.trim() !== name) throw new UsageError('ERR_USAGE_CONFIRM', 'nothing was accepted')
  } finally {
    terminal.close()
  }
}

async function withOwnerSession(
  options: StoreOptions,
  use: (session: { enclave: Enclave; identity: Identity; folder: DataFolder }) => Promise<void>,
): Promise<void> {
  const { gateway, folder } = findHost(options.data)
  const identity = await identityFromPem(readText(join(folder.customer, 'owner.key')))
  const token = readHeadToken(folder, options.enclaveName)
  // The enclave must learn of what this client has seen, and the owner looks at what is behind it.
  const policy = {
    ...customerPolicy(folder, options.enclaveName),
    ...(token !== undefined && { headToken: token }),
    allowHeadBehind: true,
  }
  const enclave = await connect(`${gateway}/enclaves/${options.enclaveName}`, policy, identity)
  try {
    await use({ enclave, identity, folder })
  } finally {
    enclave.close()
  }
}
