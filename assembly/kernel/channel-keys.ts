// One direction of a session: ChaCha20-Poly1305 under a sequence, a new key at each multiple of 2^32 frames (PROTOCOLS 4).
import { CHANNEL_HEADER_BYTES, MESSAGE_FRAMES, TAG_BYTES } from '../abi/channel'
import { Writer } from '../codec/writer'
import { chacha20poly1305Open, chacha20poly1305Seal } from '../crypto/chacha20-poly1305'
import { HASH_SHA256 } from '../crypto/hmac'
import { hkdfExpand } from '../crypto/hkdf'
import { copy, store32, store64, zeroise } from '../mem/bytes'
import { LABEL_REKEY } from './labels'

const KEY_BYTES: usize = 32
/** Frames under one key, less one: 2^32 (PROTOCOLS 4). A test builds a kernel with fewer, to reach it. */
const REKEY_MASK: u64 = isDefined(TEST_REKEY_MASK) ? TEST_REKEY_MASK : 0xffffffff

const nonce = memory.data(12, 4)
const info = memory.data(32)

export class Direction {
  sequence: u64 = 0
  private key: usize = heap.alloc(KEY_BYTES)

  constructor(from: usize) {
    copy(this.key, from, KEY_BYTES)
  }

  /** Appends header and sealed payload, encrypting what `reserve` gave in place. `at` is where the header begins in `out`. */
  seal(out: Writer, at: usize, stream: u32, kind: u32, plaintextLength: usize): void {
    const header = out.at + at
    store<u8>(header, <u8>MESSAGE_FRAMES)
    store32(header + 1, stream)
    store32(header + 5, stream)
    store<u8>(header, <u8>kind, 9)
    store32(header + 10, <u32>(plaintextLength + TAG_BYTES))
    const body = header + CHANNEL_HEADER_BYTES
    this.next()
    chacha20poly1305Seal(body, this.key, nonce, header, CHANNEL_HEADER_BYTES, body, plaintextLength) // SAFETY: `reserve` made room for the tag
  }

  /** Opens in place. `length` counts the tag. */
  open(header: usize, body: usize, length: usize): bool {
    this.next()
    return chacha20poly1305Open(body, this.key, nonce, header, CHANNEL_HEADER_BYTES, body, length)
  }

  destroy(): void {
    zeroise(this.key, KEY_BYTES)
    heap.free(this.key)
    this.key = 0
  }

  private next(): void {
    if (this.sequence != 0 && (this.sequence & REKEY_MASK) == 0) this.rekey()
    zeroise(nonce, 4)
    store64(nonce + 4, this.sequence)
    this.sequence++
  }

  private rekey(): void {
    for (let i = 0; i < LABEL_REKEY.length; i++) store<u8>(info + i, <u8>LABEL_REKEY.charCodeAt(i)) // SAFETY: the label has 18 bytes
    hkdfExpand(this.key, KEY_BYTES, HASH_SHA256, this.key, KEY_BYTES, info, LABEL_REKEY.length)
  }
}
