/** What an enclave's process is sent: three byte strings, each u32 length ‖ bytes, so that it needs no CBOR library to read them. */
import { encodeCbor } from '../wire/cbor.ts'

export type BootInput = {
  moduleId: string
  imageManifest: Uint8Array
  grantChain: Uint8Array
  admissionRecord: Uint8Array
  bootRecord: Uint8Array
}

export function encodeLaunchRecord(kernel: Uint8Array, workload: Uint8Array, boot: BootInput): Uint8Array {
  const bootInput = encodeCbor([
    boot.moduleId,
    boot.imageManifest,
    boot.grantChain,
    boot.admissionRecord,
    boot.bootRecord,
  ])
  return new Uint8Array(
    Buffer.concat(
      [kernel, workload, bootInput].flatMap((part) => {
        const length = Buffer.alloc(4)
        length.writeUInt32BE(part.length)
        return [length, part]
      }),
    ),
  )
}
