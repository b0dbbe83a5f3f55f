/** CreateAlias, UpdateAlias, DeleteAlias, ListAliases. */
import { aliasArn } from '../account.ts'
import type { Call } from '../call.ts'
import { Fault } from '../fault.ts'
import type { Alias, Key } from '../keys/key-store.ts'
import { MAX_ALIAS, MAX_ALIASES_A_KEY, SMALL_PAGE } from '../limits.ts'
import { type Output, page, timestamp } from '../metadata.ts'
import { changes, reads } from './operation.ts'

const NAME = /^alias\/[a-zA-Z0-9/_-]+$/

function createAlias(call: Call): undefined {
  const name = readName(call)
  const key = target(call)
  if (call.store.alias(name) !== undefined)
    throw new Fault('AlreadyExistsException', `An alias with the name ${aliasArn(call.place, name)} already exists`)
  requireRoom(call, key)
  call.store.setAlias({ name, keyId: key.keyId, createdMs: call.nowMs, updatedMs: call.nowMs })
}

// Both keys' policies are asked, as AWS does: from and to.
function updateAlias(call: Call): undefined {
  const alias = known(call)
  const from = call.keyById(alias.keyId)
  call.authorize(from)
  const key = target(call)
  if (from.usage !== key.usage || (from.spec === 'SYMMETRIC_DEFAULT') !== (key.spec === 'SYMMETRIC_DEFAULT'))
    throw new Fault(
      'ValidationException',
      `Alias ${alias.name} cannot be changed from ${from.spec}, ${from.usage} to ${key.spec}, ${key.usage}: both keys must be of one kind`,
    )
  if (from.keyId !== key.keyId) requireRoom(call, key)
  call.store.setAlias({ ...alias, keyId: key.keyId, updatedMs: call.nowMs })
}

function deleteAlias(call: Call): undefined {
  const alias = known(call)
  call.authorize(call.keyById(alias.keyId))
  call.store.removeAlias(alias.name)
}

function listAliases(call: Call): Output {
  const key = call.input.has('KeyId') ? call.key('KeyId', 'id-or-arn') : undefined
  const aliases = key === undefined ? call.store.aliases : call.store.aliasesOf(key.keyId)
  const { items, rest } = page(call, aliases, (alias) => alias.name, SMALL_PAGE)
  return { Aliases: items.map((alias) => describe(call, alias)), ...rest }
}

function describe(call: Call, { name, keyId, createdMs, updatedMs }: Alias): Output {
  return {
    AliasName: name,
    AliasArn: aliasArn(call.place, name),
    TargetKeyId: keyId,
    CreationDate: timestamp(createdMs),
    LastUpdatedDate: timestamp(updatedMs),
  }
}

function target(call: Call): Key {
  const key = call.key('TargetKeyId', 'id-or-arn')
  call.authorize(key)
  call.requireKept(key)
  return key
}

function known(call: Call): Alias {
  const name = readName(call)
  const alias = call.store.alias(name)
  if (alias === undefined) throw new Fault('NotFoundException', `Alias ${aliasArn(call.place, name)} is not found.`)
  return alias
}

function readName(call: Call): string {
  const name = call.input.text('AliasName', { min: 1, max: MAX_ALIAS })
  if (!NAME.test(name))
    throw new Fault(
      'InvalidAliasNameException',
      `${name.slice(0, 60)} is no name of an alias: alias/ and then letters, digits, / _ -`,
    )
  if (name.startsWith('alias/aws/')) throw new Fault('InvalidAliasNameException', "alias/aws/ is for AWS's own keys")
  return name
}

function requireRoom(call: Call, key: Key): void {
  if (call.store.aliasesOf(key.keyId).length >= MAX_ALIASES_A_KEY)
    throw new Fault('LimitExceededException', `${call.arn(key)} has ${MAX_ALIASES_A_KEY} aliases already, its limit`)
}

export const aliasOperations = {
  CreateAlias: changes(createAlias),
  DeleteAlias: changes(deleteAlias),
  ListAliases: reads(listAliases),
  UpdateAlias: changes(updateAlias),
}
