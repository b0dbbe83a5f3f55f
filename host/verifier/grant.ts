/**
 * The launch grant (PROTOCOLS 2): the owner's word on who, what and which release. A chain of versions, each canonical JSON under an
 * Ed25519 signature: the first by its own owner, each later one by an owner of the version before.
 */
import { RefusedError } from '../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../wire/canonical-json.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../wire/cbor.ts'
import { concat, fromHex, toHex } from './bytes.ts'
import { exactly } from './records.ts'

const LABEL = new TextEncoder().encode('wasmclave/grant\0')
const STORE_LABEL = new TextEncoder().encode('wasmclave/store\0')
const MAX_GRANTS = 1000
const MAX_OWNERS = 16
const MAX_LAYERS = 32

/** Which images the owner lets run: all of a pipeline's certificate, or exactly these. Values are registers in hex. */
export type ReleaseRule = { pcr8: string } | { pins: { pcr0: string; pcr1: string; pcr2: string }[] }

export type LaunchGrant = {
  version: number
  /** Ed25519 public keys, hex. */
  owners: string[]
  tenant: string
  enclaveName: string
  workloadName: string
  /** SHA-256(label ‖ first owner key ‖ name), hex. */
  storeId: string
  kmsKey: string | null
  releaseRule: ReleaseRule
  minSecurityVersion: number
  logKey: string | null
  /** Isolation layers that must be in force before a store key is released, by name. May be missing: none is demanded. */
  minIsolation?: string[]
  /** SHA-384 of the genesis policy, hex. */
  genesisDigest: string
  development: boolean
}

export type SignedGrant = { bytes: Uint8Array; signature: Uint8Array }

/** A chain whose every signature was verified; `newest` is in force. */
export type VerifiedGrants = { newest: LaunchGrant; firstOwner: string }

const FIELDS = [
  'version',
  'owners',
  'tenant',
  'enclaveName',
  'workloadName',
  'storeId',
  'kmsKey',
  'releaseRule',
  'minSecurityVersion',
  'logKey',
  'genesisDigest',
  'development',
] as const

export function encodeGrant(grant: LaunchGrant): Uint8Array {
  return encodeCanonicalJson(grant as unknown as Json)
}

/** What an owner signs. */
export function grantSigningInput(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(LABEL, bytes)
}

export function encodeGrantChain(chain: SignedGrant[]): Uint8Array {
  return encodeCbor(chain.map(({ bytes, signature }) => [bytes, signature] as Cbor))
}

/** SHA-256(`wasmclave/store` ‖ NUL ‖ first owner key ‖ name), hex. */
export async function storeId(firstOwner: string, enclaveName: string): Promise<string> {
  const input = concat(STORE_LABEL, fromHex(firstOwner), new TextEncoder().encode(enclaveName))
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', input)))
}

/** @throws RefusedError ERR_GRANT_SYNTAX, ERR_GRANT_SIGNATURE, ERR_GRANT_CHAIN */
export async function verifyGrantChain(bytes: Uint8Array): Promise<VerifiedGrants> {
  const chain = parseChain(bytes)
  let before: LaunchGrant | undefined
  for (const [index, { bytes, signature }] of chain.entries()) {
    const grant = parseGrant(bytes)
    if (grant.version !== index + 1)
      throw refused('ERR_GRANT_CHAIN', `grant ${index + 1} of the chain says it is version ${grant.version}`)
    if (before !== undefined) checkSuccession(before, grant)
    if (!(await signedByAny((before ?? grant).owners, bytes, signature)))
      throw refused(
        'ERR_GRANT_SIGNATURE',
        `version ${grant.version} is not signed by an owner of ${before === undefined ? 'its own' : 'the version before'}`,
      )
    before = grant
  }
  const newest = before as LaunchGrant
  const firstOwner = parseGrant((chain[0] as SignedGrant).bytes).owners[0] as string
  const expected = await storeId(firstOwner, newest.enclaveName)
  if (newest.storeId !== expected)
    throw refused('ERR_GRANT_CHAIN', `store id ${newest.storeId}, this owner and name make ${expected}`)
  return { newest, firstOwner }
}

function parseChain(bytes: Uint8Array): SignedGrant[] {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_GRANTS)
    throw refused('ERR_GRANT_SYNTAX', 'a grant chain is a list of grants')
  return value.map((item) => {
    if (
      !Array.isArray(item) ||
      item.length !== 2 ||
      !(item[0] instanceof Uint8Array) ||
      !(item[1] instanceof Uint8Array) ||
      item[1].length !== 64
    )
      throw refused('ERR_GRANT_SYNTAX', 'each grant is [bytes, 64-byte signature]')
    return { bytes: item[0], signature: item[1] }
  })
}

