/** `wasmclave admin propose | show | approve | withdraw | execute | policy`: what nobody does alone. */
import type { Command } from 'commander'
import type { DatedPolicy } from '../control/policy/document.ts'
import { signApproval } from '../control/proposals/approval.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { adminSigner, type SignerOptions } from './admin-signer.ts'
import { readGenesis } from './development.ts'
import { printJson, progress } from './output.ts'
import { type PayloadOptions, proposedPayload } from './proposal-payload.ts'
import { describeProposal, readPolicy, readProposal, type ShownProposal, type ShownRelease } from './proposal-view.ts'
import { AdminSession, findHost, type RunningHost } from './running-host.ts'

type Options = SignerOptions & { data: string; json?: boolean }
type InForce = { policy: DatedPolicy; releases: ShownRelease[] }

/** The longest that a host lets a proposal wait is two weeks. */
const DAY_SECONDS = 86_400

/** @param admin the family that the verbs join */
export function addProposalVerbs(admin: Command): void {
  const verb = (name: string, description: string, who: string) =>
    admin
      .command(name)
      .description(description)
      .option('--data <dir>', 'data folder of the host', '.wasmclave')
      .option('--as <office>', `on a development host: operator, approver-1, approver-2 or auditor (${who})`)
      .option('--key <file>', 'key file of whoever asks')
      .option('--passphrase-fd <n>', 'descriptor to read its passphrase from')
      .option('--json', 'for programs')
  const example = (line: string) => `\nExample:\n  wasmclave admin ${line}`

  verb('propose', 'a guarded action: change-policy, enrol-key, revoke-key, roll-out, retire-release, …', 'operator')
    .argument('<action>')
    .option('--eif-path <file>', 'roll-out: the signed image')
    .option(
      '--release <file or digest>',
      'roll-out: its envelope, FILE.release.json by default; retire-release: a digest',
    )
    .option('--policy-file <file>', 'change-policy: what "admin policy" printed, edited')
    .option('--role <role>', 'enrol-key: operator, approver or auditor')
    .option('--public-key <hex>', 'enrol-key and revoke-key')
    .option('--enclave-name <name>', 'rotate-store-keys and restore-backup')
    .option('--backup <hex>', 'restore-backup: its digest')
    .option('--wait <seconds>', 'how long approvals may take', String(DAY_SECONDS))
    .addHelpText('after', example('propose roll-out --eif-path keyvalue.eif'))
    .action(propose)
  verb('show', 'what waits, or what one proposal would do: recomputed from its payload', 'auditor')
    .argument('[proposal]')
    .addHelpText('after', example('show 7d3a…'))
    .action(show)
  verb('approve', 'shows a proposal and signs it', 'approver-1')
    .argument('<proposal>')
    .option('--payload <hex>', 'digest that the payload must have, from whoever reviewed it')
    .addHelpText('after', example('approve 7d3a… --as approver-2'))
    .action(approve)
  verb('withdraw', 'takes back what one proposed oneself', 'operator')
    .argument('<proposal>')
    .addHelpText('after', example('withdraw 7d3a…'))
    .action((id: string, options: Options) => ask(id, options, 'withdraw'))
  verb('execute', 'does what enough others approved, once', 'operator')
    .argument('<proposal>')
    .addHelpText('after', example('execute 7d3a…'))
    .action((id: string, options: Options) => ask(id, options, 'execute'))
  verb('policy', 'the policy in force and the releases that may run', 'operator')
    .addHelpText('after', example('policy --json > policy.json'))
    .action(policy)
}

async function propose(action: string, options: Options & PayloadOptions & { wait: string }): Promise<void> {
  const seconds = Number(options.wait)
  if (!Number.isSafeInteger(seconds) || seconds < 1)
    throw new UsageError('ERR_USAGE_NUMBER', `--wait is a number of seconds: ${options.wait}`)
  await inSession(options, 'operator', async (session, host) => {
    const inForce = await readInForce(session, host)
    const { action: guarded, payload } = proposedPayload(action, options, inForce.policy)
    const parameters = {
      action: guarded,
      payload: new TextDecoder().decode(encodeCanonicalJson(payload)),
      policy: inForce.policy.digest,
      expiresMs: Date.now() + seconds * 1000,
    }
    const proposed = (await session.request({ action: 'propose', parameters })) as { Proposal: string }
    const shown = await readShown(session, host, proposed.Proposal, inForce)
    if (!options.json) progress(describeProposal(shown, inForce.policy, inForce.releases).join('\n'))
    printJson(proposed)
  })
}

