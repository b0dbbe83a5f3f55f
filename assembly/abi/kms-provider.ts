// The workload kms-provider and whoever asks it: limits of its messages, and what they are made of. Tests try them at n-1, n and n+1.

/** One ciphertext of KMS v2, and one key_id: k8s.io/kms/apis/v2, kube-apiserver's envelope/kmsv2 refuses more. */
export const MAX_CIPHERTEXT_BYTES = 1024
export const MAX_KEY_ID_BYTES = 1024
/** u8 format ‖ nonce 12 ‖ sealed ‖ tag 16. */
export const CIPHERTEXT_FORMAT = 1
export const CIPHERTEXT_OVERHEAD_BYTES = 29
export const MAX_PLAINTEXT_BYTES = 995
/** `wasmclave:` and 64 digits. */
export const KEY_ID_BYTES = 74
/** A name is a DNS label, RFC 1123 section 2.1. */
export const MAX_NAME_BYTES = 63
export const MAX_NAMES = 64
/** Versions of a name that are kept; of those the oldest that are retired make room for new ones. */
export const MAX_VERSIONS = 256
