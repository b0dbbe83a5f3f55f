/** What all cases share: one set of keys, one time, one policy to judge them by. */
import { randomBytes } from 'node:crypto'
import type { ErrorCode } from '../../errors.ts'
import { type Chain, ChainMaker, type Change, type Level } from './chain.ts'
import { type DocumentChange, type Facts, makeDocument } from './document.ts'

/** A document and what a verifier must make of it. `verdict` is this project's code; other verifiers have other words for it. */
export type Case = {
  /** File name without its ending. */
  name: string
  /** The one thing that is wrong, or, of an accepted one, what is unusual. */
  fault: string
  verdict: ErrorCode | 'accepted'
  /** The accepted document that differs in this one thing. */
  twin: string
  make: (maker: Maker) => Uint8Array
}

export const GOOD = 'good'
export const MAX_AGE_SECONDS = 300

export class Maker {
  readonly chains: ChainMaker
  readonly atMs: number
  readonly facts: Facts
  readonly #good: Chain

  constructor(nowMs: number) {
    // UTCTime has whole seconds, and limits are tried to the second.
    this.atMs = Math.floor(nowMs / 1000) * 1000
    this.chains = new ChainMaker(this.atMs)
    const pcr = (index: number): [number, Uint8Array] => [
      index,
      index < 3 || index === 4 ? randomBytes(48) : new Uint8Array(48),
    ]
    this.facts = {
      timestampMs: this.atMs - 1000,
      pcrs: Array.from({ length: 16 }, (_, index) => pcr(index)).map(([index, value]) => [
        index,
        new Uint8Array(value),
      ]),
      nonce: new Uint8Array(randomBytes(32)),
      userData: new Uint8Array(0),
      publicKey: new Uint8Array(randomBytes(294)),
    }
    this.#good = this.chains.make()
  }

  /** The good chain, and a document with one change. */
  document(change: DocumentChange = {}): Uint8Array {
    return makeDocument(this.#good, this.facts, change)
  }

  /** A chain with one change, and a good document by its leaf. */
  withChain(changes: Partial<Record<Level, Change>>, change: DocumentChange = {}): Uint8Array {
    return makeDocument(this.chains.make(changes), this.facts, change)
  }

  /** The good certificates in another order or number. */
  withBundle(change: (bundle: Uint8Array[]) => Uint8Array[]): Uint8Array {
    return makeDocument({ ...this.#good, cabundle: change(this.#good.cabundle) }, this.facts)
  }

  pcrs(change: (pcrs: Map<number, Uint8Array>) => void): Map<number, Uint8Array> {
    const map = new Map(this.facts.pcrs)
    change(map)
    return map
  }
}
