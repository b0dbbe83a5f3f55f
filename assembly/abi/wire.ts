// Frames between processes: fd 3 (parent and enclave) and fd 4 (nitro and enclave). Integers are big-endian.

/** u32 length ‖ u8 type ‖ u32 session or ticket. */
export const FRAME_HEADER_BYTES = 9

// fd 3, parent to enclave
export const RELAY_OPENED = 1
export const RELAY_MESSAGE = 2
export const RELAY_CLOSED = 3
export const RELAY_NUDGE = 4
// fd 3, enclave to parent (and RELAY_MESSAGE)
export const RELAY_CLOSE = 5
export const RELAY_ACK = 6

// fd 3, the store (STORE-RECORDS.md), enclave to parent; the u32 is a ticket, and each but RELAY_STORE_PART is answered under it
/** Store id: its head, as it stands now. */
export const RELAY_STORE_HEAD = 16
/** Store id: head and all records, of one moment. */
export const RELAY_STORE_LOAD = 17
/** The next bytes of a batch of records. */
export const RELAY_STORE_PART = 18
/** Store id, expected head and new head: what the parts under this ticket hold becomes durable with it, or nothing does. */
export const RELAY_STORE_COMMIT = 19
/** A message for the KMS (STORE.md). */
export const RELAY_KMS = 20
// fd 3, parent to enclave
export const RELAY_STORE_HEAD_IS = 32
/** The next bytes of the records. */
export const RELAY_STORE_RECORDS = 33
/** All records were sent; their head. */
export const RELAY_STORE_LOADED = 34
export const RELAY_STORE_COMMITTED = 35
export const RELAY_KMS_ANSWER = 36

// fd 4, enclave to nitro
export const CONTROL_READY = 1
export const CONTROL_NSM = 2
export const CONTROL_COLLECT = 3
export const CONTROL_SERVING = 4
export const CONTROL_EPITAPH = 5
export const CONTROL_REHEARSED = 6
/** The store is being opened, and more of it has come since the last of these. */
export const CONTROL_OPENING = 7
// fd 4, nitro to enclave
export const CONTROL_LAUNCH = 16
export const CONTROL_ANSWER = 17
export const CONTROL_PENDING = 18
export const CONTROL_COLLECTED = 19
/** A launch of nobody's, to be thrown away: it makes the next one quick. */
export const CONTROL_REHEARSE = 20

/** What an enclave closes a session for; a WebSocket sees 4000 + reason. */
export const CLOSE_HANDSHAKE = 1
export const CLOSE_PROTOCOL = 2
export const CLOSE_LIMIT = 3
export const CLOSE_IDLE = 4
export const CLOSE_GONE = 5
export const CLOSE_NORMAL = 6
export const CLOSE_CODE_BASE = 4000