async function show(id: string | undefined, options: Options): Promise<void> {
  await inSession(options, 'auditor', async (session, host) => {
    if (id === undefined) return list(session, options)
    const inForce = await readInForce(session, host)
    const shown = await readShown(session, host, checkId(id), inForce)
    if (options.json) return printJson({ ...shown.matter, payloadDigest: shown.digest, payload: shown.payload })
    process.stdout.write(`${describeProposal(shown, inForce.policy, inForce.releases).join('\n')}\n`)
  })
}

async function list(session: AdminSession, options: Options): Promise<void> {
  const waiting = (await session.request({ action: 'describe-proposals', parameters: {} })) as {
    id: string
    action: string
    approvedBy: string[]
    threshold: number
  }[]
  if (options.json) return printJson(waiting)
  const lines = waiting.map(
    ({ id, action, approvedBy, threshold }) => `${id}  ${action.padEnd(17)}  ${approvedBy.length} of ${threshold}`,
  )
  process.stdout.write(`${[`${'proposal'.padEnd(66) + 'action'.padEnd(19)}approved`, ...lines].join('\n')}\n`)
}

async function approve(id: string, options: Options & { payload?: string }): Promise<void> {
  await inSession(options, 'approver-1', async (session, host, key) => {
    const inForce = await readInForce(session, host)
    const shown = await readShown(session, host, checkId(id), inForce)
    if (options.payload !== undefined && options.payload !== shown.digest)
      throw new RefusedError(
        'ERR_APPROVAL_PAYLOAD',
        `the payload of ${id} hashes to ${shown.digest}, reviewed was ${options.payload.slice(0, 96)}`,
      )
    if (!options.json) progress(describeProposal(shown, inForce.policy, inForce.releases).join('\n'))
    const signature = Buffer.from(signApproval(shown.matter, shown.payload, key)).toString('hex')
    printJson(await session.request({ action: 'approve', parameters: { proposal: shown.matter.id, signature } }))
  })
}

async function ask(id: string, options: Options, action: 'withdraw' | 'execute'): Promise<void> {
  await inSession(options, 'operator', async (session) =>
    printJson(await session.request({ action, parameters: { proposal: checkId(id) } })),
  )
}

async function policy(options: Options): Promise<void> {
  await inSession(options, 'operator', async (session, host) => {
    const { policy: dated, releases } = await readInForce(session, host)
    printJson(options.json ? dated.policy : { Digest: dated.digest, Policy: dated.policy, Releases: releases })
  })
}

type Work = (session: AdminSession, host: RunningHost, key: Parameters<typeof signApproval>[2]) => Promise<void>

async function inSession(options: Options, otherwise: Parameters<typeof adminSigner>[2], work: Work): Promise<void> {
  const host = findHost(options.data)
  const signer = await adminSigner(host, options, otherwise)
  const session = new AdminSession(host, signer)
  try {
    await work(session, host, signer.key)
  } finally {
    session.close()
  }
}

async function readInForce(session: AdminSession, { folder }: RunningHost): Promise<InForce> {
  return readPolicy(await session.request({ action: 'describe-policy', parameters: {} }), readGenesis(folder))
}

async function readShown(
  session: AdminSession,
  host: RunningHost,
  id: string,
  inForce: InForce,
): Promise<ShownProposal> {
  const shown: Json = await session.request({ action: 'show-proposal', parameters: { proposal: id } })
  const read = readProposal(shown, readGenesis(host.folder), inForce.policy)
  if (read.matter.id !== id) throw new RefusedError('ERR_PROPOSAL_SHOWN', `asked was ${id}, shown ${read.matter.id}`)
  return read
}

function checkId(id: string): string {
  if (!/^[0-9a-f]{64}$/.test(id))
    throw new UsageError('ERR_USAGE_HEX', `a proposal is 64 hex digits: ${id.slice(0, 70)}`)
  return id
}
