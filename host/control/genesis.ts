/**
 * Genesis (PROTOCOLS.md 7): the policy a host begins with: who may ask for what, which roots and pipeline it trusts.
 * Signed by every founding approver; its digest is the audience of every admin request and stands in each owner's grant.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto'
import { RefusedError } from '../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { ACTIONS, type Action, ROLES, type Role } from './actions.ts'
import { publicKeyFromRaw, rawPublicKey } from './keys.ts'

const SIGNATURE_LABEL = new TextEncoder().encode('wasmclave/genesis\0')
/** PROTOCOLS.md 7: never fewer. */
const MIN_THRESHOLD = 2
const MAX_MEMBERS = 64

export type Genesis = {
  version: 1
  /** A development genesis says so, cannot drop it, and shows in PCR17. */
  development: boolean
  hostId: string
  /** Ed25519 public keys, 32 bytes, hex. No key stands in two lists. */
  approvers: string[]
  threshold: number
  operators: string[]
  auditors: string[]
  /** SHA-384 of the DER of each certificate by which images may be signed, hex: what PCR8 extends. */
  pipelineCertificates: string[]
  /** SHA-256 of the DER of each trusted attestation root, hex. */
  attestationRoots: string[]
  /** Ed25519 keys of the KMS and of the log; null until this host has them. */
  kmsKey: string | null
  logKey: string | null
  roles: Record<Role, Action[]>
}

/** A genesis whose signatures were checked. Digest: SHA-384 of its canonical bytes, hex. */
export type SignedGenesis = { genesis: Genesis; digest: string }

export function genesisDigest(genesis: Genesis): string {
  return createHash('sha384').update(encodeCanonicalJson(genesis)).digest('hex')
}

/** Bytes of genesis.json. `approvers` are the private keys of all founding approvers. */
export function signGenesis(genesis: Genesis, approvers: KeyObject[]): Uint8Array {
  const signed = Buffer.concat([SIGNATURE_LABEL, encodeCanonicalJson(genesis)])
  const signatures = approvers.map((key) => ({
    key: Buffer.from(rawPublicKey(key)).toString('hex'),
    signature: sign(null, signed, key).toString('hex'),
  }))
  return encodeCanonicalJson({ genesis, signatures })
}

/** @throws RefusedError ERR_GENESIS_SYNTAX, ERR_GENESIS_SIGNATURE, ERR_JSON_SYNTAX, ERR_JSON_CANONICAL */
export function verifyGenesis(bytes: Uint8Array): SignedGenesis {
  const outer = fields(decodeCanonicalJson(bytes), ['genesis', 'signatures'], 'genesis.json')
  const genesis = parseGenesis(outer.genesis as Json)
  const signed = Buffer.concat([SIGNATURE_LABEL, encodeCanonicalJson(genesis)])
  const signers = new Set<string>()
  for (const item of list(outer.signatures, 'signatures')) {
    const { key, signature } = fields(item, ['key', 'signature'], 'signature')
    const raw = hex(key, 32, 'signature.key')
    if (
      !verify(
        null,
        signed,
        publicKeyFromRaw(Buffer.from(raw, 'hex')),
        Buffer.from(hex(signature, 64, 'signature'), 'hex'),
      )
    )
      throw new RefusedError('ERR_GENESIS_SIGNATURE', `the signature of ${raw} does not verify`)
    signers.add(raw)
  }
  const missing = genesis.approvers.find((key) => !signers.has(key))
  if (missing !== undefined || signers.size !== genesis.approvers.length)
    throw new RefusedError(
      'ERR_GENESIS_SIGNATURE',
      `every founding approver signs; ${missing ?? 'a stranger'} does not fit`,
    )
  return { genesis, digest: genesisDigest(genesis) }
}

function parseGenesis(value: Json): Genesis {
  const g = fields(value, GENESIS_FIELDS, 'genesis')
  if (g.version !== 1) throw syntax(`version ${String(g.version)}, expected 1`)
  if (typeof g.development !== 'boolean') throw syntax('development is no boolean')
  if (typeof g.hostId !== 'string' || !/^i-[0-9a-f]{17}$/.test(g.hostId)) throw syntax('hostId is no instance id')
  const approvers = keyList(g.approvers, 'approvers')
  const operators = keyList(g.operators, 'operators')
  const auditors = keyList(g.auditors, 'auditors')
  const all = [...approvers, ...operators, ...auditors]
  if (new Set(all).size !== all.length) throw syntax('one key holds two offices')
  if (
    !Number.isSafeInteger(g.threshold) ||
    (g.threshold as number) < MIN_THRESHOLD ||
    (g.threshold as number) > approvers.length
  )
    throw syntax(
      `threshold ${String(g.threshold)} for ${approvers.length} approvers: from ${MIN_THRESHOLD} to all of them`,
    )
  if (g.development === false && (g.kmsKey === null || g.logKey === null))
    throw syntax('kmsKey and logKey may be null in a development genesis only')
  return {
    version: 1,
    development: g.development,
    hostId: g.hostId,
    approvers,
    threshold: g.threshold as number,
    operators,
    auditors,
    pipelineCertificates: list(g.pipelineCertificates, 'pipelineCertificates').map((x) =>
      hex(x, 48, 'pipelineCertificates'),
    ),
    attestationRoots: list(g.attestationRoots, 'attestationRoots').map((x) => hex(x, 32, 'attestationRoots')),
    kmsKey: g.kmsKey === null ? null : hex(g.kmsKey, 32, 'kmsKey'),
    logKey: g.logKey === null ? null : hex(g.logKey, 32, 'logKey'),
    roles: parseRoles(g.roles as Json),
  }
}

function parseRoles(value: Json): Record<Role, Action[]> {
  const roles = fields(value, ROLES, 'roles')
  const parsed = {} as Record<Role, Action[]>
  for (const role of ROLES) {
    parsed[role] = list(roles[role], `roles.${role}`).map((action) => {
      if (!ACTIONS.includes(action as Action))
        throw syntax(`roles.${role} names ${String(action)}, no action of this host`)
      return action as Action
    })
  }
  return parsed
}

const GENESIS_FIELDS = [
  'version',
  'development',
  'hostId',
  'approvers',
  'threshold',
  'operators',
  'auditors',
  'pipelineCertificates',
  'attestationRoots',
  'kmsKey',
  'logKey',
  'roles',
] as const

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_GENESIS_SYNTAX', message)
}

function fields<K extends string>(value: Json, names: readonly K[], what: string): Record<K, Json> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw syntax(`${what} is no object`)
  const found = Object.keys(value)
  const odd = found.find((name) => !names.includes(name as K)) ?? names.find((name) => !Object.hasOwn(value, name))
  if (odd !== undefined) throw syntax(`${what} has exactly the fields ${names.join(', ')}; look at ${odd}`)
  return value as Record<K, Json>
}

function list(value: Json, what: string): Json[] {
  if (!Array.isArray(value) || value.length > MAX_MEMBERS) throw syntax(`${what} is no list of at most ${MAX_MEMBERS}`)
  return value
}

function hex(value: Json, lengthBytes: number, what: string): string {
  if (typeof value !== 'string' || value.length !== 2 * lengthBytes || !/^[0-9a-f]*$/.test(value))
    throw syntax(`${what} is not ${lengthBytes} bytes in lower-case hex`)
  return value
}

function keyList(value: Json, what: string): string[] {
  return list(value, what).map((key) => hex(key, 32, what))
}
