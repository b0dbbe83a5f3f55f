/** The KMS as a developer with its development credentials calls it: AWS's JSON 1.1, signed. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ACCOUNT } from '../kms/account.ts'
import { parseCredentials } from '../kms/http/credentials.ts'
import { signRequest } from '../kms/http/sigv4.ts'
import { REGION } from '../nitro/pki/pki.ts'
import type { Target } from './target.ts'

const ANSWER_MS = 30_000

export type KmsAnswer = { status: number; text: string; answer: Record<string, unknown> }

export async function callKms(target: Target, operation: string, input: Record<string, unknown>): Promise<KmsAnswer> {
  const { kms } = target.running
  if (kms === null) throw new Error('the host has no KMS')
  const file = join(target.folder.customer, 'aws-credentials')
  const [credential] = parseCredentials(readFileSync(file, 'utf8'), ACCOUNT).values()
  if (credential === undefined) throw new Error(`${file} has no key`)
  const body = Buffer.from(JSON.stringify(input))
  const headers = signRequest(credential, {
    host: new URL(kms).host,
    target: `TrentService.${operation}`,
    body,
    region: REGION,
    nowMs: Date.now(),
  })
  const response = await fetch(kms, { method: 'POST', headers, body, signal: AbortSignal.timeout(ANSWER_MS) })
  const text = await response.text()
  return { status: response.status, text, answer: JSON.parse(text === '' ? '{}' : text) as Record<string, unknown> }
}
