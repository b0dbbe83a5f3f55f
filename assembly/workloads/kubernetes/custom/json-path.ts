// The part of JSONPath that columns, selectable fields and scale use: members, indices, [*], and filters that compare a member with a
// value, `.status.conditions[?(@.type=="Ready")].status`. What else kubectl's jsonpath knows (ranges, unions, `..`) is refused.
// https://kubernetes.io/docs/reference/kubectl/jsonpath
import { JsonNode, TYPE_FALSE, TYPE_NUMBER, TYPE_STRING, TYPE_TRUE } from '../json/node'
import { Span } from '../../../sdk/span'
import { compareDecimals } from './decimal'

const STEP_MEMBER = 0
const STEP_INDEX = 1
const STEP_ALL = 2
const STEP_FILTER = 3

const OPERATORS: StaticArray<string> = ['==', '!=', '<=', '>=', '<', '>']
const MAX_STEPS = 32
const MAX_PATH = 1024

class Step {
  name: Uint8Array = new Uint8Array(0)
  index: i32 = 0
  /** Of a filter: members down from each item, then operator and value; no operator asks whether it is there. */
  path: JsonPath | null = null
  operator: string = ''
  value: string = ''
  isText: bool = false
  constructor(public kind: i32) {}
}

export class JsonPath {
  steps: Step[] = []

  /** The first value that it leads to, or null. */
  find(root: JsonNode): JsonNode | null {
    return this.from(root, 0)
  }

  /** Members alone, as `spec.size`; "" where it is more than that. */
  get dotted(): string {
    let text = ''
    for (let i = 0; i < this.steps.length; i++) {
      const step = this.steps[i]
      if (step.kind != STEP_MEMBER) return ''
      text += (i > 0 ? '.' : '') + String.UTF8.decodeUnsafe(step.name.dataStart, step.name.length)
    }
    return text
  }

  private from(start: JsonNode, first: i32): JsonNode | null {
    let node: JsonNode | null = start
    for (let i = first; i < this.steps.length && node; i++) {
      const step = this.steps[i]
      if (step.kind == STEP_MEMBER) node = node.isObject ? node.find(step.name.dataStart, step.name.length) : null
      else if (step.kind == STEP_INDEX) node = node.isArray ? node.item(step.index < 0 ? node.count + step.index : step.index) : null
      else {
        let each = node.first
        while (each) {
          const found = step.kind == STEP_ALL || passes(step, each) ? this.from(each, i + 1) : null
          if (found) return found
          each = each.next
        }
        return null
      }
    }
    return node
  }
}

function passes(step: Step, item: JsonNode): bool {
  const value = (step.path as JsonPath).find(item)
  if (step.operator.length == 0) return value != null
  if (!value) return false
  let order = 1
  if (step.isText) {
    if (value.type != TYPE_STRING) return false
    const text = Uint8Array.wrap(String.UTF8.encode(step.value))
    order = memory.compare(value.at, text.dataStart, min<usize>(value.length, text.length))
    if (order == 0) order = <i32>value.length - text.length
  } else if (value.type == TYPE_NUMBER) {
    const text = Uint8Array.wrap(String.UTF8.encode(step.value))
    if (!isNumber(step.value)) return false
    order = compareDecimals(new Span(value.at, value.length), Span.of(text))
  } else {
    const isTrue = value.type == TYPE_TRUE
    if (value.type != TYPE_FALSE && !isTrue) return false
    order = step.value == (isTrue ? 'true' : 'false') ? 0 : 1
    if (step.operator != '==' && step.operator != '!=') return false
  }
  if (step.operator == '==') return order == 0
  if (step.operator == '!=') return order != 0
  if (step.operator == '<') return order < 0
  if (step.operator == '>') return order > 0
  return step.operator == '<=' ? order <= 0 : order >= 0
}

let source = ''
let at = 0
export let pathProblem = ''

/** @returns null, `pathProblem` saying why */
export function compilePath(text: string): JsonPath | null {
  source = text
  at = 0
  pathProblem = ''
  if (text.length > MAX_PATH) return refuse('must have at most ' + MAX_PATH.toString() + ' characters')
  if (text.length > 0 && text.charCodeAt(0) != 0x2e && text.charCodeAt(0) != 0x5b) return refuse('must begin with a dot')
  const path = steps(false)
  if (!path) return null
  return at < source.length ? refuse('unexpected ' + source.charAt(at)) : path
}

