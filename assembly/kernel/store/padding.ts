// Sizes of sealed records (PROTOCOLS 6): the plaintext with its key is padded to 64-byte steps up to 1 KiB, then by Padmé (Nikitin et al.,
// "Reducing Metadata Leakage from Encrypted Files", 2019, algorithm 1), so that a size tells little of what is inside.
import { AES_GCM_TAG } from '../../crypto/aes-gcm'

/** u8 format ‖ epoch id 32 ‖ u64 counter ‖ u64 generation: what each sealed record begins with. */
export const SEALED_HEADER: usize = 49
/** u8 area ‖ u16 key length ‖ u32 value length ‖ u64 version, before key and value. */
export const PLAIN_HEADER: usize = 15
/** Beside what is sealed, an entry of a batch has u8 operation ‖ place 32 ‖ u32 length. */
export const ENTRY_HEADER: usize = 37

const STEP: usize = 64
const STEPS_UP_TO: usize = 1024

export function padded(length: usize): usize {
  if (length <= STEPS_UP_TO) return (length + STEP - 1) & ~(STEP - 1)
  const exponent = <u32>31 - clz<u32>(<u32>length) // floor(log2 L)
  const significant = <u32>32 - clz<u32>(exponent) // floor(log2 E) + 1
  const mask = (<usize>1 << (exponent - significant)) - 1
  return (length + mask) & ~mask
}

/** What a record of this key and value takes in a batch. */
export function sealedBytes(keyLength: usize, valueLength: usize): usize {
  return ENTRY_HEADER + SEALED_HEADER + padded(PLAIN_HEADER + keyLength + valueLength) + AES_GCM_TAG
}
