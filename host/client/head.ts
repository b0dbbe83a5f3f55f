/** Heads of requests and responses: u32 n ‖ CBOR[n] ‖ first bytes of the body. Names of headers are lower-case. */
import { MAX_HEAD_BYTES } from '../../assembly/abi/limits.ts'
import { RefusedError, UsageError } from '../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../wire/cbor.ts'

export type HeaderList = [name: string, value: string][]
export type ResponseHead = { status: number; headers: HeaderList }

/** @throws UsageError ERR_HEAD_SIZE */
export function encodeRequestHead(method: string, path: string, headers: HeaderList, body: Uint8Array): Uint8Array {
  const head = encodeCbor([method, path, headers as unknown as Cbor])
  if (head.length > MAX_HEAD_BYTES)
    throw new UsageError(
      'ERR_HEAD_SIZE',
      `method, path and headers take ${head.length} bytes, at most ${MAX_HEAD_BYTES}`,
    )
  const out = new Uint8Array(4 + head.length + body.length)
  new DataView(out.buffer).setUint32(0, head.length)
  out.set(head, 4)
  out.set(body, 4 + head.length)
  return out
}

/** @throws RefusedError ERR_FRAME_SYNTAX, ERR_CBOR_SYNTAX */
export function decodeResponseHead(plaintext: Uint8Array): { head: ResponseHead; body: Uint8Array } {
  const length = plaintext.length < 4 ? -1 : new DataView(plaintext.buffer, plaintext.byteOffset).getUint32(0)
  if (length < 0 || length > plaintext.length - 4) throw new RefusedError('ERR_FRAME_SYNTAX', 'a head is cut short')
  const value = decodeCbor(plaintext.subarray(4, 4 + length))
  if (!Array.isArray(value) || value.length !== 2 || !isStatus(value[0]) || !isHeaderList(value[1]))
    throw new RefusedError('ERR_FRAME_SYNTAX', 'a head is no [status, headers]')
  return {
    head: { status: value[0] as number, headers: value[1] as unknown as HeaderList },
    body: plaintext.subarray(4 + length),
  }
}

function isStatus(value: Cbor | undefined): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 200 && value <= 599
}

function isHeaderList(value: Cbor | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string'))
  )
}
