// Key release and store register, version 1 (STORE.md): message types, modes, operations, refusals, sizes. Integers are big-endian.

// First byte of a message
export const STORE_RELEASE = 1
export const STORE_RELEASED = 2
export const STORE_REGISTER = 3
export const STORE_REGISTERED = 4
export const STORE_REFUSED = 5

/** One message: what a relay frame holds. */
export const STORE_MESSAGE_MAX = 1048576

// Mode of a release
/** A new store; the same again while its register is at generation 0. */
export const STORE_CREATE = 1
/** An existing store, to write: fences the last holder. */
export const STORE_TAKE = 2
/** An existing store, to read: holds nothing. */
export const STORE_FOLLOW = 3

export const STORE_ID_BYTES = 32
export const DEK_BYTES = 32
/** Opaque to all but the KMS. */
export const WRAPPED_DEK_MAX = 256
export const HEAD_HASH_BYTES = 32
export const HOLDER_BYTES = 16
export const REGISTER_KEY_BYTES = 32
export const REGISTER_MAC_BYTES = 32
export const RELEASE_RANDOM_BYTES = 32
export const RELEASE_NONCE_BYTES = 32

/** u8 type ‖ store id 32 ‖ holder 16 ‖ u64 counter ‖ u8 operation; then what the operation has, and the MAC. */
export const REGISTER_HEADER_BYTES = 58
// Operations of the register
export const REGISTER_READ = 1
/** u64 generation ‖ head hash 32 that are expected, and those that shall be. */
export const REGISTER_ADVANCE = 2
export const REGISTER_ADVANCE_BYTES = 80
/** Same DEK, new KEK: the old wrapping is refused from then on. */
export const REGISTER_REWRAP = 3

// Status of an answer
export const REGISTER_DONE = 0
/** The register is not what was expected; nothing changed. */
export const REGISTER_CONFLICT = 1
/** Flag of an answer: the KMS wants the key wrapped anew. */
export const REGISTER_REWRAP_DUE = 1

// Codes of a refusal
/** Not a message of this page. */
export const REFUSED_SYNTAX = 1
/** The document does not verify, is stale, or does not vouch for this request. */
export const REFUSED_EVIDENCE = 2
/** A document not newer than the last one, or a counter not above the last one. */
export const REFUSED_REPLAY = 3
/** The grant chain does not verify, is another's, or an owner has signed a newer one. */
export const REFUSED_GRANT = 4
/** The image is none that the grant lets run. */
export const REFUSED_IMAGE = 5
export const REFUSED_SECURITY_VERSION = 6
export const REFUSED_ISOLATION = 7
export const REFUSED_DEVELOPMENT = 8
/** `create`, where the register has passed generation 0: the store is elsewhere, or gone. */
export const REFUSED_EXISTS = 9
/** `take` or `follow`, where this KMS has no such store. */
export const REFUSED_UNKNOWN = 10
/** The wrapped DEK does not open for this store. */
export const REFUSED_WRAPPING = 11
/** The wrapped DEK is under a KEK that was destroyed by a rewrap: ask again without it. */
export const REFUSED_DESTROYED = 12
/** Another enclave has taken the store, or nobody holds it. */
export const REFUSED_FENCED = 13
/** Not now: ask again with back-off. */
export const REFUSED_UNAVAILABLE = 14
/** The KMS has as many stores as it may. */
export const REFUSED_LIMIT = 15

// Frames between the parent and the KMS (wire.ts); the u32 is a ticket, and answers come in any order
export const STORE_FRAME_REQUEST = 1
export const STORE_FRAME_ANSWER = 2
/** Requests of one connection that wait for their answers. */
export const STORE_FRAME_WAITING = 256
