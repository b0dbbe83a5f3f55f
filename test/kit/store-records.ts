// The store's records once more, written from assembly/abi/STORE-RECORDS.md on node:crypto alone: it shares no code with the kernel, so that
// what it agrees with is the page. It opens what the kernel sealed, and makes what a hostile parent with the key would.
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync } from 'node:crypto'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { concat, u16, u32 } from './channel-peer.ts'

type Bytes = Uint8Array
export const HEADER_BYTES = 49
export const NO_HASH = Buffer.alloc(32)
export const AREA_KERNEL = 0
export const AREA_WORKLOAD = 1

export type PlainRecord = { area: number; key: Buffer; value: Buffer; version: bigint }
export type OpenedRecord = PlainRecord & {
  epoch: Buffer
  counter: bigint
  generation: bigint
  element: bigint
  plainBytes: number
}
export type PlainHead = {
  generation: number
  previous: Buffer
  count: number
  setHash: Buffer
  version: number
  securityVersion: number
  grantVersion: number
  marks: {
    generation: number
    offered: number
    offeredHash: Buffer
    register: number
    registerHash: Buffer
    lineage: number
  }[]
}

export const u64 = (value: bigint | number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}
export const sha256 = (bytes: Bytes): Buffer => createHash('sha256').update(bytes).digest()
export const hmac256 = (key: Bytes, ...parts: (Bytes | string)[]): Buffer =>
  createHmac('sha256', key)
    .update(concat(...parts))
    .digest()

/** Padmé, from its paper: L up to a multiple of 2^(E - S). */
export function padded(length: number): number {
  if (length <= 1024) return Math.ceil(length / 64) * 64
  const e = Math.floor(Math.log2(length))
  const s = Math.floor(Math.log2(e)) + 1
  const step = 2 ** (e - s)
  return Math.ceil(length / step) * step
}

export class StoreRecords {
  readonly storeId: Buffer
  readonly #dek: Buffer

  constructor(dek: Bytes, storeId: Bytes) {
    this.#dek = Buffer.from(dek)
    this.storeId = Buffer.from(storeId)
  }

  derive(info: Bytes | string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.#dek, this.storeId, concat(info), 32))
  }

  get commitment(): Buffer {
    return this.derive('commitment\0')
  }

  place(area: number, key: Bytes | string): Buffer {
    return hmac256(this.derive('place\0'), Buffer.from([area]), key)
  }

  element(place: Bytes, record: Bytes): bigint {
    const tag = record.subarray(record.length - 16)
    return BigInt(
      `0x${hmac256(this.derive('set\0'), place, record.subarray(1, 33), record.subarray(33, 41), tag).toString('hex')}`,
    )
  }

  openRecord(place: Bytes, record: Bytes): OpenedRecord {
    const header = record.subarray(0, HEADER_BYTES)
    const plain = this.#open(record, concat(this.storeId, place, header))
    const keyLength = plain.readUInt16BE(1)
    const valueLength = plain.readUInt32BE(3)
    if (!plain.subarray(15 + keyLength + valueLength).every((byte) => byte === 0)) throw new RangeError('no padding')
    return {
      area: plain[0] as number,
      key: plain.subarray(15, 15 + keyLength),
      value: plain.subarray(15 + keyLength, 15 + keyLength + valueLength),
      version: plain.readBigUInt64BE(7),
      epoch: Buffer.from(record.subarray(1, 33)),
      counter: Buffer.from(record).readBigUInt64BE(33),
      generation: Buffer.from(record).readBigUInt64BE(41),
      element: this.element(place, record),
      plainBytes: plain.length,
    }
  }

  sealRecord(
    record: PlainRecord,
    epoch: Bytes,
    counter: bigint,
    generation: bigint,
  ): { place: Buffer; record: Buffer } {
    const place = this.place(record.area, record.key)
    const used = concat(
      Buffer.from([record.area]),
      u16(record.key.length),
      u32(record.value.length),
      u64(record.version),
      record.key,
      record.value,
    )
    const plain = concat(used, Buffer.alloc(padded(used.length) - used.length))
    const header = concat(Buffer.from([1]), epoch, u64(counter), u64(generation))
    return { place, record: concat(header, this.#seal(header, plain, concat(this.storeId, place, header))) }
  }

  openHead(sealed: Bytes): PlainHead {
    const plain = this.#open(sealed, concat(this.storeId, sealed.subarray(41, 49)))
    const n = plain.readUInt16BE(0)
    if (plain.length !== padded(2 + n)) throw new RangeError('a head of another size')
    const [generation, previous, count, setHash, version, securityVersion, grantVersion, marks] = decodeCbor(
      plain.subarray(2, 2 + n),
    ) as [number, Bytes, number, Bytes, number, number, number, [number, number, Bytes, number, Bytes, number][]]
    return {
      generation,
      previous: Buffer.from(previous),
      count,
      setHash: Buffer.from(setHash),
      version,
      securityVersion,
      grantVersion,
      marks: marks.map(([at, offered, offeredHash, register, registerHash, lineage]) => ({
        generation: at,
        offered,
        offeredHash: Buffer.from(offeredHash),
        register,
        registerHash: Buffer.from(registerHash),
        lineage,
      })),
    }
  }

  sealHead(head: PlainHead, epoch: Bytes, counter: bigint): Buffer {
    const cbor = encodeCbor([
      head.generation,
      head.previous,
      head.count,
      head.setHash,
      head.version,
      head.securityVersion,
      head.grantVersion,
      head.marks.map((m) => [m.generation, m.offered, m.offeredHash, m.register, m.registerHash, m.lineage]),
    ])
    const plain = concat(u16(cbor.length), cbor, Buffer.alloc(padded(2 + cbor.length) - 2 - cbor.length))
    const header = concat(Buffer.from([1]), epoch, u64(counter), u64(head.generation))
    return concat(header, this.#seal(header, plain, concat(this.storeId, u64(head.generation))))
  }

  token(generation: number, hash: Bytes, lineage = 0): Buffer {
    const body = concat(this.storeId, u64(generation), hash)
    return concat(body, hmac256(this.derive('token\0'), body, u64(lineage)))
  }

  /** The sum over all records, as the head has it. */
  setHash(records: Map<string, Bytes>): Buffer {
    let sum = 0n
    for (const [place, record] of records) sum += this.element(Buffer.from(place, 'hex'), record)
    return Buffer.from((sum % 2n ** 256n).toString(16).padStart(64, '0'), 'hex')
  }

  #key(header: Bytes): Buffer {
    return this.derive(concat('epoch\0', header.subarray(1, 33)))
  }

  #open(sealed: Bytes, aad: Bytes): Buffer {
    if (sealed[0] !== 1) throw new RangeError(`format ${sealed[0]}`)
    const nonce = concat(Buffer.alloc(4), sealed.subarray(33, 41))
    const decipher = createDecipheriv('aes-256-gcm', this.#key(sealed), nonce)
    decipher.setAAD(aad)
    decipher.setAuthTag(sealed.subarray(sealed.length - 16))
    return concat(decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - 16)), decipher.final())
  }

  #seal(header: Bytes, plain: Bytes, aad: Bytes): Buffer {
    const cipher = createCipheriv('aes-256-gcm', this.#key(header), concat(Buffer.alloc(4), header.subarray(33, 41)))
    cipher.setAAD(aad)
    return concat(cipher.update(plain), cipher.final(), cipher.getAuthTag())
  }
}
