// Whether a pattern is found in a text: all states that can be reached are carried along, byte by byte of the text, none twice. No state is
// ever gone back to, so the time is bounded by text times states, and is counted against the request's budget.
import { Span } from '../../../sdk/span'
import { spend } from '../patch/budget'
import { HEAD_BYTES, isWord, STATE_BEGIN, STATE_BOUNDARY, STATE_BYTES, STATE_END, STATE_JUMP, STATE_MATCH, STATE_NO_BOUNDARY, STATE_RANGES, STATE_SPLIT } from './pattern'
import { MAX_PATTERN_STATES } from '../limits'

const NONE: u32 = 0xffffffff

/** Places in the two lists are words; `seen` holds in which step a state was last reached. */
const current = heap.alloc(MAX_PATTERN_STATES << 2)
const following = heap.alloc(MAX_PATTERN_STATES << 2)
const waiting = heap.alloc((MAX_PATTERN_STATES << 3) + 8)
const seen = heap.alloc(MAX_PATTERN_STATES << 2)

let step: u32 = 0
let count: u32 = 0
let matched = false

/** Anywhere in the text, as Go's MatchString. False too when the budget is spent. */
export function matches(program: usize, text: Span): bool {
  const states = load<u32>(program)
  memory.fill(seen, 0, <usize>states << 2) // SAFETY: at most MAX_PATTERN_STATES, which compilePattern keeps to
  step = 0
  matched = false
  let list = current
  let next = following
  let length: u32 = 0
  let before = NONE
  let at = text.at
  const end = text.at + text.length
  if (!spend(<i64>states)) return false
  while (true) {
    const here = at
    let code = NONE
    if (at < end) {
      code = <u32>load<u8>(at++) // SAFETY: at < end
      if (code >= 0x80) {
        const more = code < 0xe0 ? 1 : code < 0xf0 ? 2 : 3
        code &= 0x3f >> more
        for (let i = 0; i < more && at < end; i++) code = (code << 6) | (<u32>load<u8>(at++) & 63)
      }
    }
    // States of the step before wait in `list`: what they lead to at this place is found, with a new attempt from here
    step++
    count = 0
    for (let i: u32 = 0; i < length; i++) follow(program, load<u32>(list + (<usize>i << 2)), next, here == text.at, before, code) // SAFETY: i < length
    follow(program, 0, next, here == text.at, before, code)
    if (matched) return true
    if (code == NONE || !spend(<i64>count + 1)) return false
    length = 0
    for (let i: u32 = 0; i < count; i++) {
      const state = stateAt(program, load<u32>(next + (<usize>i << 2)))
      if (inRanges(<usize>load<u32>(state, 12), code)) {
        store<u32>(list + (<usize>length << 2), load<u32>(state, 4)) // SAFETY: length <= i
        length++
      }
    }
    before = code
  }
}

function stateAt(program: usize, index: u32): usize {
  return program + HEAD_BYTES + <usize>index * STATE_BYTES
}

// Adds the states that read a character to `list`, from `first` on.
function follow(program: usize, first: u32, list: usize, isBegin: bool, before: u32, code: u32): void {
  let depth: usize = 0
  store<u32>(waiting, first)
  depth = 1
  while (depth > 0) {
    depth--
    const index = load<u32>(waiting + (depth << 2))
    if (load<u32>(seen + (<usize>index << 2)) == step) continue // SAFETY: an index of the program
    store<u32>(seen + (<usize>index << 2), step)
    const state = stateAt(program, index)
    const kind = load<u32>(state)
    if (kind == STATE_RANGES) {
      store<u32>(list + (<usize>count << 2), index) // SAFETY: each state once
      count++
      continue
    }
    if (kind == STATE_MATCH) {
      matched = true
      return
    }
    if (kind == STATE_SPLIT) {
      store<u32>(waiting + (depth << 2), load<u32>(state, 8)) // SAFETY: two for each state at most
      depth++
    } else if (kind != STATE_JUMP && !holds(kind, isBegin, before, code)) continue
    store<u32>(waiting + (depth << 2), load<u32>(state, 4))
    depth++
  }
}

function holds(kind: u32, isBegin: bool, before: u32, code: u32): bool {
  if (kind == STATE_BEGIN) return isBegin
  if (kind == STATE_END) return code == NONE
  const boundary = (before != NONE && isWord(before)) != (code != NONE && isWord(code))
  return kind == STATE_BOUNDARY ? boundary : !boundary
}

// They are in order, and none touches another.
function inRanges(ranges: usize, code: u32): bool {
  let low: u32 = 0
  let high = load<u32>(ranges)
  while (low < high) {
    const middle = (low + high) >> 1
    const at = ranges + 4 + (<usize>middle << 3) // SAFETY: middle < high
    if (code < load<u32>(at)) high = middle
    else if (code > load<u32>(at, 4)) low = middle + 1
    else return true
  }
  return false
}
