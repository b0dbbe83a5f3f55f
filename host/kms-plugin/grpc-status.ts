/** What kube-apiserver is told of an error: KMS v2 has gRPC's codes and nothing else. Never PERMISSION_DENIED: who owns the socket may ask. */
import { status } from '@grpc/grpc-js'
import { UnavailableError, WasmclaveError } from '../errors.ts'

/** The request is wrong: asking again does not mend it. */
const INVALID = new Set([
  'ERR_KMS_PLUGIN_REQUEST',
  'ERR_KEY_ID_MISSING',
  'ERR_PLAINTEXT_LENGTH',
  'ERR_CIPHERTEXT_LENGTH',
  'ERR_OPEN_FAILED',
])

export type GrpcFailure = { code: number; details: string }

export function grpcFailure(error: unknown): GrpcFailure {
  if (!(error instanceof WasmclaveError)) return { code: status.INTERNAL, details: 'ERR_KMS_PLUGIN_INTERNAL' }
  return { code: codeOf(error), details: `${error.code}: ${error.message}` }
}

function codeOf(error: WasmclaveError): number {
  if (INVALID.has(error.code)) return status.INVALID_ARGUMENT
  if (error.code === 'ERR_KEY_UNKNOWN') return status.NOT_FOUND
  if (error.code === 'ERR_KMS_PLUGIN_BUSY') return status.RESOURCE_EXHAUSTED
  // An owner has to accept it: waiting mends nothing.
  if (error.code === 'ERR_STORE_STALE') return status.FAILED_PRECONDITION
  if (error instanceof UnavailableError) return status.UNAVAILABLE
  // Retired, another enclave than expected, a self-test that failed: somebody has to do something.
  return status.FAILED_PRECONDITION
}
