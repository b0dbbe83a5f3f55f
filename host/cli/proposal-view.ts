/**
 * A proposal as a person sees it who is to approve it (E14): recomputed from the payload, with the policy that it would change taken from
 * bytes that hash to the digest it was made under. What the host says besides is not believed.
 */
import type { SignedGenesis } from '../control/genesis.ts'
import { policyDifference } from '../control/policy/difference.ts'
import { type DatedPolicy, foundingPolicy, type Policy, parsePolicy, policyDigest } from '../control/policy/document.ts'
import { Shape } from '../control/policy/shape.ts'
import { type Matter, payloadDigest } from '../control/proposals/approval.ts'
import { type Payload, parseGuardedAction, parsePayload } from '../control/proposals/payload.ts'
import { checkRule } from '../control/releases/rules.ts'
import { errorCode, RefusedError } from '../errors.ts'
import type { Json } from '../wire/canonical-json.ts'
import { printable } from '../wire/printable.ts'
import { WIDTH } from './output.ts'

/** What was shown: `matter` and `payload` are what an approval signs. */
export type ShownProposal = {
  matter: Matter
  payload: Json
  parsed: Payload
  digest: string
  proposer: string
  approvedBy: string[]
  threshold: number
}

const shape = new Shape('ERR_PROPOSAL_SHOWN')
const FIELDS = [
  'id',
  'action',
  'policy',
  'expiresMs',
  'proposer',
  'payloadDigest',
  'approvedBy',
  'threshold',
  'payload',
] as const

/** @throws RefusedError ERR_PROPOSAL_SHOWN: what the host shows is not what it says, or of another shape */
export function readProposal(value: Json, genesis: SignedGenesis, policy: DatedPolicy): ShownProposal {
  const p = shape.exactly(value, FIELDS, 'a proposal')
  const action = parseGuardedAction(p.action)
  const digest = payloadDigest(p.payload)
  if (digest !== p.payloadDigest)
    throw shape.refused(`the payload shown hashes to ${digest}, the host says ${String(p.payloadDigest).slice(0, 96)}`)
  if (p.policy !== policy.digest)
    throw shape.refused(`it was made under policy ${String(p.policy).slice(0, 96)}, in force is ${policy.digest}`)
  return {
    matter: {
      id: shape.hex(p.id, 32, 'id'),
      audience: { genesis: genesis.digest, host: genesis.genesis.hostId },
      action,
      policy: policy.digest,
      expiresMs: shape.uint(p.expiresMs, 0, Number.MAX_SAFE_INTEGER, 'expiresMs'),
    },
    payload: p.payload,
    parsed: parsePayload(action, p.payload),
    digest,
    proposer: shape.hex(p.proposer, 32, 'proposer'),
    approvedBy: shape.list(p.approvedBy, 64, 'approvedBy').map((key) => shape.hex(key, 32, 'approvedBy')),
    threshold: policy.policy.guards[action],
  }
}

/** The policy in force, by its own bytes or the genesis. @throws RefusedError ERR_PROPOSAL_SHOWN */
export function readPolicy(value: Json, genesis: SignedGenesis): { policy: DatedPolicy; releases: ShownRelease[] } {
  const { policy, digest, releases } = shape.exactly(value, ['policy', 'digest', 'releases'], 'the policy in force')
  const founding = foundingPolicy(genesis)
  const version = shape.object(policy, 'policy').version
  const parsed: Policy = version === 0 ? founding.policy : parsePolicy(policy)
  const computed = version === 0 ? founding.digest : policyDigest(parsed)
  if (computed !== digest)
    throw shape.refused(`the policy shown hashes to ${computed}, the host says ${String(digest).slice(0, 96)}`)
  return {
    policy: { policy: parsed, digest: computed },
    releases: shape.list(releases, 256, 'releases').map((item) => {
      const r = shape.object(item, 'a release')
      return {
        release: shape.hex(r.release, 48, 'release'),
        workload: shape.text(r.workload, /^[a-z0-9][a-z0-9._-]{0,63}$/, 'workload'),
        version: shape.text(r.version, /^[0-9A-Za-z.+-]{1,64}$/, 'version'),
        securityVersion: shape.uint(r.securityVersion, 1, 2 ** 31, 'securityVersion'),
        image: shape.hex(r.image, 48, 'image'),
      }
    }),
  }
}

