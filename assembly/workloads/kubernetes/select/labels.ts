// Label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1,m<2`, k8s.io/apimachinery/pkg/labels. Labels are read from a record's own text:
// their names and values hold nothing that JSON escapes.
import { Span } from '../../../sdk/span'
import { failBadRequest } from '../http/failure'
import { quoted } from '../http/issues'
import { sameAscii } from '../json/node'
import { labelValueProblem, qualifiedNameProblem } from '../object/names'

export const IN = 0
export const NOT_IN = 1
export const EXISTS = 2
export const ABSENT = 3
const GREATER = 4
const LESS = 5

/** Requirements of one selector, and values of one requirement. */
const MAX_REQUIREMENTS = 256
const MAX_VALUES = 1024

export class Requirement {
  values: string[] = []
  constructor(public key: string, public operator: i32) {}

  /** @param value null where there is no such label */
  holds(value: Span | null): bool {
    switch (this.operator) {
      case EXISTS: return value != null
      case ABSENT: return value == null
      case IN: return value != null && this.lists(value)
      case NOT_IN: return value == null || !this.lists(value)
    }
    if (!value) return false
    const number = integer(value)
    const bound = I64.parseInt(this.values[0])
    return number != i64.MIN_VALUE && (this.operator == GREATER ? number > bound : number < bound)
  }

  private lists(value: Span): bool {
    for (let i = 0; i < this.values.length; i++) if (sameAscii(value.at, value.length, this.values[i])) return true
    return false
  }
}

/** Whether labels, as a record has them, meet all. */
export function labelsMatch(requirements: Requirement[], labels: usize, length: usize): bool {
  for (let i = 0; i < requirements.length; i++) if (!requirements[i].holds(findLabel(labels, length, requirements[i].key))) return false
  return true
}

// {"name":"value",…}: nothing is escaped in it.
function findLabel(at: usize, length: usize, name: string): Span | null {
  const end = at + length
  let p = at + 1
  while (p < end) {
    const key = ++p // behind the quotation mark
    while (load<u8>(p) != 0x22) p++ // SAFETY: a record's labels are an object of strings, written by json/writer.ts
    const keyLength = p - key
    p += 3
    const value = p
    while (load<u8>(p) != 0x22) p++
    if (sameAscii(key, keyLength, name)) return new Span(value, p - value)
    p += 2 // behind the quotation mark and the comma or brace
  }
  return null
}

function integer(text: Span): i64 {
  let value: i64 = 0
  const negative = text.length > 0 && load<u8>(text.at) == 0x2d
  const from: usize = negative ? 1 : 0
  if (text.length == from || text.length > 18) return i64.MIN_VALUE
  for (let i = from; i < text.length; i++) {
    const digit = load<u8>(text.at + i) - 0x30 // SAFETY: i < length
    if (digit > 9) return i64.MIN_VALUE
    value = value * 10 + digit
  }
  return negative ? -value : value
}

let tokens: string[] = []

/** @returns null with a failure */
export function parseLabelSelector(text: Span): Requirement[] | null {
  const found: Requirement[] = []
  tokens = tokenise(text)
  let at = 0
  if (tokens.length == 0) return found
  while (true) {
    if (found.length >= MAX_REQUIREMENTS) return refuse('too many requirements')
    const negated = tokenAt(at) == '!'
    if (negated) at++
    const key = tokenAt(at++)
    if (key.length == 0 || isPunctuation(key)) return refuse('found \'' + key + '\', expected: identifier')
    const problem = qualifiedNameProblem(spanOf(key))
    if (problem.length > 0) return refuse('<nil>: Invalid value: ' + quoted(key) + ': ' + problem)
    let next = tokenAt(at)
    if (negated || next == '' || next == ',') {
      found.push(new Requirement(key, negated ? ABSENT : EXISTS))
    } else {
      at++
      const operator = operatorOf(next)
      if (operator < 0) return refuse('found \'' + next + '\', expected: \'=\', \'!=\', \'==\', \'in\', notin\'')
      const requirement = new Requirement(key, operator)
      if (next == 'in' || next == 'notin') {
        at = readValues(at, requirement)
        if (at < 0) return null
      } else {
        const value = tokenAt(at)
        if (value != '' && value != ',') at++
        const given = value == ',' ? '' : value
        if (!checkValue(given)) return null
        requirement.values.push(given)
        if (operator >= GREATER && integer(spanOf(given)) == i64.MIN_VALUE) return refuse('for \'Gt\', \'Lt\' operators, the value must be an integer')
      }
      found.push(requirement)
    }
    next = tokenAt(at++)
    if (next == '') return found
    if (next != ',') return refuse('found \'' + next + '\', expected: \',\' or \'end of string\'')
    if (tokenAt(at) == '') return refuse('found \'\', expected: identifier after \',\'')
  }
}

// ( value, value )
function readValues(at: i32, requirement: Requirement): i32 {
  if (tokenAt(at++) != '(') {
    refuse('found \'' + tokenAt(at - 1) + '\' expected: \'(\'')
    return -1
  }
  while (true) {
    let value = tokenAt(at)
    if (value == ',' || value == ')') value = ''
    else at++
    if (isPunctuation(value) || requirement.values.length >= MAX_VALUES || !checkValue(value)) {
      if (isPunctuation(value)) refuse('found \'' + value + '\', expected: \',\', \')\' or identifier')
      else if (requirement.values.length >= MAX_VALUES) refuse('too many values')
      return -1
    }
    requirement.values.push(value)
    const next = tokenAt(at++)
    if (next == ')') return at
    if (next != ',') {
      refuse('found \'' + next + '\', expected: \',\' or \')\'')
      return -1
    }
  }
}

function checkValue(value: string): bool {
  const problem = labelValueProblem(spanOf(value))
  if (problem.length == 0) return true
  refuse('<nil>: Invalid value: ' + quoted(value) + ': ' + problem)
  return false
}

function operatorOf(token: string): i32 {
  if (token == '=' || token == '==' || token == 'in') return IN
  if (token == '!=' || token == 'notin') return NOT_IN
  if (token == '>') return GREATER
  return token == '<' ? LESS : -1
}

function isPunctuation(token: string): bool {
  return token == '=' || token == '==' || token == '!=' || token == '!' || token == '(' || token == ')' || token == ',' || token == '>' || token == '<'
}

function tokenAt(index: i32): string {
  return index < tokens.length ? tokens[index] : ''
}

function tokenise(text: Span): string[] {
  const found: string[] = []
  let i: usize = 0
  while (i < text.length) {
    const c = load<u8>(text.at + i) // SAFETY: i < length
    if (c == 0x20 || c == 0x09 || c == 0x0a || c == 0x0d) {
      i++
      continue
    }
    const from = i++
    if (isSpecial(c)) {
      const next: u8 = i < text.length ? load<u8>(text.at + i) : 0
      if ((c == 0x3d || c == 0x21) && next == 0x3d) i++
    } else while (i < text.length && !isSpecial(load<u8>(text.at + i)) && load<u8>(text.at + i) > 0x20) i++
    found.push(text.cut(from, i).text())
  }
  return found
}

function isSpecial(c: u8): bool {
  return c == 0x3d || c == 0x21 || c == 0x28 || c == 0x29 || c == 0x2c || c == 0x3c || c == 0x3e
}

function spanOf(text: string): Span {
  return Span.of(Uint8Array.wrap(String.UTF8.encode(text)))
}

function refuse(problem: string): Requirement[] | null {
  failBadRequest('unable to parse requirement: ' + problem)
  return null
}
