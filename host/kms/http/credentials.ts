/**
 * Who may call: access keys in AWS's shared format, one profile each, with the principal that it stands for. The file is as secret as
 * what it opens, and is the KMS's own (mode 0600); the caller's side has a copy of its part.
 */
import { randomBytes } from 'node:crypto'
import { FatalError } from '../../errors.ts'

export type Credential = {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string | undefined
  /** ARN of a user, a role's session, or the account's root. */
  principal: string
  notAfterMs: number | undefined
}

const FIELDS = [
  'aws_access_key_id',
  'aws_secret_access_key',
  'aws_session_token',
  'wasmclave_principal',
  'wasmclave_not_after',
] as const
const MAX_CREDENTIALS = 1000
/** Users, roles' sessions and root, as policies name them. */
const PRINCIPAL =
  /^arn:aws:(?:iam::(\d{12}):(?:root|user\/[\w+=,.@/-]{1,512})|sts::(\d{12}):assumed-role\/[\w+=,.@/-]{1,512})$/

/** @param account whose principals these must be @throws FatalError ERR_KMS_CREDENTIALS, with the line */
export function parseCredentials(text: string, account: string): Map<string, Credential> {
  const profiles: { line: number; fields: Map<string, string> }[] = []
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue
    if (/^\[[^\]]+\]$/.test(line)) {
      profiles.push({ line: index + 1, fields: new Map() })
      continue
    }
    const [, name, value] = /^([a-z_]+)\s*=\s*(\S+)$/.exec(line) ?? []
    const fields = profiles.at(-1)?.fields
    if (name === undefined || value === undefined || fields === undefined || !FIELDS.includes(name as never))
      throw bad(index + 1, `"[profile]" or "name = value" is due, with a name of ${FIELDS.join(', ')}`)
    if (fields.has(name)) throw bad(index + 1, `${name} comes twice in one profile`)
    fields.set(name, value)
  }
  if (profiles.length > MAX_CREDENTIALS) throw bad(1, `${profiles.length} profiles, there may be ${MAX_CREDENTIALS}`)
  const credentials = new Map<string, Credential>()
  for (const { line, fields } of profiles) {
    const credential = credentialOf(fields, line, account)
    if (credentials.has(credential.accessKeyId)) throw bad(line, `${credential.accessKeyId} is another profile's too`)
    credentials.set(credential.accessKeyId, credential)
  }
  return credentials
}

function credentialOf(fields: Map<string, string>, line: number, account: string): Credential {
  const required = (name: (typeof FIELDS)[number]) => {
    const value = fields.get(name)
    if (value === undefined) throw bad(line, `the profile has no ${name}`)
    return value
  }
  const principal = required('wasmclave_principal')
  const [, iam, sts] = PRINCIPAL.exec(principal) ?? []
  if ((iam ?? sts) !== account) throw bad(line, `${principal} is no user, session or root of account ${account}`)
  const notAfter = fields.get('wasmclave_not_after')
  if (notAfter !== undefined && Number.isNaN(Date.parse(notAfter)))
    throw bad(line, `${notAfter} is no time of RFC 3339`)
  return {
    accessKeyId: required('aws_access_key_id'),
    secretAccessKey: required('aws_secret_access_key'),
    sessionToken: fields.get('aws_session_token'),
    principal,
    notAfterMs: notAfter === undefined ? undefined : Date.parse(notAfter),
  }
}

/** Fresh keys for principals, by profile. `shared`: for the callers; SDKs skip the field that is not theirs. */
export function makeCredentials(principals: Record<string, string>): string {
  return Object.entries(principals)
    .map(([profile, principal]) =>
      [
        `[${profile}]`,
        // AKIA and 16 of base 32, AWS's form of a long-lived key
        `aws_access_key_id = AKIA${base32(randomBytes(16))}`,
        `aws_secret_access_key = ${randomBytes(30).toString('base64url')}`,
        `wasmclave_principal = ${principal}`,
        '',
      ].join('\n'),
    )
    .join('\n')
}

function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte & 31]).join('')
}

function bad(line: number, reason: string): FatalError {
  return new FatalError('ERR_KMS_CREDENTIALS', `the KMS's credentials, line ${line}: ${reason}`)
}
