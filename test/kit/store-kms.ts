// A played KMS for store keys and registers, from assembly/abi/STORE.md on node:crypto. It judges no evidence: what it is for is the exchange,
// and a memory that can be put back. Randomness is an argument.
import {
  REFUSED_DESTROYED,
  REFUSED_EXISTS,
  REFUSED_FENCED,
  REFUSED_REPLAY,
  REFUSED_SYNTAX,
  REFUSED_UNKNOWN,
  REFUSED_WRAPPING,
  REGISTER_ADVANCE,
  REGISTER_CONFLICT,
  REGISTER_DONE,
  REGISTER_READ,
  REGISTER_REWRAP,
  STORE_CREATE,
  STORE_REFUSED,
  STORE_REGISTER,
  STORE_REGISTERED,
  STORE_RELEASE,
  STORE_RELEASED,
  STORE_TAKE,
} from '../../assembly/abi/store.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { concat, PeerHpke, PeerIdentity, sha384, u16, u32 } from './channel-peer.ts'
import { hmac256, NO_HASH, u64 } from './store-records.ts'

type Bytes = Uint8Array
const lp = (bytes: Bytes): Buffer => concat(u32(bytes.length), bytes)

export type RegisterState = {
  dek: Buffer
  wrapped: Buffer
  generation: bigint
  hash: Buffer
  holder: Buffer
  registerKey: Buffer
  counter: bigint
  rewrapDue: boolean
}

export class StoreKms {
  readonly identity: PeerIdentity
  readonly #storeId: Buffer
  readonly #random: (length: number) => Buffer
  state: RegisterState | undefined
  /** What it was asked, by kind. */
  readonly asked: Record<string, number> = {}
  /** An answer of its own instead of the honest one. */
  lie: ((message: Bytes, honest: Buffer) => Buffer) | undefined

  constructor(seed: Bytes, storeId: Bytes, random: (length: number) => Buffer) {
    this.identity = new PeerIdentity(seed)
    this.#storeId = Buffer.from(storeId)
    this.#random = random
  }

  receive(message: Bytes): Buffer {
    const type = message[0]
    const honest =
      type === STORE_RELEASE
        ? this.#release(message)
        : type === STORE_REGISTER
          ? this.#register(message)
          : refused(REFUSED_SYNTAX)
    return this.lie?.(message, honest) ?? honest
  }

  /** A copy of all it remembers, to be put back later. */
  snapshot(): RegisterState | undefined {
    return this.state === undefined ? undefined : { ...this.state }
  }

  #count(what: string): void {
    this.asked[what] = (this.asked[what] ?? 0) + 1
  }

  #release(message: Bytes): Buffer {
    this.#count('release')
    const [b, document] = decodeCbor(message.subarray(1)) as [Bytes, Bytes]
    const [mode, , , , wrapped, publicKey] = decodeCbor(b) as [number, Bytes, Bytes, Bytes, Bytes | null, Bytes]
    const known = this.state
    if (mode === STORE_CREATE && known !== undefined && known.generation > 0n) return refused(REFUSED_EXISTS)
    if (mode === STORE_TAKE && known === undefined) return refused(REFUSED_UNKNOWN)
    if (wrapped !== null && known !== undefined && !known.wrapped.equals(wrapped))
      return refused(wrapped.length === known.wrapped.length ? REFUSED_DESTROYED : REFUSED_WRAPPING)
    const r = sha384(lp(b), lp(document))
    const hpke = new PeerHpke(publicKey, this.#random(32), concat('wasmclave/release\0', r))
    const state: RegisterState = {
      dek: known?.dek ?? this.#random(32),
      wrapped: known?.wrapped ?? this.#random(65),
      generation: known?.generation ?? 0n,
      hash: known?.hash ?? NO_HASH,
      rewrapDue: known?.rewrapDue ?? false,
      holder: r.subarray(0, 16),
      registerKey: hpke.export(concat('wasmclave/register\0', r), 32),
      counter: 0n,
    }
    this.state = state
    const plain: Cbor = [
      state.dek,
      state.wrapped,
      [Number(state.generation), state.hash, 1, 1],
      state.rewrapDue ? 1 : 0,
      this.#random(32),
    ]
    const ct = hpke.seal(Buffer.alloc(0), encodeCbor(plain))
    const signature = this.identity.sign(concat('wasmclave/release\0', sha384(r, lp(hpke.enc), lp(ct))))
    return concat(Buffer.from([STORE_RELEASED]), encodeCbor([hpke.enc, ct, signature]))
  }

  #register(message: Bytes): Buffer {
    const m = Buffer.from(message)
    const state = this.state
    const holder = m.subarray(33, 49)
    const counter = m.readBigUInt64BE(49)
    const operation = m[57]
    const mac = m.subarray(m.length - 32)
    if (!m.subarray(1, 33).equals(this.#storeId)) return refused(REFUSED_SYNTAX)
    if (state === undefined || !state.holder.equals(holder)) return refused(REFUSED_FENCED)
    if (!hmac256(state.registerKey, 'wasmclave/register-request\0', m.subarray(0, -32)).equals(mac))
      return refused(REFUSED_FENCED)
    if (counter <= state.counter) return refused(REFUSED_REPLAY)
    state.counter = counter
    let status = REGISTER_DONE
    let wrapping: Buffer = Buffer.alloc(0)
    if (operation === REGISTER_READ) this.#count('read')
    else if (operation === REGISTER_REWRAP) {
      this.#count('rewrap')
      state.wrapped = this.#random(65)
      state.rewrapDue = false
      wrapping = state.wrapped
    } else if (operation === REGISTER_ADVANCE) {
      this.#count('advance')
      const expected = m.readBigUInt64BE(58)
      const next = m.readBigUInt64BE(98)
      const fits = expected === state.generation && m.subarray(66, 98).equals(state.hash) && next === expected + 1n
      if (fits) {
        state.generation = next
        state.hash = Buffer.from(m.subarray(106, 138))
      } else status = REGISTER_CONFLICT
    } else return refused(REFUSED_SYNTAX)
    const body = concat(
      Buffer.from([STORE_REGISTERED]),
      m.subarray(1, 57),
      Buffer.from([status]),
      u64(state.generation),
      state.hash,
      Buffer.from([state.rewrapDue ? 1 : 0]),
      wrapping,
    )
    return concat(body, hmac256(state.registerKey, 'wasmclave/register-answer\0', body))
  }
}

export function refused(code: number): Buffer {
  return concat(Buffer.from([STORE_REFUSED]), u16(code), 'refused')
}
