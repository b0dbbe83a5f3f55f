/** The launch record, as nitro writes it: an array of byte strings, read by a few lines so that this process holds no CBOR library. */
import { Gone } from './descriptors.ts'

export type LaunchRecord = { kernel: Uint8Array; workload: Uint8Array; bootInput: Uint8Array }

/** `u32 length ‖ bytes`, three times: kernel.wasm, workload.wasm, and what the kernel's `boot` reads. */
export function parseLaunch(payload: Uint8Array): LaunchRecord {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
  let at = 0
  const next = (): Uint8Array => {
    if (payload.length - at < 4) throw new Gone('the launch record is cut short')
    const length = view.getUint32(at)
    at += 4
    if (length > payload.length - at) throw new Gone('the launch record is cut short')
    at += length
    return payload.subarray(at - length, at)
  }
  return { kernel: next(), workload: next(), bootInput: next() }
}
