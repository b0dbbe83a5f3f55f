/** What responses say of a key (API_KeyMetadata), and pages of lists. */
import type { Call } from './call.ts'
import { Fault } from './fault.ts'
import type { Key } from './keys/key-store.ts'
import type { Material } from './keys/record.ts'
import { algorithmsOf } from './keys/spec.ts'

export type Output = Record<string, unknown>

/** Seconds since 1970 with a fraction: how JSON 1.1 writes a time. */
export function timestamp(ms: number): number {
  return ms / 1000
}

export function keyMetadata(call: Call, key: Key): Output {
  return {
    AWSAccountId: call.place.account,
    KeyId: key.keyId,
    Arn: call.arn(key),
    CreationDate: timestamp(key.createdMs),
    Enabled: key.enabled && key.deletionMs === null,
    Description: key.description,
    KeyUsage: key.usage,
    KeyState: key.deletionMs !== null ? 'PendingDeletion' : key.enabled ? 'Enabled' : 'Disabled',
    ...(key.deletionMs !== null && { DeletionDate: timestamp(key.deletionMs) }),
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.spec,
    KeySpec: key.spec,
    ...algorithmsOf(key.spec, key.usage),
    MultiRegion: false,
    ...(key.spec === 'SYMMETRIC_DEFAULT' && { CurrentKeyMaterialId: currentMaterial(key).id }),
  }
}

/** What seals, signs and agrees. */
export function currentMaterial(key: Key): Material {
  return key.materials.at(-1) as Material
}

/**
 * One page of a list that is sorted by `idOf`: what comes after the marker, as many as the limit says.
 * @throws Fault InvalidMarkerException
 */
export function page<T>(
  call: Call,
  items: T[],
  idOf: (item: T) => string,
  limits: { max: number; standard: number },
): { items: T[]; rest: Output } {
  const limit = call.input.optionalInteger('Limit', { min: 1, max: limits.max }) ?? limits.standard
  const marker = call.input.optionalText('Marker', { min: 1, max: 1024 })
  const after = marker === undefined ? undefined : readMarker(marker)
  const following = after === undefined ? items : items.filter((item) => idOf(item) > after)
  const shown = following.slice(0, limit)
  if (shown.length === following.length) return { items: shown, rest: { Truncated: false } }
  return { items: shown, rest: { Truncated: true, NextMarker: makeMarker(idOf(shown.at(-1) as T)) } }
}

const MARKER = 'wasmclave:'

function makeMarker(id: string): string {
  return Buffer.from(`${MARKER}${id}`).toString('base64url')
}

function readMarker(marker: string): string {
  const text = Buffer.from(marker, 'base64url').toString()
  if (!text.startsWith(MARKER) || makeMarker(text.slice(MARKER.length)) !== marker)
    throw new Fault(
      'InvalidMarkerException',
      'the marker is none of this KMS: it comes from the page before, as NextMarker',
    )
  return text.slice(MARKER.length)
}
