/**
 * The closed list of what an admin may ask for: each action's parameters, the roles that have it where the genesis says nothing else, and
 * whether many must approve it. What is not here does not exist: no exec, no shell, no log of a workload, no memory, no generic call.
 */
import { RefusedError } from '../errors.ts'
import { GUARDED_ACTIONS, type GuardedAction, MAX_PAYLOAD_BYTES } from './policy/guards.ts'

export const ROLES = ['operator', 'approver', 'auditor'] as const
export type Role = (typeof ROLES)[number]

export type Parameters = {
  'run-enclave': {
    name: string | null
    memoryMiB: number
    cpuCount: number
    cid: number | null
    /** SHA-384 and length of the image that follows the request. */
    eifSha384: string
    eifBytes: number
    /** Deterministic CBOR of the grant chain, base64url. */
    grantChain: string
    /** DSSE envelope of the image's release, base64url; without one nothing runs. */
    release: string | null
  }
  'describe-enclaves': { metadata: boolean }
  /** At once. */
  'terminate-enclave': { id: string } | { name: string } | { all: true }
  'describe-host': Record<string, never>
  /** How the host and its enclaves are: counters, never content. Opens a reading, which is asked again without another request. */
  'describe-health': Record<string, never>
  /** No new sessions; those that are open go on. */
  drain: { name: string }
  /** No new sessions, and the end after so many seconds. */
  stop: { name: string; graceSeconds: number }
  /** The same image under the same grant, in a new process. */
  restart: { name: string }
  /** Ended at once, and not launched again under this name until it is lifted. */
  quarantine: { name: string }
  'lift-quarantine': { name: string }
  'describe-log': Record<string, never>
  /** The store of an enclave, sealed as it lies there, while it is served. */
  'take-backup': { name: string }
  /**
   * Puts a backup in the place of a store that nobody uses. Not guarded: the store is stale then, and serves nothing until its owner accepts
   * it by a key that no office of the host has. An operator could put old files there without this action, and comes no further.
   */
  'restore-backup': { storeId: string; bytes: number }
  /** Opens a reading of a subject's entries: an enclave's name, or `host`. */
  'read-log': { subject: string }
  /** A guarded action, and all that it would do as canonical JSON. Whose `policy` is no longer in force is refused. */
  propose: { action: GuardedAction; payload: string; policy: string; expiresMs: number }
  /** Ed25519 over the whole matter (proposals/approval.ts), hex, by the key that signs the request. */
  approve: { proposal: string; signature: string }
  withdraw: { proposal: string }
  execute: { proposal: string }
  'describe-proposals': Record<string, never>
  'show-proposal': { proposal: string }
  'describe-policy': Record<string, never>
  /** How the policy came to be of this version: the proposal and its approvals. */
  'show-policy-change': { version: number }
  'roll-out': { name: string; release: string }
  'rotate-store-keys': { name: string }
  'enrol-key': { role: Role; key: string }
  'revoke-key': { key: string }
  'change-policy': { policy: string }
}
export type Action = keyof Parameters
export type Request = { [A in Action]: { action: A; parameters: Parameters[A] } }[Action]

/** An image is read whole before it is judged: one that is larger is refused by its stated size. */
export const MAX_EIF_BYTES = 64 * 1024 * 1024
/** More than a store at its quota takes, sealed. */
export const MAX_BACKUP_BYTES = 1024 * 1024 * 1024
export const MAX_GRACE_SECONDS = 60
export const ENCLAVE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const ENCLAVE_ID = /^i-[0-9a-f]{17}-enc[0-9a-f]{1,16}$/
const MAX_GRANT_CHARACTERS = 32768
const MAX_POLICY_CHARACTERS = 32768
/** 24,576 bytes of an envelope in base64url. */
const MAX_RELEASE_CHARACTERS = 32768

type Check = (value: unknown) => boolean
const isUint =
  (max: number): Check =>
  (v) =>
    Number.isSafeInteger(v) && (v as number) >= 0 && (v as number) <= max
const isText =
  (pattern: RegExp): Check =>
  (v) =>
    typeof v === 'string' && pattern.test(v)
const orNull =
  (check: Check): Check =>
  (v) =>
    v === null || check(v)
const isBase64Url =
  (maxCharacters: number): Check =>
  (v) =>
    typeof v === 'string' && v.length <= maxCharacters && /^[A-Za-z0-9_-]+$/.test(v)
const isDigest = isText(/^[0-9a-f]{96}$/)
const isKey = isText(/^[0-9a-f]{64}$/)
const isName = isText(ENCLAVE_NAME)

type Row = {
  /** Exactly the fields of one of these, each in its range. */
  shapes: Record<string, Check>[]
  roles: readonly Role[]
  /** Approved by many before it runs (PROTOCOLS.md 7); a request alone is refused. */
  guarded?: true
}

