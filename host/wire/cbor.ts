/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) for everything that crosses a process: one strict reader, one writer.
 * The reader refuses non-minimal integers, indefinite lengths, duplicate keys, floats and tags that it was not told of.
 */
import { decode, encode } from 'cborg'
import { RefusedError } from '../errors.ts'

export type Cbor = number | bigint | string | boolean | null | Uint8Array | Cbor[] | Map<Cbor, Cbor>

export function encodeCbor(value: Cbor): Uint8Array {
  return encode(value)
}

/** @throws RefusedError ERR_CBOR_SYNTAX */
export function decodeCbor(bytes: Uint8Array): Cbor {
  try {
    return decode(bytes, {
      strict: true,
      useMaps: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      rejectDuplicateMapKeys: true,
    })
  } catch (error) {
    throw new RefusedError('ERR_CBOR_SYNTAX', `not deterministic CBOR: ${(error as Error).message}`, { cause: error })
  }
}
