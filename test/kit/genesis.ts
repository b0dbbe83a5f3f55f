// A genesis with fresh keys, for tests of what it governs.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { DEFAULT_ROLES } from '../../host/control/actions.ts'
import type { Genesis } from '../../host/control/genesis.ts'
import { rawPublicKey } from '../../host/control/keys.ts'

export const newKey = (): KeyObject => generateKeyPairSync('ed25519').privateKey
export const keyHex = (key: KeyObject): string => Buffer.from(rawPublicKey(key)).toString('hex')

export function newGenesis() {
  const operator = newKey()
  const auditor = newKey()
  const approvers = [newKey(), newKey()]
  const genesis: Genesis = {
    version: 1,
    development: true,
    hostId: 'i-0123456789abcdef0',
    approvers: approvers.map(keyHex),
    threshold: 2,
    operators: [keyHex(operator)],
    auditors: [keyHex(auditor)],
    pipelineCertificates: ['ab'.repeat(48)],
    attestationRoots: ['cd'.repeat(32)],
    kmsKey: null,
    logKey: null,
    roles: structuredClone(DEFAULT_ROLES),
  }
  return { genesis, operator, auditor, approvers }
}
