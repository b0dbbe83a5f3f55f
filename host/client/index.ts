/** The relying party's library: an attested session with an enclave, and `fetch` on it. Node and browsers. */

export type { Evidence } from './appraisal.ts'
export { connect, type Enclave } from './connect.ts'
export type { ChannelResponse, FetchInit } from './fetch.ts'
export { type Identity, identityFromPem, identityFromSeed } from './identity.ts'
export { type AuditBatch, type AuditPoint, readKubernetesAudit, verifyAuditCopy } from './kubernetes-audit.ts'
export type { Policy } from './policy.ts'
export { acceptStoreHead, readStoreHeads, type StoreHeads } from './store.ts'