const TABLE: Record<Action, Row> = {
  'run-enclave': {
    shapes: [
      {
        name: orNull(isName),
        memoryMiB: isUint(1_048_576),
        cpuCount: (v) => isUint(1024)(v) && v !== 0,
        cid: orNull(isUint(0xffff_fffe)),
        eifSha384: isDigest,
        eifBytes: isUint(MAX_EIF_BYTES),
        grantChain: isBase64Url(MAX_GRANT_CHARACTERS),
        release: orNull(isBase64Url(MAX_RELEASE_CHARACTERS)),
      },
    ],
    roles: ['operator'],
  },
  'describe-enclaves': { shapes: [{ metadata: (v) => typeof v === 'boolean' }], roles: ROLES },
  'terminate-enclave': {
    shapes: [{ id: isText(ENCLAVE_ID) }, { name: isName }, { all: (v) => v === true }],
    roles: ['operator'],
  },
  'describe-host': { shapes: [{}], roles: ROLES },
  'describe-health': { shapes: [{}], roles: ['operator', 'auditor'] },
  drain: { shapes: [{ name: isName }], roles: ['operator'] },
  stop: { shapes: [{ name: isName, graceSeconds: isUint(MAX_GRACE_SECONDS) }], roles: ['operator'] },
  restart: { shapes: [{ name: isName }], roles: ['operator'] },
  quarantine: { shapes: [{ name: isName }], roles: ['operator'] },
  'lift-quarantine': { shapes: [{ name: isName }], roles: ['operator'] },
  'describe-log': { shapes: [{}], roles: ROLES },
  'take-backup': { shapes: [{ name: isName }], roles: ['operator'] },
  'restore-backup': { shapes: [{ storeId: isKey, bytes: isUint(MAX_BACKUP_BYTES) }], roles: ['operator'] },
  'read-log': { shapes: [{ subject: isName }], roles: ['auditor'] },
  propose: {
    shapes: [
      {
        action: (v) => GUARDED_ACTIONS.includes(v as GuardedAction),
        payload: (v) => typeof v === 'string' && v.length <= MAX_PAYLOAD_BYTES,
        policy: isDigest,
        expiresMs: isUint(Number.MAX_SAFE_INTEGER),
      },
    ],
    roles: ['operator', 'approver'],
  },
  approve: { shapes: [{ proposal: isKey, signature: isText(/^[0-9a-f]{128}$/) }], roles: ['approver'] },
  withdraw: { shapes: [{ proposal: isKey }], roles: ['operator', 'approver'] },
  execute: { shapes: [{ proposal: isKey }], roles: ['operator', 'approver'] },
  'describe-proposals': { shapes: [{}], roles: ROLES },
  'show-proposal': { shapes: [{ proposal: isKey }], roles: ROLES },
  'describe-policy': { shapes: [{}], roles: ROLES },
  'show-policy-change': { shapes: [{ version: isUint(2 ** 31) }], roles: ROLES },
  'roll-out': { shapes: [{ name: isName, release: isDigest }], roles: ['operator'], guarded: true },
  'rotate-store-keys': { shapes: [{ name: isName }], roles: ['operator'], guarded: true },
  'enrol-key': {
    shapes: [{ role: (v) => ROLES.includes(v as Role), key: isKey }],
    roles: ['approver'],
    guarded: true,
  },
  'revoke-key': { shapes: [{ key: isKey }], roles: ['approver'], guarded: true },
  'change-policy': { shapes: [{ policy: isBase64Url(MAX_POLICY_CHARACTERS) }], roles: ['approver'], guarded: true },
}

export const ACTIONS = Object.keys(TABLE) as Action[]

/** What each role may ask for where the genesis says nothing else: least privilege. */
export const DEFAULT_ROLES = Object.fromEntries(
  ROLES.map((role) => [role, ACTIONS.filter((action) => TABLE[action].roles.includes(role))]),
) as Record<Role, Action[]>

export function isGuarded(action: Action): boolean {
  return TABLE[action].guarded === true
}

export function isAction(action: unknown): action is Action {
  return typeof action === 'string' && Object.hasOwn(TABLE, action)
}

/** @throws RefusedError ERR_ADMIN_ACTION (no such action), ERR_ADMIN_PARAMETERS (other fields than the action has) */
export function parseAction(action: unknown, parameters: unknown): Request {
  if (!isAction(action))
    throw new RefusedError(
      'ERR_ADMIN_ACTION',
      `no action ${JSON.stringify(action)?.slice(0, 64)}; there are ${ACTIONS.join(', ')}`,
    )
  const { shapes } = TABLE[action]
  const fields =
    parameters !== null && typeof parameters === 'object' && !Array.isArray(parameters) ? parameters : undefined
  const shape = shapes.find(
    (candidate) =>
      fields !== undefined &&
      Object.keys(fields).length === Object.keys(candidate).length &&
      Object.entries(candidate).every(([name, check]) => Object.hasOwn(fields, name) && check((fields as never)[name])),
  )
  if (shape === undefined) {
    const expected = shapes.map((candidate) => `{${Object.keys(candidate).join(', ')}}`).join(' or ')
    throw new RefusedError('ERR_ADMIN_PARAMETERS', `${action} takes exactly ${expected}, each in its range`)
  }
  return { action, parameters: fields } as Request
}
