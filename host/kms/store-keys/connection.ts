/** One connection of a parent: frames in, frames out (assembly/abi/wire.ts, STORE.md). The parent is a stranger: what breaks the framing is closed. */
import type { Duplex } from 'node:stream'
import {
  STORE_FRAME_ANSWER,
  STORE_FRAME_REQUEST,
  STORE_FRAME_WAITING,
  STORE_MESSAGE_MAX,
} from '../../../assembly/abi/store.ts'
import { encodeFrame, FrameReader } from '../../wire/frame.ts'

/** Answers that a peer leaves unread; more, and it is gone. */
const MAX_UNREAD_BYTES = 8 * STORE_MESSAGE_MAX

/** @param handle `StoreKeys.handle`; a fault of its closes the connection and is told to `onFault` */
export function serveStoreKeys(
  stream: Duplex,
  handle: (message: Uint8Array) => Promise<Uint8Array>,
  onFault: (error: unknown) => void,
): void {
  const reader = new FrameReader(STORE_MESSAGE_MAX)
  let waiting = 0
  const answer = async (ticket: number, message: Uint8Array) => {
    try {
      const bytes = await handle(message)
      if (stream.destroyed) return
      stream.write(encodeFrame(STORE_FRAME_ANSWER, ticket, bytes))
      if (stream.writableLength > MAX_UNREAD_BYTES) stream.destroy()
    } catch (error) {
      stream.destroy()
      onFault(error)
    } finally {
      waiting--
    }
  }
  stream.on('data', (chunk: Uint8Array) => {
    try {
      for (const { type, id, payload } of reader.push(chunk)) {
        if (stream.destroyed) return
        if (type !== STORE_FRAME_REQUEST || waiting >= STORE_FRAME_WAITING) return void stream.destroy()
        waiting++
        // A payload may be a view of a chunk that is used again.
        void answer(id, payload.slice())
      }
    } catch {
      stream.destroy()
    }
  })
  // A peer that has gone is no fault.
  stream.on('error', () => stream.destroy())
  stream.on('end', () => stream.end())
}
