/**
 * JSON (RFC 8259) read strictly: a name that comes twice in one object is refused, where JSON.parse would let the last one win and two
 * readers could see two policies. Objects are Maps, so that no name reaches a prototype. Size is the caller's to bound; depth is bounded here.
 */
import { RefusedError } from '../../errors.ts'

export type StrictJson = string | number | boolean | null | StrictJson[] | Map<string, StrictJson>

/** A policy's own depth is seven: document, Statement, one of it, Condition, operator, key, values. */
const MAX_DEPTH = 16

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SPACE = /[ \t\n\r]*/y

/** Time is linear in the text. @throws RefusedError ERR_KMS_POLICY, with line and column */
export function parseStrictJson(text: string): StrictJson {
  return new Reader(text).document()
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): StrictJson {
    const value = this.#value(0)
    this.#take(SPACE)
    if (this.#at !== this.#text.length) throw this.#fault('something follows the document')
    return value
  }

  #value(depth: number): StrictJson {
    this.#take(SPACE)
    const next = this.#text[this.#at]
    if ((next === '{' || next === '[') && depth >= MAX_DEPTH) throw this.#fault(`nested more than ${MAX_DEPTH} deep`)
    if (next === '{') return this.#object(depth)
    if (next === '[') return this.#array(depth)
    if (next === '"') return this.#string()
    for (const [word, value] of [
      ['true', true],
      ['false', false],
      ['null', null],
    ] as const)
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length
        return value
      }
    const number = this.#take(NUMBER)
    if (number === '') throw this.#fault('no value where one is due')
    return Number(number)
  }

  #object(depth: number): Map<string, StrictJson> {
    const found = new Map<string, StrictJson>()
    this.#at++
    if (this.#accept('}')) return found
    do {
      this.#take(SPACE)
      if (this.#text[this.#at] !== '"') throw this.#fault('no name where one is due')
      const name = this.#string()
      if (found.has(name)) throw this.#fault(`${JSON.stringify(name.slice(0, 60))} comes twice in one object`)
      if (!this.#accept(':')) throw this.#fault('no ":" after a name')
      found.set(name, this.#value(depth + 1))
    } while (this.#accept(','))
    if (!this.#accept('}')) throw this.#fault('no "," or "}" where one is due')
    return found
  }

  #array(depth: number): StrictJson[] {
    const found: StrictJson[] = []
    this.#at++
    if (this.#accept(']')) return found
    do found.push(this.#value(depth + 1))
    while (this.#accept(','))
    if (!this.#accept(']')) throw this.#fault('no "," or "]" where one is due')
    return found
  }

  #string(): string {
    const literal = this.#take(STRING)
    if (literal === '') throw this.#fault('a text that is not closed, or has an escape that does not exist')
    return JSON.parse(literal) as string
  }

  #accept(character: string): boolean {
    this.#take(SPACE)
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0] ?? ''
    this.#at += found.length
    return found
  }

  #fault(reason: string): RefusedError {
    const before = this.#text.slice(0, this.#at).split('\n')
    return new RefusedError(
      'ERR_KMS_POLICY',
      `line ${before.length}, column ${(before.at(-1) as string).length + 1}: ${reason}`,
    )
  }
}
