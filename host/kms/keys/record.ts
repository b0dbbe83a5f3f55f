/** A customer key as it lies on disk (sealed) and in memory, in deterministic CBOR. What a response says of it is made elsewhere. */
import { FatalError } from '../../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../wire/cbor.ts'
import { KEY_SPECS, KEY_USAGES, type KeySpec, type KeyUsage } from './spec.ts'

const FORMAT = 1

export const ORIGINS = ['CREATED', 'AUTOMATIC', 'ON_DEMAND'] as const

/** One key's secret at one time. Rotation adds one; the old ones stay, to open what they sealed. */
export type Material = {
  /** KeyMaterialId, 64 hex digits. */
  id: string
  secret: Buffer
  createdMs: number
  origin: (typeof ORIGINS)[number]
}

export type KeyRecord = {
  /** UUID. */
  keyId: string
  spec: KeySpec
  usage: KeyUsage
  description: string
  createdMs: number
  enabled: boolean
  /** When the material is erased; null unless that is scheduled. */
  deletionMs: number | null
  /** JSON, as it was put. */
  policy: string
  tags: { key: string; value: string }[]
  /** Automatic rotation, and since when. */
  rotation: { periodDays: number; sinceMs: number } | null
  /** Oldest first; the last one seals. */
  materials: Material[]
}

export function encodeRecord(record: KeyRecord): Uint8Array {
  const { keyId, spec, usage, description, createdMs, enabled, deletionMs, policy } = record
  const rotation = record.rotation === null ? null : [record.rotation.periodDays, record.rotation.sinceMs]
  const tags = record.tags.map(({ key, value }): Cbor => [key, value])
  const materials = record.materials.map(
    ({ id, secret, createdMs, origin }): Cbor => [id, new Uint8Array(secret), createdMs, origin],
  )
  return encodeCbor([
    FORMAT,
    keyId,
    spec,
    usage,
    description,
    createdMs,
    enabled,
    deletionMs,
    policy,
    rotation,
    tags,
    materials,
  ])
}

/** Of bytes that were authenticated: another shape is another version's. @throws FatalError ERR_KMS_KEY_FORMAT */
export function decodeRecord(bytes: Uint8Array): KeyRecord {
  const fields = decodeCbor(bytes)
  if (!Array.isArray(fields) || fields.length !== 12 || fields[0] !== FORMAT) throw odd()
  const [, keyId, spec, usage, description, createdMs, enabled, deletionMs, policy, rotation, tags, materials] = fields
  if (!KEY_SPECS.includes(spec as KeySpec) || !KEY_USAGES.includes(usage as KeyUsage)) throw odd()
  return {
    keyId: keyId as string,
    spec: spec as KeySpec,
    usage: usage as KeyUsage,
    description: description as string,
    createdMs: createdMs as number,
    enabled: enabled as boolean,
    deletionMs: deletionMs as number | null,
    policy: policy as string,
    rotation: rotation === null ? null : rotationOf(rotation as [number, number]),
    tags: (tags as [string, string][]).map(([key, value]) => ({ key, value })),
    materials: (materials as [string, Uint8Array, number, Material['origin']][]).map(
      ([id, secret, createdMs, origin]) => ({ id, secret: Buffer.from(secret), createdMs, origin }),
    ),
  }
}

function rotationOf([periodDays, sinceMs]: [number, number]): KeyRecord['rotation'] {
  return { periodDays, sinceMs }
}

function odd(): FatalError {
  return new FatalError('ERR_KMS_KEY_FORMAT', `a key is in another format than ${FORMAT}: another version wrote it`)
}
