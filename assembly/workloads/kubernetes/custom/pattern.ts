// Regular expressions of schemas, in the syntax that Go's regexp takes (RE2) but for what is refused here: flags, Unicode classes, and what
// RE2 has not either, such as references and lookahead. Compiled to a list of states; match.ts runs them all at once, so that the time of
// a match is at most text times states, whatever the pattern is. https://swtch.com/~rsc/regexp/regexp2.html
import { Span } from '../../../sdk/span'
import { MAX_PATTERN_BYTES, MAX_PATTERN_STATES } from '../limits'
import { Region } from './region'

export const STATE_RANGES: u32 = 0
/** Goes on at both places. */
export const STATE_SPLIT: u32 = 1
export const STATE_JUMP: u32 = 2
export const STATE_MATCH: u32 = 3
export const STATE_BEGIN: u32 = 4
export const STATE_END: u32 = 5
export const STATE_BOUNDARY: u32 = 6
export const STATE_NO_BOUNDARY: u32 = 7

/** Four words: what it is, where it goes on, where else, and its ranges: a count, then pairs of code points. */
export const STATE_BYTES: usize = 16
/** In front of the states: how many there are. */
export const HEAD_BYTES: usize = 8
const MAX_CODE: u32 = 0x10ffff
/** What Go takes. */
const MAX_REPEAT = 1000
const MAX_NESTING = 200

const NODE_EMPTY = 0
const NODE_RANGES = 1
const NODE_ASSERT = 2
const NODE_SEQUENCE = 3
const NODE_CHOICE = 4
const NODE_REPEAT = 5

const NO_RANGES: u32[] = []
const NO_CHILDREN: Node[] = []

class Node {
  ranges: u32[] = NO_RANGES
  children: Node[] = NO_CHILDREN
  least: i32 = 0
  /** -1 is without end. */
  most: i32 = 0
  state: u32 = 0
  constructor(public kind: i32) {}
}

/** Bytes of all patterns since `beginPatterns`: each makes more than itself while it is read. */
let readBytes: usize = 0

export function beginPatterns(): void {
  readBytes = 0
}

/** Why the last pattern was refused. */
export let patternProblem = ''

let at: usize = 0
let end: usize = 0
let whole: Span = new Span(0, 0)

let states: u32[] = []
let sets: u32[][] = []
let isTooLarge = false
let emitted = 0
const EMPTY_FACTOR = 16

/** @returns a program in the region, or 0, `patternProblem` saying why */
export function compilePattern(text: Span, region: Region): usize {
  whole = text
  at = text.at
  end = text.at + text.length
  patternProblem = ''
  readBytes += text.length
  if (readBytes > <usize>MAX_PATTERN_BYTES) {
    refuse('the patterns of a definition have more than ' + MAX_PATTERN_BYTES.toString() + ' bytes')
    return 0
  }
  const root = choice(0)
  if (patternProblem.length == 0 && at < end) refuse('unexpected )')
  if (patternProblem.length > 0 || !root) return 0
  states = []
  sets = []
  isTooLarge = false
  emitted = 0
  emit(root)
  add(STATE_MATCH, 0, 0)
  if (isTooLarge) refuse('expression has more than ' + MAX_PATTERN_STATES.toString() + ' states')
  const program: usize = isTooLarge ? 0 : write(region)
  states = []
  sets = []
  return program
}

function write(region: Region): usize {
  const count = states.length / 3
  const program = region.allocate(HEAD_BYTES + <usize>count * STATE_BYTES)
  store<u32>(program, count)
  for (let i = 0; i < count; i++) {
    const to = program + HEAD_BYTES + <usize>i * STATE_BYTES // SAFETY: i < count
    const kind = states[3 * i]
    store<u32>(to, kind)
    store<u32>(to, states[3 * i + 1], 4)
    if (kind != STATE_RANGES) {
      store<u32>(to, states[3 * i + 2], 8)
      continue
    }
    const ranges = inverted(inverted(sets[states[3 * i + 2]])) // in order, none twice
    const kept = region.allocate(<usize>(4 + 4 * ranges.length))
    store<u32>(kept, ranges.length / 2)
    for (let j = 0; j < ranges.length; j++) store<u32>(kept + 4 + (<usize>j << 2), ranges[j]) // SAFETY: j < length
    store<u32>(to, <u32>kept, 12)
  }
  return program
}

// @returns its place
function add(kind: u32, next: i32, other: i32): i32 {
  const index = states.length / 3
  if (index >= MAX_PATTERN_STATES) {
    isTooLarge = true
    return index
  }
  states.push(kind)
  states.push(<u32>next)
  states.push(<u32>other)
  return index
}

