// A document as the NSM gives it, of which a workload reads PCR0 alone: COSE_Sign1 in AWS's order of fields, its signature noise.
import { encode } from 'cborg'

export function documentOf(pcr0: Uint8Array, fields: Record<string, unknown> = {}): Uint8Array {
  const payload = encode(
    new Map<string, unknown>([
      ['module_id', 'i-0123456789abcdef0-enc0123456789abcdef'],
      ['digest', 'SHA384'],
      ['timestamp', 1_795_000_000_000],
      [
        'pcrs',
        new Map([
          [0, pcr0],
          [1, new Uint8Array(48).fill(1)],
        ]),
      ],
      ['certificate', new Uint8Array(8)],
      ...Object.entries(fields),
    ]),
    { mapSorter: () => 0 },
  )
  const protectedHeader = Uint8Array.from([0xa1, 0x01, 0x38, 0x22])
  return encode([protectedHeader, new Map(), payload, new Uint8Array(96)])
}
