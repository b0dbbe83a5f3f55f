/**
 * One enclave's connection: multiplexes sessions over fd 3 of its process, measures how long it takes to answer,
 * and slows the sessions' peers down while it does not read. What is about the store goes to `store`.
 */
import type { Socket } from 'node:net'
import { MAX_RELAY_PAYLOAD, MAX_SESSIONS } from '../../assembly/abi/limits.ts'
import {
  CLOSE_GONE,
  CLOSE_LIMIT,
  RELAY_ACK,
  RELAY_CLOSE,
  RELAY_CLOSED,
  RELAY_MESSAGE,
  RELAY_NUDGE,
  RELAY_OPENED,
} from '../../assembly/abi/wire.ts'
import { type Frame, FrameReader } from '../wire/frame.ts'
import { FrameBatch } from './frame-batch.ts'
import { type StoreFrameOptions, StoreFrames } from './store-frames.ts'

const EMPTY = new Uint8Array(0)
/** A slot that stays silent is reported again at this pace, should nitro have found it merely starved of CPU. */
const LATE_AGAIN_MS = 20

/** What a session's WebSocket offers to the relay. */
export type Peer = {
  send(message: Uint8Array): void
  close(reason: number): void
  pause(): void
  resume(): void
}

type SlotOptions = Pick<StoreFrameOptions, 'engine' | 'kms' | 'counts' | 'onTrouble'> & {
  stepDeadlineMs: number
  onLate(waitedMs: number): void
  onEnd(): void
}

export class Slot {
  name: string | undefined
  readonly store: StoreFrames
  readonly #socket: Socket
  readonly #options: SlotOptions
  readonly #reader = new FrameReader(MAX_RELAY_PAYLOAD)
  readonly #batch: FrameBatch
  readonly #peers = new Map<number, Peer>()
  readonly #roomWanted: (() => void)[] = []
  #nextSession = 1
  #unanswered = 0
  #waitingSince = 0
  #lateTimer: NodeJS.Timeout | undefined
  #full = false
  #ended = false

  constructor(socket: Socket, options: SlotOptions) {
    this.#socket = socket
    this.#options = options
    this.#batch = new FrameBatch((bytes) => {
      if (!this.#ended && !socket.write(bytes)) this.#filled()
    })
    const { engine, kms, counts, onTrouble } = options
    // What an enclave waits for does not count for its deadline: that runs from a frame to its acknowledgement.
    this.store = new StoreFrames({
      engine,
      kms,
      counts,
      onTrouble,
      send: (type, ticket, payload) => this.#write(type, ticket, payload),
      room: () => this.#room(),
    })
    socket.on('data', (chunk) => this.#receive(chunk as Buffer))
    socket.on('drain', () => this.#drained())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.end())
  }

  /** Opens a session; undefined when the enclave has as many as it may. */
  open(peer: Peer): number | undefined {
    if (this.#ended || this.#peers.size >= MAX_SESSIONS) return undefined
    const session = this.#nextSession++
    this.#peers.set(session, peer)
    this.#options.counts.sessionsOpened++
    this.#write(RELAY_OPENED, session, EMPTY)
    if (this.#full) peer.pause()
    return session
  }

  message(session: number, message: Uint8Array): void {
    if (!this.#peers.has(session)) return
    count(this.#options.counts.relayed.to_enclave, message)
    this.#write(RELAY_MESSAGE, session, message)
  }

  closed(session: number): void {
    if (!this.#peers.delete(session)) return
    this.#options.counts.sessionsClosed++
    this.#write(RELAY_CLOSED, session, EMPTY)
  }

  nudge(): void {
    this.#write(RELAY_NUDGE, 0, EMPTY)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    clearTimeout(this.#lateTimer)
    this.store.end()
    this.#socket.destroy()
    for (const peer of this.#peers.values()) peer.close(CLOSE_GONE)
    // A peer that is paused would not see its own close answered, and linger until somebody's time is up.
    this.#drained()
    this.#options.counts.sessionsClosed += this.#peers.size
    this.#peers.clear()
    this.#options.onEnd()
  }

  #write(type: number, session: number, payload: Uint8Array): void {
    if (this.#ended) return
    this.#batch.add(type, session, payload)
    if (this.#unanswered++ === 0) this.#startWaiting()
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#frame(frame)
    } catch {
      this.end()
    }
  }

  #frame(frame: Frame): void {
    switch (frame.type) {
      case RELAY_MESSAGE: {
        const peer = this.#peers.get(frame.id)
        if (peer === undefined) return
        count(this.#options.counts.relayed.to_peer, frame.payload)
        return peer.send(frame.payload)
      }
      case RELAY_CLOSE: {
        const peer = this.#peers.get(frame.id)
        if (peer === undefined) return
        this.#peers.delete(frame.id)
        this.#options.counts.sessionsClosed++
        return peer.close(frame.payload[0] ?? CLOSE_LIMIT)
      }
      case RELAY_ACK:
        return this.#acknowledged(frame.payload)
      default:
        return this.store.receive(frame)
    }
  }

  #acknowledged(payload: Uint8Array): void {
    const handled = payload.length === 4 ? new DataView(payload.buffer, payload.byteOffset).getUint32(0) : 0
    this.#unanswered = Math.max(0, this.#unanswered - handled)
    this.#waitingSince = performance.now()
  }

  // One step has the deadline; each acknowledgement ends a step, so the clock starts again with it. One timer outlives many steps:
  // arming one a step would cost more than the relay itself.
  #startWaiting(): void {
    this.#waitingSince = performance.now()
    this.#lateTimer ??= setTimeout(this.#look, this.#options.stepDeadlineMs)
  }

  readonly #look = (): void => {
    this.#lateTimer = undefined
    if (this.#ended || this.#unanswered === 0) return
    const waitedMs = performance.now() - this.#waitingSince
    const late = waitedMs >= this.#options.stepDeadlineMs
    if (late) this.#options.onLate(Math.round(waitedMs))
    this.#lateTimer = setTimeout(this.#look, late ? LATE_AGAIN_MS : this.#options.stepDeadlineMs - waitedMs)
  }

  #filled(): void {
    if (this.#full) return
    this.#full = true
    for (const peer of this.#peers.values()) peer.pause()
  }

  #room(): Promise<void> {
    return this.#full ? new Promise((resolve) => this.#roomWanted.push(resolve)) : Promise.resolve()
  }

  #drained(): void {
    this.#full = false
    for (const resolve of this.#roomWanted.splice(0)) resolve()
    for (const peer of this.#peers.values()) peer.resume()
  }
}

function count(relayed: { frames: number; bytes: number }, { length }: Uint8Array): void {
  relayed.frames++
  relayed.bytes += length
}
