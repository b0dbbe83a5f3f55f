// Limits that both sides know. Tests try each at n-1, n and n+1.

/** ABI between kernel and workload. */
export const WORKLOAD_ABI = 1
/** ABI between kernel and the process that runs it. */
export const KERNEL_ABI = 1

/** One channel message, and so one WebSocket message and one relay frame. */
export const MAX_RELAY_PAYLOAD = 1048576
/** A launch record: an image and its grant. */
export const MAX_LAUNCH_PAYLOAD = 67108864
export const MAX_CONTROL_PAYLOAD = 16384

/** NSM request and response, nsm-api: one page, and three. */
export const NSM_REQUEST_MAX = 4096
export const NSM_RESPONSE_MAX = 12288

/** PROTOCOLS 4: handshakes without a session, and those of them that wait for a signature. */
export const MAX_HANDSHAKES = 64
export const MAX_HANDSHAKES_SIGNING = 8
/** An offered key serves one M3, within this time. */
export const HANDSHAKE_MS = 5000
export const MAX_SESSIONS = 1024
export const SESSION_MS = 86400000
export const MAX_STREAMS = 256
/** Body bytes a stream may send before the receiver grants more. */
export const STREAM_WINDOW = 262144
export const MAX_HEAD_BYTES = 16384
export const MAX_DATA_BYTES = 65536
export const MAX_REQUEST_BODY = 4194304
/** Response bytes that the kernel holds for one stream while its window is closed. */
export const MAX_STREAM_BUFFER = 4194304
/** All bodies and held responses of one enclave. */
export const MAX_BUFFERED_BYTES = 67108864
export const MAX_ENROLLED_USERS = 1000

export const MAX_KEY_BYTES = 1024
/** PROTOCOLS 6: a request's writes, and their sealed size, stay under etcd's own limits. */
export const MAX_WRITES = 100
export const MAX_TRANSACTION_BYTES = 1468006
/** Records and bytes of a group commit; the parent may say less, if its backend takes less. */
export const MAX_COMMIT_RECORDS = 1000
export const MAX_COMMIT_BYTES = 8388608
/** Quotas of one enclave: what its keys and values take, and how many there are. */
export const MAX_STORE_BYTES = 268435456
export const MAX_STORE_RECORDS = 1000000
/** Writes that wait for the parent, in bytes; above it a request that would write is asked to come again. */
export const MAX_PENDING_BYTES = 33554432
export const MAX_SCAN_ITEMS = 10000
export const MAX_RANDOM_BYTES = 65536
/** Nitro's own range for each field of an attestation request, bounded by NSM_REQUEST_MAX. */
export const MAX_USER_DATA_BYTES = 1024
export const MAX_PUBLIC_KEY_BYTES = 1024
/** Documents that a workload may wait for. */
export const MAX_WORKLOAD_DOCUMENTS = 16

/** Slow tick of an enclave's process: collect, time out, let the workload tick. */
export const TICK_MS = 100
export const WORKLOAD_TICK_MS = 1000
export const STEP_DEADLINE_MS = 1000