function refuse(problem: string): JsonPath | null {
  if (pathProblem.length == 0) pathProblem = problem
  return null
}

function peek(): i32 {
  return at < source.length ? source.charCodeAt(at) : -1
}

function steps(inFilter: bool): JsonPath | null {
  const path = new JsonPath()
  while (at < source.length) {
    const c = peek()
    let step: Step | null = null
    if (c == 0x2e) {
      at++
      if (peek() == 0x2e) return refuse('recursive descent is not supported')
      if (peek() == 0x2a) {
        at++
        step = new Step(STEP_ALL)
      } else step = member(inFilter)
    } else if (c == 0x5b) step = bracket(inFilter)
    else if (inFilter) return path
    else return refuse('unexpected ' + source.charAt(at))
    if (!step) return refuse('a name is missing')
    path.steps.push(step)
    if (path.steps.length > MAX_STEPS) return refuse('too many steps')
  }
  return path
}

// A name ends at a dot or bracket; a backslash takes what is behind it as it is.
function member(inFilter: bool): Step | null {
  let name = ''
  while (at < source.length) {
    const c = peek()
    if (c == 0x2e || c == 0x5b) break
    if (inFilter && (c == 0x20 || c == 0x29 || c == 0x3d || c == 0x21 || c == 0x3c || c == 0x3e)) break
    if (c == 0x5c) at++
    if (at < source.length) name += source.charAt(at++)
  }
  return name.length > 0 ? named(name) : null
}

function named(name: string): Step {
  const step = new Step(STEP_MEMBER)
  step.name = Uint8Array.wrap(String.UTF8.encode(name))
  return step
}

function bracket(inFilter: bool): Step | null {
  at++
  const c = peek()
  let step: Step | null = null
  if (c == 0x27 || c == 0x22) {
    const name = quotedText()
    step = pathProblem.length > 0 ? null : named(name)
  } else if (c == 0x2a) {
    at++
    step = new Step(STEP_ALL)
  } else if (c == 0x3f && !inFilter) step = filter()
  else {
    const from = at
    if (peek() == 0x2d) at++
    while (peek() >= 0x30 && peek() <= 0x39) at++
    if (at > from && at - from < 8 && source.charCodeAt(at - 1) != 0x2d) {
      step = new Step(STEP_INDEX)
      step.index = I32.parseInt(source.substring(from, at))
    } else refuse('an index must be a number')
  }
  if (!step) return null
  if (peek() != 0x5d) {
    refuse('unterminated array')
    return null
  }
  at++
  return step
}

// ?(@.a.b=="c")
function filter(): Step | null {
  at++
  if (peek() != 0x28 || source.charCodeAt(at + 1) != 0x40) {
    refuse('a filter must be of the form ?(@.name=="value")')
    return null
  }
  at += 2
  const step = new Step(STEP_FILTER)
  const path = steps(true)
  if (!path) return null
  step.path = path
  skipSpace()
  for (let i = 0; i < OPERATORS.length && step.operator.length == 0; i++)
    if (source.substr(at, OPERATORS[i].length) == OPERATORS[i]) step.operator = OPERATORS[i]
  if (step.operator.length > 0) {
    at += step.operator.length
    skipSpace()
    step.isText = peek() == 0x27 || peek() == 0x22
    if (step.isText) step.value = quotedText()
    else {
      const from = at
      while (at < source.length && peek() != 0x29 && peek() != 0x20) at++
      step.value = source.substring(from, at)
      if (step.value != 'true' && step.value != 'false' && !isNumber(step.value)) refuse('a filter must compare with a text, a number, true or false')
    }
    skipSpace()
  }
  if (peek() != 0x29 || pathProblem.length > 0) {
    refuse('unterminated filter')
    return null
  }
  at++
  return step
}

function skipSpace(): void {
  while (peek() == 0x20) at++
}

function quotedText(): string {
  const mark = peek()
  at++
  let text = ''
  while (at < source.length && peek() != mark) {
    if (peek() == 0x5c) at++
    if (at < source.length) text += source.charAt(at++)
  }
  if (peek() != mark) refuse('unterminated quoted string')
  at++
  return text
}

function isNumber(text: string): bool {
  let digits = 0
  let points = 0
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c >= 0x30 && c <= 0x39) digits++
    else if (c == 0x2e && points == 0 && digits > 0) points++
    else if (c != 0x2d || i > 0) return false
  }
  return digits > 0
}
