// Head tokens (PROTOCOLS 5): what a client keeps of its last acknowledged write, and shows when it comes again. store id ‖ generation ‖ head
// hash ‖ HMAC: the KMS, put back to yesterday together with the store, cannot make the client forget.
import { HEAD_TOKEN_BYTES } from '../../abi/channel'
import { Writer } from '../../codec/writer'
import { copy, equal, load64, store64 } from '../../mem/bytes'
import { head } from './current'
import { HASH_BYTES } from './head'
import { storeId, tokenMac } from './keys'

const GENERATION_AT: usize = 32
const HASH_AT: usize = 40
const MAC_AT: usize = 72
/** RFC 4648 section 5, without padding. */
export const TOKEN_TEXT: usize = 139
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export const TOKEN_OLD: i32 = 0
/** Not made under this store's key. */
export const TOKEN_INVALID: i32 = 1
/** Of a head that this store does not have: somebody has put it back, or forked it. */
export const TOKEN_AHEAD: i32 = 2

/** Acceptances that may have been undone together with the store. */
const LINEAGES_AHEAD: u64 = 64

/** Of the token that was judged last. */
export let tokenLineage: u64 = 0

const token = memory.data(104)
const mac = memory.data(32)

/** What a token says beside what the store is. */
export function judgeToken(at: usize): i32 {
  if (memory.compare(at, storeId, 32) != 0 || !findLineage(at)) return TOKEN_INVALID
  // Of a history that an owner has given up; or of one that began after what lies here
  if (tokenLineage != head.lineage()) return tokenLineage < head.lineage() ? TOKEN_OLD : TOKEN_AHEAD
  const generation = tokenGeneration(at)
  if (generation > head.generation) return TOKEN_AHEAD
  return generation == head.generation && memory.compare(at + HASH_AT, head.hash, HASH_BYTES) != 0 ? TOKEN_AHEAD : TOKEN_OLD
}

export function tokenGeneration(at: usize): u64 {
  return load64(at + GENERATION_AT)
}

/** The token of the head as it stands, in base64url. SAFETY: `out` holds TOKEN_TEXT bytes. */
export function writeToken(out: usize): void {
  make()
  let written: usize = 0
  for (let i: usize = 0; written < TOKEN_TEXT; i += 3) {
    // SAFETY: 104 bytes are 34 times three and two
    const three = (<u32>load<u8>(token + i) << 16) | (<u32>load<u8>(token + i + 1) << 8) | (i + 2 < <usize>HEAD_TOKEN_BYTES ? <u32>load<u8>(token + i + 2) : 0)
    for (let shift = 18; shift >= 0 && written < TOKEN_TEXT; shift -= 6)
      store<u8>(out + written++, <u8>ALPHABET.charCodeAt((three >> shift) & 63))
  }
}

/** Store id, generation and head hash, as B2 has them. */
export function writeHeadItem(out: Writer): void {
  out.cborArray(3)
  out.cborBytes(storeId, 32)
  out.cborUint(head.generation)
  out.cborBytes(head.hash, HASH_BYTES)
}

/** The same and the token's MAC, as M4 has them: who only reads also learns what to show next time. */
export function writeTokenItem(out: Writer): void {
  make()
  out.cborArray(4)
  out.cborBytes(storeId, 32)
  out.cborUint(head.generation)
  out.cborBytes(head.hash, HASH_BYTES)
  out.cborBytes(token + MAC_AT, 32)
}

// The lineage stands in the MAC alone: histories are few, and each is tried, the newest first.
function findLineage(at: usize): bool {
  for (let i = <i64>(head.lineage() + LINEAGES_AHEAD); i >= 0; i--) {
    tokenMac(mac, at, <u64>i)
    if (!equal(mac, at + MAC_AT, 32)) continue // CT: whole MAC
    tokenLineage = <u64>i
    return true
  }
  return false
}

function make(): void {
  copy(token, storeId, 32)
  store64(token + GENERATION_AT, head.generation)
  copy(token + HASH_AT, head.hash, HASH_BYTES)
  tokenMac(token + MAC_AT, token, head.lineage())
}
