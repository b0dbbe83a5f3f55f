/**
 * The enclaves' side of the relay: one unix socket, dialled by nitro for each waiting child. A dial shows the token that nitro
 * announced over the control pipe; then the connection is that slot's for as long as the child lives.
 */

import { timingSafeEqual } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { DIAL_TOKEN_BYTES, type ToNitro } from '../wire/control.ts'
import type { Counts } from './counts.ts'
import type { KmsRelay } from './kms-relay.ts'
import { Slot } from './slot.ts'
import type { StoreEngine } from './store/engine.ts'

/** A dial says who it is within this time. */
const INTRODUCTION_MS = 2000
/** What a backend lacks is told once in this time, however many enclaves find it out. */
const TROUBLE_MS = 10_000

/** What all slots share. */
export type SlotsOptions = { stepDeadlineMs: number; engine: StoreEngine; kms: KmsRelay; counts: Counts }

export class Slots {
  readonly #tell: (message: ToNitro) => void
  readonly #counts: Counts
  readonly #expected = new Map<number, Uint8Array>()
  readonly #slots = new Map<number, Slot>()
  readonly #names = new Map<string, Slot>()
  #serves: SlotsOptions | undefined
  #troubleMs = Number.NEGATIVE_INFINITY

  constructor(tell: (message: ToNitro) => void, counts: Counts) {
    this.#tell = tell
    this.#counts = counts
  }

  async listen(path: string, serves: SlotsOptions): Promise<void> {
    this.#serves = serves
    rmSync(path, { force: true })
    const server = createServer((socket) => this.#introduce(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(path, resolve)
    })
    chmodSync(path, 0o600)
  }

  expect(slot: number, token: Uint8Array): void {
    this.#expected.set(slot, token)
  }

  /** From now on the enclave in this slot is reached under `name`. */
  assign(number: number, name: string): void {
    const slot = this.#slots.get(number)
    if (slot === undefined) return
    if (slot.name === undefined) this.#counts.enclavesServed++
    slot.name = name
    this.#names.set(name, slot)
  }

  /** Who asks for the name from now on finds nobody. */
  drain(number: number): void {
    const slot = this.#slots.get(number)
    if (slot?.name !== undefined && this.#names.get(slot.name) === slot) this.#names.delete(slot.name)
  }

  /** The store that the enclave in this slot may touch. Whoever had it before is dead, and what it still had on the way is dropped. */
  assignStore(number: number, storeId: Uint8Array): void {
    const slot = this.#slots.get(number)
    if (slot === undefined) return
    for (const other of this.#slots.values())
      if (other !== slot && other.store.storeId !== undefined && Buffer.from(storeId).equals(other.store.storeId))
        other.end()
    slot.store.assign(storeId)
  }

  byName(name: string): Slot | undefined {
    return this.#names.get(name)
  }

  nudge(number: number): void {
    this.#slots.get(number)?.nudge()
  }

  remove(number: number): void {
    this.#expected.delete(number)
    this.#slots.get(number)?.end()
  }

  #introduce(socket: Socket): void {
    let seen = Buffer.alloc(0)
    const timer = setTimeout(() => socket.destroy(), INTRODUCTION_MS)
    const onData = (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk])
      if (seen.length < DIAL_TOKEN_BYTES) return
      clearTimeout(timer)
      socket.off('data', onData)
      const number = this.#claim(seen.subarray(0, DIAL_TOKEN_BYTES))
      // The child does not exist before the introduction is acknowledged: more bytes are not from nitro.
      if (number === undefined || seen.length > DIAL_TOKEN_BYTES) return void socket.destroy()
      this.#open(number, socket)
    }
    socket.on('data', onData)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => clearTimeout(timer))
  }

  #claim(token: Uint8Array): number | undefined {
    for (const [slot, expected] of this.#expected) {
      if (timingSafeEqual(expected, token)) {
        this.#expected.delete(slot)
        return slot
      }
    }
    return undefined
  }

  #open(number: number, socket: Socket): void {
    const slot = new Slot(socket, {
      ...(this.#serves as SlotsOptions),
      onTrouble: (error) => this.#trouble(error),
      onLate: (waitedMs) => this.#tell({ type: 'late', slot: number, waitedMs }),
      onEnd: () => {
        this.#slots.delete(number)
        if (slot.name !== undefined) this.#counts.enclavesEnded++
        if (slot.name !== undefined && this.#names.get(slot.name) === slot) this.#names.delete(slot.name)
        this.#tell({ type: 'lost', slot: number })
      },
    })
    this.#slots.set(number, slot)
    this.#tell({ type: 'introduced', slot: number })
  }

  #trouble(error: unknown): void {
    const now = performance.now()
    if (now - this.#troubleMs < TROUBLE_MS) return
    this.#troubleMs = now
    this.#tell({ type: 'trouble', reason: error instanceof Error ? error.message : String(error) })
  }
}
