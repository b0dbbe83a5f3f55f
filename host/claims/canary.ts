/** A random text that is planted where only its owner may read, and the search for it, in each form that a copy might have. */
import { randomBytes } from 'node:crypto'

export type Canary = { name: string; value: string }

const RANDOM_BYTES = 16

export function makeCanary(): Canary {
  return {
    name: `canary-${randomBytes(RANDOM_BYTES).toString('hex')}`,
    value: `canary-${randomBytes(RANDOM_BYTES).toString('hex')}`,
  }
}

/** As it is, in UTF-16, in hex, and in base64 at each of its three places. */
export function formsOf(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString('base64')
    // The ends depend on what stands beside it
    return Buffer.from(encoded.slice(4, -4))
  })
  return [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(Buffer.from(text).toString('hex')), ...base64]
}

/** Whether name or value of the canary stand in these bytes. */
export function holdsCanary(bytes: Uint8Array, canary: Canary): boolean {
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return [canary.name, canary.value].some((text) => formsOf(text).some((form) => haystack.includes(form)))
}
