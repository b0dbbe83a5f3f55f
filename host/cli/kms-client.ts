/** The host's KMS as a developer calls it: JSON 1.1, signed with the customer's copy of the credentials. */
import { type ErrorCode, RefusedError, UnavailableError } from '../errors.ts'
import { signRequest } from '../kms/http/sigv4.ts'
import { REGION } from '../nitro/pki/pki.ts'
import { DEVELOPER, readCredential } from './kms-credentials.ts'
import { findHost } from './running-host.ts'

const ANSWER_MS = 30_000

export type KmsAnswer = Record<string, unknown>
export type KmsCaller = { url: string; call(operation: string, input: Record<string, unknown>): Promise<KmsAnswer> }

/** @param principal whose key signs @throws UnavailableError ERR_HOST_NOT_RUNNING, ERR_KMS_CONNECTION; RefusedError ERR_KMS_… by AWS's name */
export function kmsOf(data: string, principal = DEVELOPER): KmsCaller {
  const { kms, folder } = findHost(data)
  if (kms === null) throw new UnavailableError('ERR_HOST_NOT_RUNNING', `the host on ${folder.root} has no KMS`)
  const credential = readCredential(folder, principal)
  const call = async (operation: string, input: Record<string, unknown>) => {
    const body = Buffer.from(JSON.stringify(input))
    const request = {
      host: new URL(kms).host,
      target: `TrentService.${operation}`,
      body,
      region: REGION,
      nowMs: Date.now(),
    }
    let response: Response
    try {
      response = await fetch(kms, {
        method: 'POST',
        headers: signRequest(credential, request),
        body,
        signal: AbortSignal.timeout(ANSWER_MS),
      })
    } catch (error) {
      throw new UnavailableError('ERR_KMS_CONNECTION', `${kms}: ${(error as Error).message}`, { cause: error })
    }
    const text = await response.text()
    const answer = text === '' ? {} : (JSON.parse(text) as KmsAnswer)
    if (!response.ok) throw new RefusedError(codeOf(String(answer.__type)), `${answer.__type}: ${answer.message}`)
    return answer
  }
  return { url: kms, call }
}

/** AccessDeniedException becomes ERR_KMS_ACCESS_DENIED. */
function codeOf(type: string): ErrorCode {
  const words = type
    .replace(/Exception$/, '')
    .replace(/^KMS/, '')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
  return `ERR_KMS_${words.toUpperCase()}`
}
