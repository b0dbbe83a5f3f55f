/** The verifier: evidence in, result out. Pure, without I/O; runs on Node and in browsers. */
export { type AppraisalPolicy, type AppraisalResult, appraise } from './appraise.ts'
export { type AttestationDocument, parseAttestationDocument } from './document.ts'
export {
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  type LaunchGrant,
  parseGrant,
  type ReleaseRule,
  storeId,
  verifyGrantChain,
} from './grant.ts'
export {
  type AdmissionRecord,
  type BootRecord,
  checkRecords,
  encodeAdmissionRecord,
  encodeBootRecord,
  parseAdmissionRecord,
  parseBootRecord,
  type RecordPreimages,
  recordPcrs,
} from './records.ts'
export { PURPOSES, type Purpose } from './rules/binding.ts'
export { checkIsolation } from './rules/isolation.ts'