// What follows is to come directly behind it.
function emit(node: Node): void {
  // What is empty can be repeated too, and adds no state
  if (++emitted > EMPTY_FACTOR * MAX_PATTERN_STATES) isTooLarge = true
  if (isTooLarge) return
  switch (node.kind) {
    case NODE_RANGES: {
      const index = add(STATE_RANGES, states.length / 3 + 1, sets.length)
      if (index < MAX_PATTERN_STATES) sets.push(node.ranges)
      return
    }
    case NODE_ASSERT:
      add(node.state, states.length / 3 + 1, 0)
      return
    case NODE_SEQUENCE:
      for (let i = 0; i < node.children.length; i++) emit(node.children[i])
      return
    case NODE_CHOICE: return emitChoice(node)
    case NODE_REPEAT: return emitRepeat(node)
  }
}

function emitChoice(node: Node): void {
  const jumps: i32[] = []
  for (let i = 0; i < node.children.length; i++) {
    const last = i == node.children.length - 1
    const split = last ? -1 : add(STATE_SPLIT, states.length / 3 + 1, 0)
    emit(node.children[i])
    if (last || isTooLarge) break
    jumps.push(add(STATE_JUMP, 0, 0))
    setOther(split)
  }
  for (let i = 0; i < jumps.length && !isTooLarge; i++) states[3 * jumps[i] + 1] = states.length / 3
}

// Goes on behind what there is by now.
function setOther(split: i32): void {
  if (!isTooLarge) states[3 * split + 2] = states.length / 3
}

function emitRepeat(node: Node): void {
  const child = node.children[0]
  for (let i = 0; i < node.least && !isTooLarge; i++) emit(child)
  if (node.most < 0) {
    const split = add(STATE_SPLIT, states.length / 3 + 1, 0)
    emit(child)
    add(STATE_JUMP, split, 0)
    setOther(split)
    return
  }
  const splits: i32[] = []
  for (let i = node.least; i < node.most && !isTooLarge; i++) {
    splits.push(add(STATE_SPLIT, states.length / 3 + 1, 0))
    emit(child)
  }
  for (let i = 0; i < splits.length; i++) setOther(splits[i])
}

/** Bytes of a pattern that an answer shows. */
const MAX_SHOWN: usize = 128

function shown(from: usize, to: usize): string {
  return String.UTF8.decodeUnsafe(from, min(to - from, MAX_SHOWN))
}

function shownWhole(): string {
  return shown(whole.at, whole.at + whole.length)
}

function refuse(problem: string): Node | null {
  if (patternProblem.length == 0) patternProblem = 'error parsing regexp: ' + problem
  return null
}

function peek(): u32 {
  return at < end ? <u32>load<u8>(at) : 0xffffffff // SAFETY: at < end
}

function choice(depth: i32): Node | null {
  if (depth > MAX_NESTING) return refuse('expression nests too deeply')
  const made = new Node(NODE_CHOICE)
  made.children = []
  while (true) {
    const branch = sequence(depth)
    if (!branch) return null
    made.children.push(branch)
    if (peek() != 0x7c) break
    at++
  }
  return made.children.length == 1 ? made.children[0] : made
}

function sequence(depth: i32): Node | null {
  const made = new Node(NODE_SEQUENCE)
  made.children = []
  while (at < end && peek() != 0x7c && peek() != 0x29) {
    const from = at
    const part = atom(depth)
    if (!part) return null
    const repeated = repeats(part, from)
    if (!repeated) return null
    made.children.push(repeated)
  }
  return made
}

function atom(depth: i32): Node | null {
  const c = peek()
  if (c == 0x28) return group(depth)
  if (c == 0x5b) return bracket()
  if (c == 0x2a || c == 0x2b || c == 0x3f) return refuse('missing argument to repetition operator: `' + String.fromCharCode(c) + '`')
  if (c == 0x5c) return escape()
  at++
  if (c == 0x2e) return ranged([0, 0x09, 0x0b, MAX_CODE]) // all but \n
  if (c == 0x5e) return assertion(STATE_BEGIN)
  if (c == 0x24) return assertion(STATE_END)
  at--
  return literal(codePoint())
}

