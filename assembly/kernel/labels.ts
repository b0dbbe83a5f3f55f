// Labels that keep hashes and signatures apart (PROTOCOLS 1, 3, 4, 5). Each ends in one NUL, which is part of it.
import { Writer } from '../codec/writer'

export const LABEL_GRANT = 'wasmclave/grant\0'
export const LABEL_LAUNCH = 'wasmclave/launch\0'
export const LABEL_ADMISSION = 'wasmclave/admission\0'
export const LABEL_BOOT = 'wasmclave/boot\0'
export const LABEL_CHANNEL = 'wasmclave/channel\0'
export const LABEL_WORKLOAD = 'wasmclave/workload\0'
export const LABEL_EVIDENCE = 'wasmclave/evidence\0'
export const LABEL_HELLO = 'wasmclave/1 hello\0'
export const LABEL_DOCUMENT = 'wasmclave/1 evidence\0'
export const LABEL_KEYS = 'wasmclave/1 keys\0'
export const LABEL_SESSION = 'wasmclave/1 session\0'
export const LABEL_CLIENT = 'wasmclave/1 client\0'
export const LABEL_C2E = 'wasmclave/1 c2e\0'
export const LABEL_E2C = 'wasmclave/1 e2c\0'
export const LABEL_REKEY = 'wasmclave/1 rekey\0'
export const LABEL_KEY_RELEASE = 'wasmclave/key-release\0'
export const LABEL_RELEASE = 'wasmclave/release\0'
export const LABEL_REGISTER = 'wasmclave/register\0'
export const LABEL_REGISTER_REQUEST = 'wasmclave/register-request\0'
export const LABEL_REGISTER_ANSWER = 'wasmclave/register-answer\0'
export const LABEL_ACCEPT = 'wasmclave/accept\0'

/** lp(label): u32 big-endian length ‖ label. */
export function prefixedLabel(out: Writer, label: string): void {
  out.u32(label.length)
  out.ascii(label)
}

/** lp(x). */
export function prefixed(out: Writer, at: usize, length: usize): void {
  out.u32(<u32>length)
  out.raw(at, length)
}
