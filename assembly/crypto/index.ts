// The encryption core as a module of its own: what host/core calls. Zero imports. Callers write into memory they got from
// `allocate`, and give back what they no longer need.
export { AES_GCM_STATE, aesGcmInit, aesGcmOpen, aesGcmSeal } from './aes-gcm'
export { chacha20poly1305Open, chacha20poly1305Seal } from './chacha20-poly1305'
export { ed25519Verify } from './ed25519'
export { hkdf } from './hkdf'
export { HMAC_CONTEXT, hmac, hmacBegin, hmacDestroy, hmacEnd, hmacKey, hmacUpdate, hmacVerify } from './hmac'
export { HPKE_CONTEXT, hpkeErase, hpkeExport, hpkeOpen, hpkeSeal, hpkeSetupBaseR, hpkeSetupBaseS } from './hpke'
export { p384Verify } from './p384'
export { selfTest } from './self-test'
export { sha256 } from './sha256'
export { sha384, sha512 } from './sha512'
export { x25519, x25519Base } from './x25519'

/** Traps when there is no memory left, or above 1 GiB at once. */
export function allocate(bytes: usize): usize {
  return heap.alloc(bytes)
}

/** Erases and gives back. */
export function release(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes) // SAFETY: caller holds `bytes` bytes from allocate
  heap.free(at)
}

/** Erases what a call left in memory that the caller keeps. */
export function erase(at: usize, bytes: usize): void {
  memory.fill(at, 0, bytes) // SAFETY: caller holds `bytes` bytes from allocate
}