function group(depth: i32): Node | null {
  at++
  if (peek() == 0x3f) {
    // (?:…) and (?P<name>…), (?<name>…): nothing is captured anyway
    at++
    if (peek() == 0x3a) at++
    else {
      if (peek() == 0x50) at++
      if (peek() != 0x3c) return refuse('flags and assertions in groups are not supported: `' + shownWhole() + '`')
      at++
      const from = at
      while (at < end && isWord(peek())) at++
      if (at == from || peek() != 0x3e) return refuse('invalid or unsupported Perl syntax: `(?<`')
      at++
    }
  }
  const inside = choice(depth + 1)
  if (!inside) return null
  if (peek() != 0x29) return refuse('missing closing ): `' + shownWhole() + '`')
  at++
  return inside
}

function repeats(node: Node, from: usize): Node | null {
  let made = node
  let times = 0
  while (true) {
    const c = peek()
    let least = 0
    let most = -1
    if (c == 0x2a) at++
    else if (c == 0x2b) {
      at++
      least = 1
    } else if (c == 0x3f) {
      at++
      most = 1
    } else if (c == 0x7b && readCount()) {
      least = countLeast
      most = countMost
      if (least > MAX_REPEAT || most > MAX_REPEAT || (most >= 0 && least > most)) return refuse('invalid repeat count: `' + shown(from, at) + '`')
    } else return made
    if (peek() == 0x3f) at++ // lazy: the same to whether there is a match
    if (++times > 1) return refuse('invalid nested repetition operator: `' + shown(from, at) + '`')
    const repeat = new Node(NODE_REPEAT)
    repeat.children = [made]
    repeat.least = least
    repeat.most = most
    made = repeat
  }
}

let countLeast = 0
let countMost = 0

// {n}, {n,} or {n,m}; anything else is a brace.
function readCount(): bool {
  const from = at
  at++
  countLeast = number()
  if (countLeast >= 0) {
    countMost = countLeast
    if (peek() == 0x2c) {
      at++
      countMost = -1
      if (peek() != 0x7d) {
        countMost = number()
        if (countMost < 0) countLeast = -1
      }
    }
    if (countLeast >= 0 && peek() == 0x7d) {
      at++
      return true
    }
  }
  at = from
  return false
}

function number(): i32 {
  let value = 0
  const from = at
  while (peek() - 0x30 < 10) {
    value = min(value * 10 + <i32>(peek() - 0x30), 100000)
    at++
  }
  return at == from ? -1 : value
}

const DIGIT: u32[] = [0x30, 0x39]
const WORD: u32[] = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
const SPACE: u32[] = [0x09, 0x0a, 0x0c, 0x0d, 0x20, 0x20]

function classOf(c: u32): u32[] | null {
  const lower = c | 0x20
  const known: u32[] | null = lower == 0x64 ? DIGIT : lower == 0x77 ? WORD : lower == 0x73 ? SPACE : null
  return known && c < 0x60 ? inverted(known) : known
}

function escape(): Node | null {
  at++
  if (at >= end) return refuse('trailing backslash at end of expression')
  const c = peek()
  const known = classOf(c)
  if (known) {
    at++
    return ranged(known)
  }
  if (c == 0x41 || c == 0x7a || c == 0x62 || c == 0x42) {
    at++
    return assertion(c == 0x41 ? STATE_BEGIN : c == 0x7a ? STATE_END : c == 0x62 ? STATE_BOUNDARY : STATE_NO_BOUNDARY)
  }
  const code = escapedCode()
  return code < 0 ? null : literal(<u32>code)
}

// Behind a backslash. @returns -1 with a problem
function escapedCode(): i32 {
  const c = peek()
  if (c == 0x78) return hexCode()
  if (isWord(c) && c != 0x5f || c >= 0x80) {
    const plain: i32 = c == 0x6e ? 0x0a : c == 0x74 ? 0x09 : c == 0x72 ? 0x0d : c == 0x66 ? 0x0c : c == 0x76 ? 0x0b : c == 0x61 ? 0x07 : -1
    if (plain < 0) refuse('invalid or unsupported escape sequence: `\\' + (c < 0x80 ? String.fromCharCode(c) : '') + '`')
    at++
    return plain
  }
  at++
  return <i32>c
}

// x41 or x{10FFFF}
function hexCode(): i32 {
  at++
  const braced = peek() == 0x7b
  if (braced) at++
  let value: u32 = 0
  let digits = 0
  const most = braced ? 6 : 2
  while (digits < most && hexDigit(peek()) < 16) {
    value = (value << 4) | hexDigit(peek())
    digits++
    at++
  }
  if ((braced ? digits == 0 || peek() != 0x7d : digits != 2) || value > MAX_CODE) {
    refuse('invalid escape sequence: `\\x`')
    return -1
  }
  if (braced) at++
  return <i32>value
}

