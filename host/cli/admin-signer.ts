/** Who asks: an office of a development host by name, or the key file of a person. */
import { dirname } from 'node:path'
import { UsageError } from '../errors.ts'
import { readPersonKey } from './key-file.ts'
import { developmentSigner, type RunningHost, type Signer } from './running-host.ts'

export type SignerOptions = { as?: string; key?: string; passphraseFd?: string }

const NAMES = ['operator', 'approver-1', 'approver-2', 'auditor'] as const

/** @throws UsageError ERR_USAGE_SIGNER, ERR_USAGE_CONFLICT, and what readPersonKey throws */
export async function adminSigner(
  host: Pick<RunningHost, 'folder'>,
  { as, key, passphraseFd }: SignerOptions,
  otherwise: (typeof NAMES)[number],
): Promise<Signer> {
  if (as !== undefined && key !== undefined) throw new UsageError('ERR_USAGE_CONFLICT', 'one of --as and --key')
  if (key !== undefined) {
    const fd = passphraseFd === undefined ? undefined : Number(passphraseFd)
    return { key: await readPersonKey(key, fd), folder: dirname(key) }
  }
  const name = NAMES.find((each) => each === (as ?? otherwise))
  if (name === undefined)
    throw new UsageError('ERR_USAGE_SIGNER', `--as names one of ${NAMES.join(', ')}; --key names a key file`)
  return developmentSigner(host.folder, name)
}
