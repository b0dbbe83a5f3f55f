/** A key's life: described, listed, enabled, disabled, on its way out and back. */
import { keyArn } from '../account.ts'
import type { Call } from '../call.ts'
import { Fault } from '../fault.ts'
import { DELETION_DAYS, MAX_DESCRIPTION, PAGE } from '../limits.ts'
import { keyMetadata, type Output, page, timestamp } from '../metadata.ts'
import { changes, reads } from './operation.ts'

const DAY_MS = 86_400_000

function describeKey(call: Call): Output {
  const key = call.key()
  call.authorize(key)
  return { KeyMetadata: keyMetadata(call, key) }
}

// No key policy is asked, as at AWS: the names of keys are the account's.
function listKeys(call: Call): Output {
  const { items, rest } = page(call, call.store.all, (key) => key.keyId, PAGE)
  return { Keys: items.map(({ keyId }) => ({ KeyId: keyId, KeyArn: keyArn(call.place, keyId) })), ...rest }
}

function setEnabled(enabled: boolean): (call: Call) => undefined {
  return (call) => {
    const key = call.key('KeyId', 'id-or-arn')
    call.authorize(key)
    call.requireKept(key)
    if (key.enabled !== enabled) call.store.change(key, { enabled })
  }
}

function updateKeyDescription(call: Call): undefined {
  const key = call.key('KeyId', 'id-or-arn')
  const description = call.input.text('Description', { min: 0, max: MAX_DESCRIPTION })
  call.authorize(key)
  call.requireKept(key)
  if (!description.isWellFormed()) throw new Fault('ValidationException', 'Description is no Unicode text')
  call.store.change(key, { description })
}

function scheduleKeyDeletion(call: Call): Output {
  const key = call.key('KeyId', 'id-or-arn')
  const days = call.input.optionalInteger('PendingWindowInDays', DELETION_DAYS) ?? DELETION_DAYS.standard
  call.authorize(key, { 'kms:ScheduleKeyDeletionPendingWindowInDays': [String(days)] })
  call.requireKept(key)
  const deletionMs = call.nowMs + days * DAY_MS
  // A key that comes back is disabled, as AWS's is: somebody says again that it is to be used.
  call.store.change(key, { deletionMs, enabled: false })
  return {
    KeyId: call.arn(key),
    DeletionDate: timestamp(deletionMs),
    KeyState: 'PendingDeletion',
    PendingWindowInDays: days,
  }
}

function cancelKeyDeletion(call: Call): Output {
  const key = call.key('KeyId', 'id-or-arn')
  call.authorize(key)
  if (key.deletionMs === null) throw new Fault('KMSInvalidStateException', `${call.arn(key)} is not pending deletion.`)
  call.store.change(key, { deletionMs: null })
  return { KeyId: call.arn(key) }
}

export const lifeOperations = {
  CancelKeyDeletion: changes(cancelKeyDeletion),
  DescribeKey: reads(describeKey),
  DisableKey: changes(setEnabled(false)),
  EnableKey: changes(setEnabled(true)),
  ListKeys: reads(listKeys),
  ScheduleKeyDeletion: changes(scheduleKeyDeletion),
  UpdateKeyDescription: changes(updateKeyDescription),
}
