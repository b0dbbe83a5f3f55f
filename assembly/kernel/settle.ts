// What becomes of a call's answers once its fate is known: what was written is durable, or is not written, or nobody can say.
import { RESET_FAILED } from '../abi/channel'
import { requests, tellGone } from './dispatch'
import { resetStream } from './frames'
import {
  HELD_ANYWAY, HELD_END, HELD_HEAD, Held, heldBody, heldBodyLength, heldFlags, heldHead, heldHeadLength, heldRequest, heldToken
} from './held'
import { answerError } from './kernel-paths'
import { Transaction } from './space/transaction'
import { writeToken } from './store/token'
import { endStream } from './stream'

/** It is written: its answers go out, each with the token of the head as it stands now. */
export function release(transaction: Transaction): void {
  const held = transaction.held
  if (!held) return
  for (let at = first(held); at != 0; at = held.take()) deliver(at)
  drop(transaction, held)
}

/** It is not acknowledged: who waits for it is told, and nobody hears of what it would have done. */
export function refuse(transaction: Transaction, code: string, message: string): void {
  const held = transaction.held
  if (held) {
    for (let at = first(held); at != 0; at = held.take()) {
      const flags = heldFlags(at)
      if ((flags & HELD_ANYWAY) != 0) {
        deliver(at)
        continue
      }
      const request = heldRequest(at)
      if (!requests.has(request)) continue
      const stream = requests.get(request)
      stream.unhold(heldBodyLength(at))
      if ((flags & HELD_HEAD) != 0) {
        if ((flags & HELD_END) == 0) tellGone(stream)
        answerError(stream, 503, code, message)
      } else if ((flags & HELD_END) != 0) resetStream(stream, RESET_FAILED)
    }
    drop(transaction, held)
  }
  // The workload had not answered yet: it hears that this request is over
  if (transaction.request == 0 || !requests.has(transaction.request)) return
  const stream = requests.get(transaction.request)
  if (stream.headClaimed) return
  tellGone(stream)
  answerError(stream, 503, code, message)
}

/** The call is taken back: as if it had never answered. */
export function takeBack(transaction: Transaction): void {
  const held = transaction.held
  if (!held) return
  for (let at = first(held); at != 0; at = held.take()) {
    const request = heldRequest(at)
    if (!requests.has(request)) continue
    const stream = requests.get(request)
    stream.unhold(heldBodyLength(at))
    if ((heldFlags(at) & HELD_HEAD) != 0) stream.headClaimed = false
    if ((heldFlags(at) & HELD_END) != 0) stream.endClaimed = false
  }
  drop(transaction, held)
}

function first(held: Held): usize {
  held.rewind()
  return held.take()
}

function drop(transaction: Transaction, held: Held): void {
  held.free()
  transaction.held = null
}

function deliver(at: usize): void {
  const request = heldRequest(at)
  // Its client may have gone meanwhile
  if (!requests.has(request)) return
  const stream = requests.get(request)
  const length = heldBodyLength(at)
  const flags = heldFlags(at)
  stream.unhold(length)
  const end = (flags & HELD_END) != 0
  if ((flags & HELD_HEAD) != 0) {
    const token = heldToken(at)
    if (token != 0) writeToken(token)
    stream.sendHead(heldHead(at), heldHeadLength(at), heldBody(at), length, end)
  } else stream.sendBody(heldBody(at), length, end)
  if (stream.ended) endStream(stream)
}
