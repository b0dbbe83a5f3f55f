/** Reading what somebody sent as JSON: exact fields, bounded lists, bytes in hex, one code for all that does not fit. Shape, not truth. */
import { type ErrorCode, RefusedError } from '../../errors.ts'
import type { Json } from '../../wire/canonical-json.ts'

/** The readers of one kind of document; each throws RefusedError with its code, and names the field. */
export class Shape {
  readonly #code: ErrorCode

  constructor(code: ErrorCode) {
    this.#code = code
  }

  refused(message: string): RefusedError {
    return new RefusedError(this.#code, message)
  }

  /** An object with exactly these fields. */
  exactly<K extends string>(value: Json | undefined, names: readonly K[], what: string): Record<K, Json> {
    const found = this.object(value, what)
    const odd =
      Object.keys(found).find((name) => !names.includes(name as K)) ?? names.find((name) => !Object.hasOwn(found, name))
    if (odd !== undefined)
      throw this.refused(`${what} has exactly the fields ${names.join(', ')}; look at ${odd.slice(0, 64)}`)
    return found as Record<K, Json>
  }

  /** An object in which others may have fields of their own. */
  object(value: Json | undefined, what: string): Record<string, Json> {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw this.refused(`${what} is no object`)
    return value
  }

  list(value: Json | undefined, max: number, what: string): Json[] {
    if (!Array.isArray(value) || value.length > max) throw this.refused(`${what} is no list of at most ${max}`)
    return value
  }

  /** A list in which nothing stands twice. */
  set<T extends string>(value: Json | undefined, max: number, what: string, read: (item: Json) => T): T[] {
    const items = this.list(value, max, what).map(read)
    if (new Set(items).size !== items.length) throw this.refused(`${what} names one thing twice`)
    return items
  }

  hex(value: Json | undefined, lengthBytes: number, what: string): string {
    if (typeof value !== 'string' || value.length !== 2 * lengthBytes || !/^[0-9a-f]+$/.test(value))
      throw this.refused(`${what} is not ${lengthBytes} bytes in lower-case hex`)
    return value
  }

  text(value: Json | undefined, pattern: RegExp, what: string): string {
    if (typeof value !== 'string' || !pattern.test(value)) throw this.refused(`${what} does not fit ${pattern.source}`)
    return value
  }

  uint(value: Json | undefined, min: number, max: number, what: string): number {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw this.refused(`${what} is no number from ${min} to ${max}`)
    return value as number
  }

  boolean(value: Json | undefined, what: string): boolean {
    if (typeof value !== 'boolean') throw this.refused(`${what} is neither true nor false`)
    return value
  }
}
