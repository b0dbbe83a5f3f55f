// Statuses: what a hypercall answers when the workload may go on. Zero or positive is success.

export const STATUS_OK = 0
/** No record under that key. */
export const STATUS_NOT_FOUND = -1
/** The caller's buffer is too small for the first item of the answer. */
export const STATUS_BUFFER = -2
/** A key, value, head or batch is above its limit (limits.ts). */
export const STATUS_TOO_LARGE = -3
/** No room or credit now: try again later, from `tick`. */
export const STATUS_AGAIN = -4
/** The client has gone, or the response has ended. */
export const STATUS_CLOSED = -5
/** The image manifest does not allow it. */
export const STATUS_FORBIDDEN = -6
/** The enclave's quota of records or bytes is used up. */
export const STATUS_QUOTA = -7
/** An argument is in range but makes no sense, such as a response status of 99. */
export const STATUS_INVALID = -8
