/**
 * The closed list of what an admin may ask for, and each action's parameters. What is not here does not exist:
 * no exec, no shell, no log of a workload, no memory, no generic call.
 */
import { RefusedError } from '../errors.ts'

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
  }
  'describe-enclaves': { metadata: boolean }
  'terminate-enclave': { id: string } | { name: string } | { all: true }
  'describe-host': Record<string, never>
}
export type Action = keyof Parameters
export type Request = { [A in Action]: { action: A; parameters: Parameters[A] } }[Action]

export const ACTIONS: Action[] = ['run-enclave', 'describe-enclaves', 'terminate-enclave', 'describe-host']

/** What each role may ask for where the genesis says nothing else: least privilege. */
export const DEFAULT_ROLES: Record<Role, Action[]> = {
  operator: ['run-enclave', 'describe-enclaves', 'terminate-enclave', 'describe-host'],
  approver: ['describe-enclaves', 'describe-host'],
  auditor: ['describe-enclaves', 'describe-host'],
}

/** An image is read whole before it is judged: one that is larger is refused by its stated size. */
export const MAX_EIF_BYTES = 64 * 1024 * 1024
export const ENCLAVE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
const MAX_GRANT_CHARACTERS = 32768

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

const ENCLAVE_ID = /^i-[0-9a-f]{17}-enc[0-9a-f]{1,16}$/

const SHAPES: Record<Action, Record<string, Check>[]> = {
  'run-enclave': [
    {
      name: orNull(isText(ENCLAVE_NAME)),
      memoryMiB: isUint(1_048_576),
      cpuCount: (v) => isUint(1024)(v) && v !== 0,
      cid: orNull(isUint(0xffff_fffe)),
      eifSha384: isText(/^[0-9a-f]{96}$/),
      eifBytes: isUint(MAX_EIF_BYTES),
      grantChain: (v) => typeof v === 'string' && v.length <= MAX_GRANT_CHARACTERS && /^[A-Za-z0-9_-]+$/.test(v),
    },
  ],
  'describe-enclaves': [{ metadata: (v) => typeof v === 'boolean' }],
  'terminate-enclave': [{ id: isText(ENCLAVE_ID) }, { name: isText(ENCLAVE_NAME) }, { all: (v) => v === true }],
  'describe-host': [{}],
}

/** @throws RefusedError ERR_ADMIN_ACTION (no such action), ERR_ADMIN_PARAMETERS (other fields than the action has) */
export function parseAction(action: unknown, parameters: unknown): Request {
  if (typeof action !== 'string' || !Object.hasOwn(SHAPES, action))
    throw new RefusedError(
      'ERR_ADMIN_ACTION',
      `no action ${JSON.stringify(action)?.slice(0, 64)}; there are ${ACTIONS.join(', ')}`,
    )
  const fields =
    parameters !== null && typeof parameters === 'object' && !Array.isArray(parameters) ? parameters : undefined
  const shape = SHAPES[action as Action].find(
    (candidate) =>
      fields !== undefined &&
      Object.keys(fields).length === Object.keys(candidate).length &&
      Object.entries(candidate).every(([name, check]) => Object.hasOwn(fields, name) && check((fields as never)[name])),
  )
  if (shape === undefined) {
    const expected = SHAPES[action as Action].map((candidate) => `{${Object.keys(candidate).join(', ')}}`).join(' or ')
    throw new RefusedError('ERR_ADMIN_PARAMETERS', `${action} takes exactly ${expected}, each in its range`)
  }
  return { action, parameters: fields } as Request
}
