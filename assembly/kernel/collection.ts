// The runtime collects when it is told to. Each frame makes a handful of small managed objects (a reader, a stream); what they hold is
// unmanaged and given back by hand.

/** Frames between collections: a collection walks all that lives, at most a few milliseconds. */
const COLLECT_EVERY: u32 = 4096

let frames: u32 = 0

/** A frame was handled, with what it made. */
// @ts-ignore: decorator
@inline
export function countObjects(): void {
  frames++
}

/** No function of this instance may be on the stack: what only it refers to would be taken. */
export function collectWhenDue(): void {
  if (frames < COLLECT_EVERY) return
  frames = 0
  __collect()
}