function hexDigit(c: u32): u32 {
  const lower = c | 0x20
  return c - 0x30 < 10 ? c - 0x30 : lower - 0x61 < 6 ? lower - 0x61 + 10 : 16
}

const NAMED: StaticArray<string> = ['alnum', 'alpha', 'blank', 'digit', 'lower', 'upper', 'punct', 'space', 'word', 'xdigit']
const NAMED_RANGES: u32[][] = [
  [0x30, 0x39, 0x41, 0x5a, 0x61, 0x7a], [0x41, 0x5a, 0x61, 0x7a], [0x09, 0x09, 0x20, 0x20], [0x30, 0x39], [0x61, 0x7a], [0x41, 0x5a],
  [0x21, 0x2f, 0x3a, 0x40, 0x5b, 0x60, 0x7b, 0x7e], [0x09, 0x0d, 0x20, 0x20], [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a], [0x30, 0x39, 0x41, 0x46, 0x61, 0x66]
]

function bracket(): Node | null {
  const from = at++
  const negated = peek() == 0x5e
  if (negated) at++
  let ranges: u32[] = []
  let first = true
  while (first || peek() != 0x5d) {
    if (at >= end) return refuse('missing closing ]: `' + shown(from, end) + '`')
    first = false
    if (peek() == 0x5b && at + 1 < end && load<u8>(at + 1) == 0x3a) {
      const named = namedClass()
      if (!named) return refuse('invalid character class range: `' + shown(from, at) + '`')
      ranges = ranges.concat(named)
      continue
    }
    if (peek() == 0x5c && at + 1 < end) {
      const known = classOf(load<u8>(at + 1)) // SAFETY: at + 1 < end
      if (known) {
        at += 2
        ranges = ranges.concat(known)
        continue
      }
    }
    const low = classCode()
    if (patternProblem.length > 0) return null
    let high = low
    if (peek() == 0x2d && at + 1 < end && load<u8>(at + 1) != 0x5d) {
      at++
      high = classCode()
      if (patternProblem.length > 0) return null
      if (high < low) return refuse('invalid character class range: `' + shown(from, at) + '`')
    }
    ranges.push(low)
    ranges.push(high)
    if (ranges.length > 2 * MAX_PATTERN_STATES) return refuse('a character class has too many ranges')
  }
  at++
  return ranged(negated ? inverted(ranges) : ranges)
}

function namedClass(): u32[] | null {
  for (let i = 0; i < NAMED.length; i++) {
    const text = '[:' + NAMED[i] + ':]'
    if (!new Span(at, end - at).begins(text)) continue
    at += text.length
    return NAMED_RANGES[i]
  }
  return null
}

function classCode(): u32 {
  if (peek() != 0x5c) return at < end ? codePoint() : 0
  at++
  if (at >= end) {
    refuse('trailing backslash at end of expression')
    return 0
  }
  const code = escapedCode()
  return code < 0 ? 0 : <u32>code
}

function codePoint(): u32 {
  const c = <u32>load<u8>(at++) // SAFETY: at < end; what was parsed as JSON is UTF-8
  if (c < 0x80) return c
  const more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3
  let code = c & (0x3f >> more)
  for (let i = 0; i < more; i++) code = (code << 6) | (<u32>load<u8>(at++) & 63)
  return code
}

// All that is in none of them.
function inverted(ranges: u32[]): u32[] {
  const lows: u32[] = []
  for (let i = 0; i < ranges.length; i += 2) lows.push(<u32>i)
  sorted = ranges
  lows.sort((a, b) => sorted[a] < sorted[b] ? -1 : sorted[a] > sorted[b] ? 1 : 0)
  const made: u32[] = []
  let next: u32 = 0
  for (let i = 0; i < lows.length; i++) {
    const low = ranges[lows[i]]
    const high = ranges[lows[i] + 1]
    if (low > next) {
      made.push(next)
      made.push(low - 1)
    }
    next = max(next, high + 1)
  }
  if (next <= MAX_CODE) {
    made.push(next)
    made.push(MAX_CODE)
  }
  return made
}

let sorted: u32[] = []

function literal(code: u32): Node {
  return ranged([code, code])
}

function ranged(ranges: u32[]): Node {
  const node = new Node(NODE_RANGES)
  node.ranges = ranges
  return node
}

function assertion(state: u32): Node {
  const node = new Node(NODE_ASSERT)
  node.state = state
  return node
}

export function isWord(c: u32): bool {
  return c - 0x30 < 10 || (c | 0x20) - 0x61 < 26 || c == 0x5f
}
