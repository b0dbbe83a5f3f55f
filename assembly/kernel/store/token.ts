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

const token = memory.data(104)
const mac = memory.data(32)

/** What a token says beside what the store is. */
export function judgeToken(at: usize): i32 {
  tokenMac(mac, at, MAC_AT)
  const right = equal(mac, at + MAC_AT, 32) // CT: whole MAC
  if (!right || memory.compare(at, storeId, 32) != 0) return TOKEN_INVALID
  const generation = tokenGeneration(at)
  // LIMIT(C04): up to the generation that an owner has given up, a token tells nothing any more
  if (generation <= head.forgiven()) return TOKEN_OLD
  if (generation > head.generation) return TOKEN_AHEAD
  return generation == head.generation && memory.compare(at + HASH_AT, head.hash, HASH_BYTES) != 0 ? TOKEN_AHEAD : TOKEN_OLD
}

export function tokenGeneration(at: usize): u64 {
  return load64(at + GENERATION_AT)
}

/** The token of the head as it stands, in base64url. SAFETY: `out` holds TOKEN_TEXT bytes. */
export function writeToken(out: usize): void {
  copy(token, storeId, 32)
  store64(token + GENERATION_AT, head.generation)
  copy(token + HASH_AT, head.hash, HASH_BYTES)
  tokenMac(token + MAC_AT, token, MAC_AT)
  let written: usize = 0
  for (let i: usize = 0; written < TOKEN_TEXT; i += 3) {
    // SAFETY: 104 bytes are 34 times three and two
    const three = (<u32>load<u8>(token + i) << 16) | (<u32>load<u8>(token + i + 1) << 8) | (i + 2 < <usize>HEAD_TOKEN_BYTES ? <u32>load<u8>(token + i + 2) : 0)
    for (let shift = 18; shift >= 0 && written < TOKEN_TEXT; shift -= 6)
      store<u8>(out + written++, <u8>ALPHABET.charCodeAt((three >> shift) & 63))
  }
}

/** Three items, as B2 and M4 have them: store id, generation, head hash. */
export function writeHeadItem(out: Writer): void {
  out.cborArray(3)
  out.cborBytes(storeId, 32)
  out.cborUint(head.generation)
  out.cborBytes(head.hash, HASH_BYTES)
}
