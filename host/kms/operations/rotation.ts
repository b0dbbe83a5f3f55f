/** Rotation: new material seals from now on, old material opens what it sealed. Symmetric keys alone have it, as at AWS. */
import type { Call, Conditions } from '../call.ts'
import { Fault } from '../fault.ts'
import { materialOf } from '../keys/key-maker.ts'
import type { Key } from '../keys/key-store.ts'
import type { KeyRecord } from '../keys/record.ts'
import { makeMaterial } from '../keys/spec.ts'
import { MAX_ROTATIONS_ON_DEMAND, PAGE, ROTATION_DAYS } from '../limits.ts'
import { currentMaterial, type Output, page, timestamp } from '../metadata.ts'
import { changes, reads } from './operation.ts'

const DAY_MS = 86_400_000
const INCLUDED = ['ALL_KEY_MATERIAL', 'ROTATIONS_ONLY'] as const

/** When automatic rotation is due: a period after it was switched on, or after the last one that it did. */
export function nextRotationMs({ rotation, materials }: Pick<KeyRecord, 'rotation' | 'materials'>): number | undefined {
  if (rotation === null) return undefined
  const last = materials.findLast((material) => material.origin === 'AUTOMATIC')?.createdMs ?? 0
  return Math.max(last, rotation.sinceMs) + rotation.periodDays * DAY_MS
}

function enableKeyRotation(call: Call): undefined {
  const days = call.input.optionalInteger('RotationPeriodInDays', ROTATION_DAYS)
  const key = rotatable(call, days === undefined ? {} : { 'kms:RotationPeriodInDays': [String(days)] })
  call.requireUsable(key)
  const periodDays = days ?? key.rotation?.periodDays ?? ROTATION_DAYS.standard
  call.store.change(key, { rotation: { periodDays, sinceMs: call.nowMs } })
}

function disableKeyRotation(call: Call): undefined {
  const key = rotatable(call)
  call.requireUsable(key)
  call.store.change(key, { rotation: null })
}

function getKeyRotationStatus(call: Call): Output {
  const key = rotatable(call)
  const next = nextRotationMs(key)
  return {
    KeyId: call.arn(key),
    KeyRotationEnabled: key.rotation !== null && key.deletionMs === null,
    ...(key.rotation !== null && { RotationPeriodInDays: key.rotation.periodDays }),
    ...(next !== undefined && key.deletionMs === null && { NextRotationDate: timestamp(next) }),
  }
}

async function rotateKeyOnDemand(call: Call): Promise<Output> {
  call.requireUsable(rotatable(call))
  const material = materialOf(await makeMaterial('SYMMETRIC_DEFAULT'), call.nowMs, 'ON_DEMAND')
  // Looked up again: others may have changed the key meanwhile.
  const key = call.key('KeyId', 'id-or-arn')
  if (key.materials.filter(({ origin }) => origin === 'ON_DEMAND').length >= MAX_ROTATIONS_ON_DEMAND)
    throw new Fault(
      'LimitExceededException',
      `${call.arn(key)} was rotated on demand ${MAX_ROTATIONS_ON_DEMAND} times, the limit`,
    )
  call.requireUsable(key)
  call.store.change(key, { materials: [...key.materials, material] })
  return { KeyId: call.arn(key) }
}

function listKeyRotations(call: Call): Output {
  const key = rotatable(call)
  const include = call.input.optionalChoice('IncludeKeyMaterial', INCLUDED) ?? 'ROTATIONS_ONLY'
  const numbered = key.materials.map((material, index) => ({ material, id: String(index).padStart(6, '0') }))
  const listed = include === 'ALL_KEY_MATERIAL' ? numbered : numbered.slice(1)
  const { items, rest } = page(call, listed, ({ id }) => id, PAGE)
  const rotations = items.map(({ material, id }) => ({
    KeyId: call.arn(key),
    KeyMaterialId: material.id,
    KeyMaterialState: material === currentMaterial(key) ? 'CURRENT' : 'NON_CURRENT',
    ...(Number(id) > 0 && { RotationDate: timestamp(material.createdMs), RotationType: material.origin }),
  }))
  return { Rotations: rotations, ...rest }
}

function rotatable(call: Call, conditions: Conditions = {}): Key {
  const key = call.key('KeyId', 'id-or-arn')
  call.authorize(key, conditions)
  if (key.spec !== 'SYMMETRIC_DEFAULT')
    throw new Fault(
      'UnsupportedOperationException',
      `${call.arn(key)} is of ${key.spec}; only symmetric encryption keys rotate.`,
    )
  return key
}

export const rotationOperations = {
  DisableKeyRotation: changes(disableKeyRotation),
  EnableKeyRotation: changes(enableKeyRotation),
  GetKeyRotationStatus: reads(getKeyRotationStatus),
  ListKeyRotations: reads(listKeyRotations),
  RotateKeyOnDemand: changes(rotateKeyOnDemand),
}
