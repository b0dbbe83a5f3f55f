/** CreateKey. */
import { randomUUID } from 'node:crypto'
import type { Call } from '../call.ts'
import { constraint, Fault } from '../fault.ts'
import { KEY_SPECS, KEY_USAGES, type KeySpec, type KeyUsage, SPECS } from '../keys/spec.ts'
import { MAX_DESCRIPTION } from '../limits.ts'
import { keyMetadata, type Output } from '../metadata.ts'
import { defaultPolicy } from '../policy/index.ts'
import { changes } from './operation.ts'
import { checkPolicy, readPolicy } from './policies.ts'
import { readTags } from './tags.ts'

async function createKey(call: Call): Promise<Output> {
  const { input } = call
  const spec = readSpec(call)
  const usage = readUsage(call, spec)
  const origin = input.optionalText('Origin', { min: 1, max: 64 }) ?? 'AWS_KMS'
  if (origin !== 'AWS_KMS' || input.has('CustomKeyStoreId') || input.has('XksKeyId'))
    throw new Fault('UnsupportedOperationException', `key material comes from AWS_KMS here, not from ${origin}`)
  if (input.flag('MultiRegion')) throw new Fault('UnsupportedOperationException', 'this KMS is one region')
  const description = input.optionalText('Description', { min: 0, max: MAX_DESCRIPTION }) ?? ''
  if (!description.isWellFormed()) throw new Fault('ValidationException', 'Description is no Unicode text')
  const tags = readTags(call, [])
  const policy = input.has('Policy') ? readPolicy(call) : defaultPolicy(call.place.account)
  const record = {
    keyId: randomUUID(),
    spec,
    usage,
    description,
    createdMs: call.nowMs,
    enabled: true,
    deletionMs: null,
    policy,
    tags,
    rotation: null,
    materials: [],
  }
  checkPolicy(call, record, policy)
  const material = await call.maker.material(spec, call.nowMs, 'CREATED')
  const key = call.store.add({ ...record, materials: [material] })
  call.resources.add(call.arn(key))
  return { KeyMetadata: keyMetadata(call, key) }
}

// CustomerMasterKeySpec is KeySpec's old name.
function readSpec({ input }: Call): KeySpec {
  const spec = input.optionalText('KeySpec', { min: 1, max: 64 })
  const old = input.optionalText('CustomerMasterKeySpec', { min: 1, max: 64 })
  if (spec !== undefined && old !== undefined && spec !== old)
    throw new Fault('ValidationException', `KeySpec is ${spec} and CustomerMasterKeySpec is ${old}: give one of them`)
  const named = spec ?? old ?? 'SYMMETRIC_DEFAULT'
  if (KEY_SPECS.includes(named as KeySpec)) return named as KeySpec
  throw constraint('KeySpec', `Member must satisfy enum value set: [${KEY_SPECS.join(', ')}]`, named)
}

function readUsage({ input }: Call, spec: KeySpec): KeyUsage {
  const usage = input.optionalChoice('KeyUsage', KEY_USAGES)
  const possible: readonly KeyUsage[] = SPECS[spec].usages
  if (usage === undefined) {
    if (spec === 'SYMMETRIC_DEFAULT') return 'ENCRYPT_DECRYPT'
    throw new Fault(
      'ValidationException',
      `You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys: for ${spec} one of ${possible.join(', ')}.`,
    )
  }
  if (!possible.includes(usage))
    throw new Fault(
      'ValidationException',
      `KeyUsage ${usage} is not compatible with KeySpec ${spec}, which has ${possible.join(', ')}`,
    )
  return usage
}

export const createKeyOperations = { CreateKey: changes(createKey) }
