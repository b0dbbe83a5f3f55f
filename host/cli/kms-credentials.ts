/**
 * Access keys of a development host's KMS, made once: `default`, a person, and `enclave`, the role of the instance that enclaves' parents
 * run on. One copy is the KMS's own, one the customer's; both files are AWS's shared format, mode 0600.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { ACCOUNT } from '../kms/account.ts'
import { type Credential, makeCredentials, parseCredentials } from '../kms/http/credentials.ts'
import type { DataFolder } from '../nitro/data-folder.ts'

export const DEVELOPER = `arn:aws:iam::${ACCOUNT}:user/developer`
export const ENCLAVE_ROLE = `arn:aws:sts::${ACCOUNT}:assumed-role/enclave/parent`

/** Makes what is missing. */
export function developmentCredentials(folder: DataFolder): void {
  const own = join(folder.kms, 'credentials')
  if (existsSync(own)) return
  const text = makeCredentials({ default: DEVELOPER, enclave: ENCLAVE_ROLE })
  writeFileSync(credentialsFile(folder), text, { mode: 0o600 })
  // CRASH: the customer has keys that the KMS does not know; the next start makes both anew.
  writeFileSync(own, text, { mode: 0o600 })
}

export function credentialsFile(folder: DataFolder): string {
  return join(folder.customer, 'aws-credentials')
}

/** Of the customer's copy. @throws UsageError ERR_KMS_PROFILE */
export function readCredential(folder: DataFolder, principal: string): Credential {
  const file = credentialsFile(folder)
  const known = existsSync(file) ? [...parseCredentials(readFileSync(file, 'utf8'), ACCOUNT).values()] : []
  const found = known.find((credential) => credential.principal === principal)
  if (found === undefined) throw new UsageError('ERR_KMS_PROFILE', `${file} has no key of ${principal}`)
  return found
}
