/**
 * Deterministic CBOR (RFC 8949 section 4.2.1) for everything that crosses a process: one strict reader, one writer. Refused are
 * non-minimal and indefinite lengths, duplicate keys, floats, tags, simple values but false, true and null, and deep nesting.
 * The order of keys is free, as AWS's own documents do not sort them.
 */
import { decode, encode } from 'cborg'
import { RefusedError } from '../errors.ts'

export type Cbor = number | bigint | string | boolean | null | Uint8Array | Cbor[] | Map<Cbor, Cbor>

/** Nothing spoken here is deeper than four. */
const MAX_DEPTH = 32

export function encodeCbor(value: Cbor): Uint8Array {
  return encode(value)
}

/** Time and memory are linear in the input, whatever lengths it states. @throws RefusedError ERR_CBOR_SYNTAX, ERR_CBOR_DEPTH */
export function decodeCbor(bytes: Uint8Array): Cbor {
  checkStructure(bytes)
  try {
    return decode(bytes, {
      strict: true,
      useMaps: true,
      allowIndefinite: false,
      allowUndefined: false,
      rejectDuplicateMapKeys: true,
    })
  } catch (error) {
    throw new RefusedError('ERR_CBOR_SYNTAX', `not deterministic CBOR: ${(error as Error).message}`, { cause: error })
  }
}

// One walk over the heads, without recursion and before anything is made: kinds, lengths and depth.
function checkStructure(bytes: Uint8Array): void {
  /** Items that are still due at each level. */
  const due: number[] = [1]
  let at = 0
  while (due.length > 0) {
    const last = due.length - 1
    if (due[last] === 0) {
      due.pop()
      continue
    }
    due[last] = (due[last] as number) - 1
    const { major, info, argument, next } = head(bytes, at)
    at = next
    if (major === 2 || major === 3) {
      if (argument > bytes.length - at)
        throw syntax(at, `a string of ${argument} bytes where ${bytes.length - at} are left`)
      if (major === 3) checkUtf8(bytes.subarray(at, at + argument), at)
      at += argument
    } else if (major === 4 || major === 5) {
      const items = major === 4 ? argument : 2 * argument
      if (items > bytes.length - at) throw syntax(at, `${items} items where ${bytes.length - at} bytes are left`)
      if (due.length >= MAX_DEPTH) throw new RefusedError('ERR_CBOR_DEPTH', `nested more than ${MAX_DEPTH} deep`)
      due.push(items)
    } else if (major === 6) throw syntax(at, `tag ${argument}`)
    else if (major === 7 && (info < 20 || info > 22))
      throw syntax(at, 'a float, or a value other than false, true and null')
  }
  if (at !== bytes.length) throw syntax(at, `${bytes.length - at} bytes follow the item`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

// A lenient decoder would put replacement characters in place of what is wrong: two inputs, one text.
function checkUtf8(bytes: Uint8Array, at: number): void {
  // A mark at the front would be dropped by the decoder below.
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf)
    throw syntax(at, 'a text that begins with a byte order mark')
  try {
    utf8.decode(bytes)
  } catch {
    throw syntax(at, 'a text that is no UTF-8')
  }
}

function head(bytes: Uint8Array, at: number): { major: number; info: number; argument: number; next: number } {
  const initial = bytes[at]
  if (initial === undefined) throw syntax(at, 'it ends early')
  const major = initial >> 5
  const info = initial & 31
  if (info < 24) return { major, info, argument: info, next: at + 1 }
  if (info > 27) throw syntax(at, 'an indefinite length, or a reserved one')
  const width = 1 << (info - 24)
  if (bytes.length - at - 1 < width) throw syntax(at, 'it ends early')
  let argument = 0
  for (let i = 1; i <= width; i++) argument = argument * 256 + (bytes[at + i] as number)
  if (argument < (width === 1 ? 24 : 2 ** (4 * width))) throw syntax(at, 'a number that has a shorter form')
  return { major, info, argument, next: at + 1 + width }
}

function syntax(at: number, message: string): RefusedError {
  return new RefusedError('ERR_CBOR_SYNTAX', `not deterministic CBOR at byte ${at}: ${message}`)
}
