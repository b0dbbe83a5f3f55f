// Bodies of application/vnd.kubernetes.protobuf, as JSON.
import { TextWriter } from '../../../sdk/text-writer'

export const DECODE_OK = 0
/** Not a message that is known here. */
export const DECODE_UNSUPPORTED = 1

/** Writes the object inside `k8s\0` ‖ runtime.Unknown as JSON text. @returns DECODE_OK or why not */
export function decodeProtobuf(at: usize, length: usize, out: TextWriter): i32 {
  return DECODE_UNSUPPORTED
}
