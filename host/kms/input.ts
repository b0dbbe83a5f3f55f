/**
 * The fields of a request, read once and typed, with AWS's errors: another type than the model's is a SerializationException, a value outside
 * of its constraint a ValidationException. Fields that nobody reads are ignored, as SDKs are newer than we are.
 */
import { constraint, Fault } from './fault.ts'

/** Lengths in characters for texts, in bytes for blobs. */
export type Range = { min: number; max: number }

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class Input {
  readonly #fields: Record<string, unknown>
  readonly #path: string

  private constructor(fields: Record<string, unknown>, path: string) {
    this.#fields = fields
    this.#path = path
  }

  /** @param body JSON, its size bounded by the caller @throws Fault SerializationException */
  static parse(body: Uint8Array): Input {
    let value: unknown
    try {
      value = JSON.parse(decoder.decode(body))
    } catch {
      throw new Fault('SerializationException', 'the body is not JSON')
    }
    if (!isObject(value)) throw new Fault('SerializationException', 'the body is no JSON object')
    return new Input(value, '')
  }

  /** What an audit event may tell: texts, numbers, flags and objects of texts among these names, cut where they are long. */
  excerpt(names: readonly string[]): Record<string, unknown> {
    const found: Record<string, unknown> = {}
    for (const name of names) {
      const value = this.#get(name)
      const told = isObject(value)
        ? Object.fromEntries(
            Object.entries(value)
              .slice(0, 64)
              .map(([key, each]) => [cut(key), tellable(each)]),
          )
        : tellable(value)
      if (told !== undefined) found[`${name.charAt(0).toLowerCase()}${name.slice(1)}`] = told
    }
    return found
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined
  }

  optionalText(name: string, range: Range, pattern?: RegExp): string | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') throw this.#wrongType(name, 'a string', value)
    checkRange(this.#at(name), value.length, range, value)
    if (pattern !== undefined && !pattern.test(value))
      throw constraint(this.#at(name), `Member must satisfy regular expression pattern: ${pattern.source}`, value)
    return value
  }

  text(name: string, range: Range, pattern?: RegExp): string {
    return this.optionalText(name, range, pattern) ?? this.#missing(name)
  }

  optionalChoice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') throw this.#wrongType(name, 'a string', value)
    if (!choices.includes(value as T))
      throw constraint(this.#at(name), `Member must satisfy enum value set: [${choices.join(', ')}]`, value)
    return value as T
  }

  choice<T extends string>(name: string, choices: readonly T[]): T {
    return this.optionalChoice(name, choices) ?? this.#missing(name)
  }

  optionalInteger(name: string, range: Range): number | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !Number.isInteger(value)) throw this.#wrongType(name, 'an integer', value)
    if (value < range.min)
      throw constraint(this.#at(name), `Member must have value greater than or equal to ${range.min}`, String(value))
    if (value > range.max)
      throw constraint(this.#at(name), `Member must have value less than or equal to ${range.max}`, String(value))
    return value
  }

  flag(name: string): boolean {
    return this.optionalFlag(name) ?? false
  }

  optionalFlag(name: string): boolean | undefined {
    const value = this.#get(name)
    if (value !== undefined && typeof value !== 'boolean') throw this.#wrongType(name, 'a boolean', value)
    return value
  }

  /** Base64 on the wire. The value stands in no message: it may be a secret. */
  optionalBlob(name: string, range: Range): Buffer | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (typeof value !== 'string') throw this.#wrongType(name, 'a base64 string', value)
    const bytes = Buffer.from(value, 'base64')
    // Node skips what is not base64: two texts would be one blob.
    if (bytes.toString('base64') !== value) throw new Fault('SerializationException', `${this.#at(name)} is not base64`)
    checkRange(this.#at(name), bytes.length, range)
    return bytes
  }

  blob(name: string, range: Range): Buffer {
    return this.optionalBlob(name, range) ?? this.#missing(name)
  }

  object(name: string): Input | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (!isObject(value)) throw this.#wrongType(name, 'an object', value)
    return new Input(value, this.#at(name))
  }

  /** Text by text, in the order of the request; empty where the field is absent. */
  texts(name: string): [key: string, value: string][] {
    const value = this.#get(name)
    if (value === undefined) return []
    if (!isObject(value)) throw this.#wrongType(name, 'an object', value)
    return Object.entries(value).map(([key, each]) => {
      if (typeof each !== 'string') throw this.#wrongType(name, 'an object of strings', each)
      return [key, each]
    })
  }

  optionalList(name: string, maxItems: number): unknown[] | undefined {
    const value = this.#get(name)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) throw this.#wrongType(name, 'a list', value)
    if (value.length > maxItems)
      throw constraint(this.#at(name), `Member must have length less than or equal to ${maxItems}`)
    return value
  }

  objects(name: string, maxItems: number): Input[] | undefined {
    return this.optionalList(name, maxItems)?.map((item, index) => {
      if (!isObject(item)) throw this.#wrongType(name, 'a list of objects', item)
      return new Input(item, `${this.#at(name)}.${index + 1}.member`)
    })
  }

  textList(name: string, maxItems: number, range: Range): string[] | undefined {
    return this.optionalList(name, maxItems)?.map((item) => {
      if (typeof item !== 'string') throw this.#wrongType(name, 'a list of strings', item)
      checkRange(this.#at(name), item.length, range, item)
      return item
    })
  }

  // JSON's null is absence, as the SDKs write it.
  #get(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined
  }

  #at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name.charAt(0).toLowerCase()}${name.slice(1)}`
  }

  #missing(name: string): never {
    throw constraint(this.#at(name), 'Member must not be null', 'null')
  }

  #wrongType(name: string, expected: string, found: unknown): Fault {
    const kind = found === null ? 'null' : Array.isArray(found) ? 'a list' : `a value of type ${typeof found}`
    return new Fault('SerializationException', `${this.#at(name)} is ${kind}, expected ${expected}`)
  }
}

/** Characters of one text in an audit event. */
const MAX_EXCERPT = 2048

function cut(text: string): string {
  return text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT)}…` : text
}

function tellable(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkRange(member: string, length: number, range: Range, found?: string): void {
  if (length < range.min)
    throw constraint(member, `Member must have length greater than or equal to ${range.min}`, found)
  if (length > range.max) throw constraint(member, `Member must have length less than or equal to ${range.max}`, found)
}
