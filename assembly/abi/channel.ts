// The attested channel, version 1: message types, frame kinds, sizes. Integers are big-endian.

export const CHANNEL_VERSION = 1

// First byte of a channel message
export const MESSAGE_HELLO = 1
export const MESSAGE_EVIDENCE = 2
export const MESSAGE_KEYS = 3
export const MESSAGE_FRAMES = 4
export const MESSAGE_ATTEST = 5
export const MESSAGE_ATTESTED = 6

/** u8 type ‖ u32 stream ‖ u32 request ‖ u8 kind ‖ u32 length of the sealed payload. */
export const CHANNEL_HEADER_BYTES = 14
/** Poly1305 tag, RFC 8439 section 2.5. */
export const TAG_BYTES = 16

export const KIND_ACCEPTED = 1
export const KIND_REFUSED = 2
export const KIND_HEAD = 3
export const KIND_DATA = 4
export const KIND_RESET = 5
export const KIND_WINDOW = 6
export const KIND_CLOSE = 7

// Codes of a reset
/** The sender wants no more of this stream. */
export const RESET_CANCELLED = 0
/** The workload failed in the middle of its response. */
export const RESET_FAILED = 1
/** The response is whole; the rest of the request is not wanted. */
export const RESET_ANSWERED = 2

/** Set on the last head or data frame of a stream in one direction. */
export const KIND_END = 0x80

export const NONCE_BYTES = 32
export const HELLO_MAX_BYTES = 128
/** Plaintext of M3 and of `accepted` and `refused`: one length, whatever is inside. */
export const KEYS_PLAINTEXT_BYTES = 256
export const ACCEPTED_PLAINTEXT_BYTES = 256
/** Store id 32 ‖ generation 8 ‖ head hash 32 ‖ HMAC-SHA-256 32. */
export const HEAD_TOKEN_BYTES = 104

export const ROLE_OWNER = 1
export const ROLE_USER = 2