export function parseGrant(bytes: Uint8Array): LaunchGrant {
  const value = decodeCanonicalJson(bytes)
  const isolated = value !== null && typeof value === 'object' && Object.hasOwn(value, 'minIsolation')
  const g: Record<(typeof FIELDS)[number], Json> & { minIsolation?: Json } = isolated
    ? exactly(value, [...FIELDS, 'minIsolation'] as const, 'the launch grant')
    : exactly(value, FIELDS, 'the launch grant')
  const hexOf = (value: Json, length: number) =>
    typeof value === 'string' && value.length === 2 * length && /^[0-9a-f]+$/.test(value)
  const uint = (value: Json) => Number.isSafeInteger(value) && (value as number) >= 1
  const owners =
    Array.isArray(g.owners) &&
    g.owners.length >= 1 &&
    g.owners.length <= MAX_OWNERS &&
    g.owners.every((key) => hexOf(key, 32))
  const problem = !uint(g.version)
    ? 'version'
    : !owners || new Set(g.owners as string[]).size !== (g.owners as string[]).length
      ? 'owners'
      : typeof g.tenant !== 'string' || g.tenant.length > 128
        ? 'tenant'
        : typeof g.enclaveName !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(g.enclaveName)
          ? 'enclaveName'
          : typeof g.workloadName !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(g.workloadName)
            ? 'workloadName'
            : !hexOf(g.storeId, 32)
              ? 'storeId'
              : typeof g.development !== 'boolean'
                ? 'development'
                : !hexOrNull(g.kmsKey, g.development) || !hexOrNull(g.logKey, g.development)
                  ? 'kmsKey or logKey'
                  : !uint(g.minSecurityVersion)
                    ? 'minSecurityVersion'
                    : !hexOf(g.genesisDigest, 48)
                      ? 'genesisDigest'
                      : !isReleaseRule(g.releaseRule)
                        ? 'releaseRule'
                        : isolated && !isLayerList(g.minIsolation as Json)
                          ? 'minIsolation'
                          : undefined
  if (problem !== undefined) throw refused('ERR_GRANT_SYNTAX', `${problem} of the grant does not fit`)
  return g as unknown as LaunchGrant
}

function hexOrNull(value: Json, development: boolean): boolean {
  return value === null ? development : typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isLayerList(value: Json): boolean {
  return (
    Array.isArray(value) &&
    value.length <= MAX_LAYERS &&
    value.every((layer) => typeof layer === 'string' && /^[a-z][a-z0-9-]{0,63}$/.test(layer))
  )
}

function isReleaseRule(value: Json): boolean {
  const pcr = (v: unknown) => typeof v === 'string' && /^[0-9a-f]{96}$/.test(v)
  if (value === null || typeof value !== 'object' || Array.isArray(value) || Object.keys(value).length !== 1)
    return false
  if (pcr(value.pcr8)) return true
  return (
    Array.isArray(value.pins) &&
    value.pins.length >= 1 &&
    value.pins.length <= 64 &&
    value.pins.every((pin) => {
      const p = pin as Record<string, Json> | null
      return (
        p !== null && typeof p === 'object' && Object.keys(p).length === 3 && pcr(p.pcr0) && pcr(p.pcr1) && pcr(p.pcr2)
      )
    })
  )
}

function checkSuccession(before: LaunchGrant, grant: LaunchGrant): void {
  for (const field of ['tenant', 'enclaveName', 'workloadName', 'storeId'] as const)
    if (before[field] !== grant[field])
      throw refused(
        'ERR_GRANT_CHAIN',
        `${field} changes from ${before[field]} to ${grant[field]} in version ${grant.version}`,
      )
}

async function signedByAny(owners: string[], bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  for (const owner of owners) {
    const key = await crypto.subtle.importKey('raw', fromHex(owner) as Uint8Array<ArrayBuffer>, 'Ed25519', false, [
      'verify',
    ])
    if (await crypto.subtle.verify('Ed25519', key, signature as Uint8Array<ArrayBuffer>, grantSigningInput(bytes)))
      return true
  }
  return false
}

function refused(code: 'ERR_GRANT_SYNTAX' | 'ERR_GRANT_SIGNATURE' | 'ERR_GRANT_CHAIN', message: string): RefusedError {
  return new RefusedError(code, message)
}