export type ShownRelease = {
  release: string
  workload: string
  version: string
  securityVersion: number
  image: string
}

/** Lines of at most 100 columns. */
export function describeProposal(shown: ShownProposal, policy: DatedPolicy, releases: ShownRelease[]): string[] {
  const { matter, parsed, digest, proposer, approvedBy, threshold } = shown
  return [
    `${matter.action}`,
    `  proposal  ${matter.id}`,
    `  proposer  ${proposer}`,
    `  expires   ${new Date(matter.expiresMs).toISOString()}`,
    ...hash('payload', digest),
    ...(approvedBy.length === 0 ? ['  approved  by nobody'] : approvedBy.map((key) => `  approved  by ${key}`)),
    `  needs     ${threshold} approvals, none by the proposer`,
    '',
    ...describePayload(parsed, policy, releases).flatMap(wrap),
  ]
}

/** SHA-384 in two lines of 24 bytes. */
function hash(name: string, hex: string): string[] {
  return [`  ${name.padEnd(9)} ${hex.slice(0, 48)}`, `            ${hex.slice(48)}`]
}

function describePayload(payload: Payload, before: DatedPolicy, releases: ShownRelease[]): string[] {
  switch (payload.action) {
    case 'change-policy': {
      const lines = policyDifference(before.policy, payload.policy)
      const head = `policy version ${before.policy.version} -> ${payload.policy.version}`
      return [head, ...(lines.length === 0 ? ['(nothing else changes)'] : lines)]
    }
    case 'roll-out':
      return describeRollOut(payload, before, releases)
    case 'retire-release': {
      const found = releases.find(({ release }) => release === payload.release)
      return [
        '- release',
        ...hash('', payload.release),
        found === undefined ? '  (not rolled out)' : `  ${found.workload} ${found.version}`,
      ]
    }
    case 'rotate-store-keys':
      return [`new keys for the store of ${payload.enclave}`]
    case 'restore-backup':
      return [`the store of ${payload.enclave} becomes backup ${payload.backup}`]
  }
}

function describeRollOut(
  { release }: Extract<Payload, { action: 'roll-out' }>,
  { policy }: DatedPolicy,
  releases: ShownRelease[],
): string[] {
  const own = releases.filter(({ workload }) => workload === release.workload)
  const now = own.map(({ version, securityVersion }) => `${version} (security version ${securityVersion})`).join(', ')
  return [
    `+ ${release.workload} ${release.version}, security version ${release.securityVersion}`,
    `  runs now  ${now || 'no release of it'}`,
    ...hash('release', release.digest),
    ...hash('image', release.image),
    ...hash('pipeline', release.certificate),
    `  trusted   ${trusted(policy, release)}`,
    `  built by  ${release.builder}, from`,
    ...release.dependencies.flatMap((from) =>
      'sha384' in from
        ? [`    ${from.name}`, ...hash('', from.sha384)]
        : [`    ${from.name}`, `    commit ${from.gitCommit}`],
    ),
    `  ${release.tests.passedTests.length} tests passed: ${release.tests.command.join(' ')}`,
    ...release.tests.passedTests.slice(0, 20).map((name) => `    ok ${name}`),
    ...(release.tests.passedTests.length > 20 ? [`    and ${release.tests.passedTests.length - 20} more`] : []),
  ]
}

function trusted(policy: Policy, release: Parameters<typeof checkRule>[1]): string {
  try {
    return `by the rule for ${checkRule(policy, release).workload}`
  } catch (error) {
    if (error instanceof RefusedError) return `NO, ${errorCode(error)}`
    throw error
  }
}

/** A line of anybody's text: escaped, and broken where a terminal of 100 columns would. */
function wrap(text: string): string[] {
  const clean = printable(text, 8192)
  const indent = ' '.repeat((/^ */.exec(clean)?.[0].length ?? 0) + 2)
  const lines: string[] = []
  let rest = clean
  while (rest.length > WIDTH) {
    const space = rest.lastIndexOf(' ', WIDTH)
    const at = space > indent.length ? space : WIDTH
    lines.push(rest.slice(0, at))
    rest = indent + rest.slice(at).trimStart()
  }
  return [...lines, rest]
}
