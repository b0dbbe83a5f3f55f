// A Wasm module as its sections, to change one and leave the others: what no assembler writes can be written so.
import { assemble } from './guest.ts'

export const CUSTOM = 0
export const TYPE = 1
export const FUNCTION = 3
export const GLOBAL = 6
export const EXPORT = 7
export const ELEMENT = 9
export const CODE = 10
export const DATA = 11

/** Unsigned LEB128. */
export function leb(value: number): Buffer {
  const bytes: number[] = []
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0))
    value = Math.floor(value / 128)
  } while (value > 0)
  return Buffer.from(bytes)
}

type Section = { id: number; body: Buffer }

export class ModuleBytes {
  readonly sections: Section[]

  constructor(wasm: Uint8Array) {
    this.sections = []
    for (let at = 8; at < wasm.length; ) {
      const id = wasm[at++] as number
      const [length, next] = readLeb(wasm, at)
      this.sections.push({ id, body: Buffer.from(wasm.subarray(next, next + length)) })
      at = next + length
    }
  }

  static async of(text: string): Promise<ModuleBytes> {
    return new ModuleBytes(await assemble(text))
  }

  /** Appends items to a section that counts them; makes it where there is none. */
  append(id: number, items: Uint8Array[]): this {
    let section = this.sections.find((each) => each.id === id)
    if (section === undefined) {
      section = { id, body: leb(0) }
      const behind = this.sections.findIndex((each) => each.id > id)
      this.sections.splice(behind < 0 ? this.sections.length : behind, 0, section)
    }
    const [count, at] = readLeb(section.body, 0)
    section.body = Buffer.concat([leb(count + items.length), section.body.subarray(at), ...items])
    return this
  }

  count(id: number): number {
    const section = this.sections.find((each) => each.id === id)
    return section === undefined ? 0 : readLeb(section.body, 0)[0]
  }

  /** A custom section at the end. `stated` is the length that it says. */
  custom(length: number, stated = length): Uint8Array {
    return new Uint8Array(Buffer.concat([this.bytes(), Buffer.from([CUSTOM]), leb(stated), Buffer.alloc(length)]))
  }

  bytes(): Uint8Array {
    const parts = this.sections.flatMap(({ id, body }) => [Buffer.from([id]), leb(body.length), body])
    return new Uint8Array(Buffer.concat([Buffer.from('0061736d01000000', 'hex'), ...parts]))
  }
}

function readLeb(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number
    value += (byte & 0x7f) * 2 ** shift
    if ((byte & 0x80) === 0) return [value, at]
  }
}
