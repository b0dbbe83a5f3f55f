/** What a verified release does to a store's record: a new record, or a refusal. Pure but for the keys it makes; nothing is written here. */
import { randomBytes } from 'node:crypto'
import {
  DEK_BYTES,
  HEAD_HASH_BYTES,
  HOLDER_BYTES,
  REFUSED_EXISTS,
  REFUSED_GRANT,
  REFUSED_REPLAY,
  REFUSED_SECURITY_VERSION,
  REFUSED_UNKNOWN,
  STORE_CREATE,
  STORE_FOLLOW,
} from '../../../assembly/abi/store.ts'
import type { ReleaseRequest } from './messages.ts'
import type { StoreRecord } from './record.ts'
import { StoreRefusal } from './refusal.ts'
import type { VerifiedRelease } from './release.ts'
import { unwrapDek, wrapDek } from './wrapping.ts'

/**
 * @param record what is known of the store, if anything is
 * @param registerKey of the caller, should it become the holder
 * @returns the record as it must be on disk before anybody is answered, and the DEK, which the caller erases
 * @throws StoreRefusal
 */
export function admitRelease(
  record: StoreRecord | undefined,
  request: ReleaseRequest,
  release: VerifiedRelease,
  registerKey: Uint8Array,
): { record: StoreRecord; dek: Uint8Array } {
  const { grant, securityVersion } = release
  const documentMs = release.documentMs ?? record?.documentMs ?? 0
  if (record !== undefined) checkVersions(record, request, release)
  const { mode } = request
  if (record === undefined && mode !== STORE_CREATE)
    throw new StoreRefusal(REFUSED_UNKNOWN, 'ERR_STORE_UNKNOWN', `no store ${grant.storeId} at this KMS`)
  if (record !== undefined && mode === STORE_CREATE && record.register.generation > 0n)
    throw new StoreRefusal(
      REFUSED_EXISTS,
      'ERR_STORE_EXISTS',
      `store ${grant.storeId} is at generation ${record.register.generation}: what there is of it is elsewhere, or gone`,
    )
  const holder = { id: request.transcript.slice(0, HOLDER_BYTES), registerKey }
  if (record === undefined) {
    const made = newRecord(grant.storeId)
    const { dek } = made
    return { record: { ...made.record, holder, grantVersion: grant.version, securityVersion, documentMs }, dek }
  }
  const dek = unwrapDek(record.kek, record.storeId, request.wrappedDek ?? record.wrappedDek)
  const seen = { ...record, grantVersion: grant.version, documentMs }
  if (mode === STORE_FOLLOW) return { record: seen, dek }
  return { record: { ...seen, securityVersion, holder, counter: 0n }, dek }
}

/** A new KEK over the same DEK; the old one is in no record any more. */
export function rewrap(record: StoreRecord): StoreRecord {
  const dek = unwrapDek(record.kek, record.storeId, record.wrappedDek)
  const kek = { version: record.kek.version + 1, key: new Uint8Array(randomBytes(DEK_BYTES)) }
  const wrappedDek = wrapDek(kek, record.storeId, dek)
  dek.fill(0)
  return { ...record, kek, wrappedDek, rewrapDue: false }
}

function newRecord(storeId: string): { record: StoreRecord; dek: Uint8Array } {
  const dek = new Uint8Array(randomBytes(DEK_BYTES))
  const kek = { version: 1, key: new Uint8Array(randomBytes(DEK_BYTES)) }
  const record: StoreRecord = {
    storeId,
    kek,
    wrappedDek: wrapDek(kek, storeId, dek),
    rewrapDue: false,
    register: { generation: 0n, head: new Uint8Array(HEAD_HASH_BYTES) },
    holder: undefined,
    counter: 0n,
    grantVersion: 0,
    securityVersion: 0,
    documentMs: 0,
  }
  return { record, dek }
}

function checkVersions(record: StoreRecord, { mode }: ReleaseRequest, release: VerifiedRelease): void {
  const { grant, securityVersion, documentMs } = release
  if (grant.version < record.grantVersion)
    throw new StoreRefusal(
      REFUSED_GRANT,
      'ERR_RELEASE_GRANT_VERSION',
      `grant version ${grant.version}, the owner has signed ${record.grantVersion}`,
    )
  if (securityVersion < record.securityVersion)
    throw new StoreRefusal(
      REFUSED_SECURITY_VERSION,
      'ERR_RELEASE_SECURITY_VERSION',
      `security version ${securityVersion}${mode === STORE_FOLLOW ? ' of a follower' : ''}, the store was written by ${record.securityVersion}`,
    )
  if (documentMs !== undefined && documentMs <= record.documentMs)
    throw new StoreRefusal(
      REFUSED_REPLAY,
      'ERR_RELEASE_REPLAY',
      `a document of ${documentMs}, the last one accepted for this store is of ${record.documentMs}`,
    )
}
