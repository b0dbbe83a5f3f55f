/** Rule: the registers have the reference values. PCR0 alone, or PCR8 alone, is complete; PCR1 or PCR2 alone leaves code unnamed. */
import { RefusedError, UsageError } from '../../errors.ts'
import { toHex } from '../bytes.ts'
import type { AttestationDocument } from '../document.ts'

export type ReferenceValues = Record<number, string>

/** Lower-case hex by index. @throws UsageError ERR_POLICY_PCR */
export function parseReferenceValues(pcrs: Record<number | string, string>): ReferenceValues {
  const values: ReferenceValues = {}
  for (const [key, value] of Object.entries(pcrs)) {
    const index = Number(key)
    if (!Number.isInteger(index) || index < 0 || index > 31)
      throw new UsageError('ERR_POLICY_PCR', `there is no PCR ${key}`)
    if (!/^[0-9a-fA-F]{96}$/.test(value))
      throw new UsageError('ERR_POLICY_PCR', `PCR${key} is not 48 bytes in hex: ${value}`)
    if (/^0+$/.test(value)) throw new UsageError('ERR_POLICY_PCR', `PCR${key} of zeros is what every debug enclave has`)
    values[index] = value.toLowerCase()
  }
  const named = Object.keys(values).map(Number)
  const complete =
    named.length === 0 ||
    values[0] !== undefined ||
    values[8] !== undefined ||
    (values[1] !== undefined && values[2] !== undefined)
  if (!complete && (values[1] !== undefined || values[2] !== undefined))
    throw new UsageError(
      'ERR_POLICY_PCR',
      'PCR1 or PCR2 alone leaves half of the image unnamed: name PCR0, or PCR8, or both',
    )
  return values
}

/** @throws RefusedError ERR_EVIDENCE_PCR */
export function checkPcrs(document: AttestationDocument, reference: ReferenceValues): void {
  for (const [key, value] of Object.entries(reference)) {
    const found = document.pcrs.get(Number(key))
    if (found === undefined || toHex(found) !== value)
      throw new RefusedError(
        'ERR_EVIDENCE_PCR',
        `PCR${key} is ${found === undefined ? 'absent' : toHex(found)}, expected ${value}`,
      )
  }
}
