/** GetKeyPolicy, PutKeyPolicy, ListKeyPolicies. A key has one policy, and its name is `default`. */
import { errorCode } from '../../errors.ts'
import type { Call } from '../call.ts'
import { Fault } from '../fault.ts'
import type { Key } from '../keys/key-store.ts'
import type { KeyRecord } from '../keys/record.ts'
import { SMALL_PAGE } from '../limits.ts'
import { type Output, page } from '../metadata.ts'
import { MAX_POLICY_BYTES, type Policy, parsePolicy } from '../policy/index.ts'
import { changes, reads } from './operation.ts'

const NAME = 'default'

export function readPolicy(call: Call): string {
  return call.input.text('Policy', { min: 1, max: MAX_POLICY_BYTES })
}

/**
 * That it is a policy, and, unless that check is switched off, that its author can change it again.
 * @throws Fault MalformedPolicyDocumentException
 */
export function checkPolicy(call: Call, record: KeyRecord, text: string): void {
  let policy: Policy
  try {
    policy = parsePolicy(text, call.place.account)
  } catch (error) {
    if (errorCode(error) !== 'ERR_KMS_POLICY') throw error
    throw new Fault('MalformedPolicyDocumentException', (error as Error).message)
  }
  if (call.input.flag('BypassPolicyLockoutSafetyCheck')) return
  const key: Key = { ...record, parsedPolicy: policy }
  if (!call.wouldAllow(key, policy, 'kms:PutKeyPolicy', { 'kms:BypassPolicyLockoutSafetyCheck': ['false'] }))
    throw new Fault(
      'MalformedPolicyDocumentException',
      `The new key policy will not allow you to update the key policy in the future: it does not let ${call.caller.principal} call kms:PutKeyPolicy.`,
    )
}

function putKeyPolicy(call: Call): undefined {
  const key = call.key('KeyId', 'id-or-arn')
  readName(call)
  const policy = readPolicy(call)
  const bypass = call.input.flag('BypassPolicyLockoutSafetyCheck')
  call.authorize(key, { 'kms:BypassPolicyLockoutSafetyCheck': [String(bypass)] })
  checkPolicy(call, key, policy)
  call.store.change(key, { policy })
}

function getKeyPolicy(call: Call): Output {
  const key = call.key('KeyId', 'id-or-arn')
  readName(call)
  call.authorize(key)
  return { Policy: key.policy, PolicyName: NAME }
}

function listKeyPolicies(call: Call): Output {
  const key = call.key('KeyId', 'id-or-arn')
  call.authorize(key)
  const { items, rest } = page(call, [NAME], (name) => name, SMALL_PAGE)
  return { PolicyNames: items, ...rest }
}

function readName(call: Call): void {
  const name = call.input.optionalText('PolicyName', { min: 1, max: 128 }) ?? NAME
  if (name !== NAME)
    throw new Fault('NotFoundException', `No such policy exists: a key has one, '${NAME}', not '${name}'`)
}

export const policyOperations = {
  GetKeyPolicy: reads(getKeyPolicy),
  ListKeyPolicies: reads(listKeyPolicies),
  PutKeyPolicy: changes(putKeyPolicy),
}
