/**
 * The EIF v4 container (aws-nitro-enclaves-image-format): header, sections, CRC. All integers big-endian.
 * Having an Eif means that its structure is exactly what AWS's builder writes; its content is still the author's word.
 */
import { crc32 } from 'node:zlib'
import { RefusedError, UsageError } from '../../errors.ts'

export const SECTION_KERNEL = 1
export const SECTION_CMDLINE = 2
export const SECTION_RAMDISK = 3
export const SECTION_SIGNATURE = 4
export const SECTION_METADATA = 5

const MAGIC = 0x2e656966 // ".eif"
const VERSION = 4
const HEADER_BYTES = 548
const SECTION_HEADER_BYTES = 12
const MAX_SECTIONS = 32
const OFFSETS_AT = 28
const SIZES_AT = 284
const CRC_AT = 544
/** What AWS's builder writes: 1 GiB and 2 CPUs. */
const DEFAULT_MEMORY = 1073741824n
const DEFAULT_CPUS = 2n
/** A launch is one message: larger images are refused by their size. */
export const MAX_EIF_BYTES = 64 * 1024 * 1024

export type Section = { type: number; payload: Uint8Array }

export type Eif = {
  version: number
  sections: Section[]
  kernel: Uint8Array
  cmdline: Uint8Array
  metadata: Uint8Array
  ramdisks: Uint8Array[]
  signature: Uint8Array | null
}

/** The image's bytes, in the order of AWS's builder: kernel, cmdline, metadata, ramdisks, signature. */
export function writeEif(parts: Pick<Eif, 'kernel' | 'cmdline' | 'metadata' | 'ramdisks' | 'signature'>): Uint8Array {
  const sections: Section[] = [
    { type: SECTION_KERNEL, payload: parts.kernel },
    { type: SECTION_CMDLINE, payload: parts.cmdline },
    { type: SECTION_METADATA, payload: parts.metadata },
    ...parts.ramdisks.map((payload) => ({ type: SECTION_RAMDISK, payload })),
    ...(parts.signature === null ? [] : [{ type: SECTION_SIGNATURE, payload: parts.signature }]),
  ]
  if (sections.length > MAX_SECTIONS)
    throw new UsageError('ERR_IMAGE_SECTIONS', `${sections.length} sections, an image has at most ${MAX_SECTIONS}`)
  const length = sections.reduce((sum, section) => sum + SECTION_HEADER_BYTES + section.payload.length, HEADER_BYTES)
  if (length > MAX_EIF_BYTES)
    throw new UsageError('ERR_IMAGE_SIZE', `${length} bytes, an image has at most ${MAX_EIF_BYTES}`)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC)
  view.setUint16(4, VERSION)
  view.setBigUint64(8, DEFAULT_MEMORY)
  view.setBigUint64(16, DEFAULT_CPUS)
  view.setUint16(26, sections.length)
  let at = HEADER_BYTES
  sections.forEach((section, index) => {
    view.setBigUint64(OFFSETS_AT + 8 * index, BigInt(at))
    view.setBigUint64(SIZES_AT + 8 * index, BigInt(section.payload.length))
    view.setUint16(at, section.type)
    view.setBigUint64(at + 4, BigInt(section.payload.length))
    bytes.set(section.payload, at + SECTION_HEADER_BYTES)
    at += SECTION_HEADER_BYTES + section.payload.length
  })
  view.setUint32(CRC_AT, eifCrc(bytes))
  return bytes
}

/** CRC-32 over everything but its own four bytes. */
export function eifCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(HEADER_BYTES), crc32(bytes.subarray(0, CRC_AT)))
}

export function storedCrc(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(CRC_AT)
}

/**
 * Reads an image. Payloads are views of `bytes`; nothing is allocated by a size that the image states.
 * @throws RefusedError ERR_IMAGE_SIZE, ERR_IMAGE_FORMAT (what is wrong, with the two values that differ)
 */
export function parseEif(bytes: Uint8Array): Eif {
  if (bytes.length > MAX_EIF_BYTES)
    throw new RefusedError('ERR_IMAGE_SIZE', `${bytes.length} bytes, an image has at most ${MAX_EIF_BYTES}`)
  if (bytes.length < HEADER_BYTES)
    throw format(`${bytes.length} bytes are no EIF: the header alone has ${HEADER_BYTES}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  expect(view.getUint32(0), MAGIC, 'magic')
  expect(view.getUint16(4), VERSION, 'version')
  expect(view.getUint16(6), 0, 'flags')
  expect(view.getUint16(24), 0, 'reserved field')
  expect(view.getUint32(540), 0, 'unused field')
  const count = view.getUint16(26)
  if (count < 1 || count > MAX_SECTIONS) throw format(`${count} sections, from 1 to ${MAX_SECTIONS} are possible`)
  const sections = readSections(bytes, view, count)
  const eif = sortSections(sections)
  if (storedCrc(bytes) !== eifCrc(bytes))
    throw new RefusedError(
      'ERR_IMAGE_CRC',
      `CRC ${hex32(storedCrc(bytes))} in the header, ${hex32(eifCrc(bytes))} over the bytes`,
    )
  return eif
}

// The file is walked from section to section, as AWS's reader does; the table must say the same, as QEMU demands.
function readSections(bytes: Uint8Array, view: DataView, count: number): Section[] {
  const sections: Section[] = []
  let at = HEADER_BYTES
  for (let index = 0; index < MAX_SECTIONS; index++) {
    const offset = view.getBigUint64(OFFSETS_AT + 8 * index)
    const size = view.getBigUint64(SIZES_AT + 8 * index)
    if (index >= count) {
      if (offset !== 0n || size !== 0n)
        throw format(`entry ${index} of the table is used, the header counts ${count} sections`)
      continue
    }
    if (offset !== BigInt(at))
      throw format(`section ${index} is at ${offset} by the table, the one before it ends at ${at}`)
    if (bytes.length - at < SECTION_HEADER_BYTES) throw format(`the header of section ${index} is cut short`)
    const stated = view.getBigUint64(at + 4)
    if (stated !== size) throw format(`section ${index} has ${size} bytes by the table, ${stated} by its own header`)
    expect(view.getUint16(at + 2), 0, `flags of section ${index}`)
    const payload = at + SECTION_HEADER_BYTES
    if (size > BigInt(bytes.length - payload))
      throw format(`section ${index} has ${size} bytes, the file has ${bytes.length - payload} more`)
    sections.push({ type: view.getUint16(at), payload: bytes.subarray(payload, payload + Number(size)) })
    at = payload + Number(size)
  }
  if (at !== bytes.length) throw format(`${bytes.length - at} bytes follow the last section`)
  return sections
}

const ORDER = [SECTION_KERNEL, SECTION_CMDLINE, SECTION_METADATA, SECTION_RAMDISK, SECTION_SIGNATURE]
const NAMES = ['', 'kernel', 'cmdline', 'ramdisk', 'signature', 'metadata']

function sortSections(sections: Section[]): Eif {
  const of = (type: number) => sections.filter((section) => section.type === type).map((section) => section.payload)
  const one = (type: number): Uint8Array => {
    const found = of(type)
    if (found.length !== 1) throw format(`${found.length} ${NAMES[type]} sections, an image has one`)
    return found[0] as Uint8Array
  }
  let rank = 0
  for (const { type, payload } of sections) {
    const place = ORDER.indexOf(type)
    if (place < 0) throw format(`a section of type ${type}`)
    if (place < rank)
      throw format(`the ${NAMES[type]} section comes behind the ${NAMES[ORDER[rank] as number]} section`)
    if (payload.length === 0) throw format(`the ${NAMES[type]} section is empty`)
    rank = place
  }
  const signatures = of(SECTION_SIGNATURE)
  if (signatures.length > 1) throw format(`${signatures.length} signature sections, an image has one at most`)
  const ramdisks = of(SECTION_RAMDISK)
  if (ramdisks.length === 0) throw format('no ramdisk section')
  return {
    version: VERSION,
    sections,
    kernel: one(SECTION_KERNEL),
    cmdline: one(SECTION_CMDLINE),
    metadata: one(SECTION_METADATA),
    ramdisks,
    signature: signatures[0] ?? null,
  }
}

function expect(value: number, expected: number, what: string): void {
  if (value !== expected) throw format(`${what} is 0x${value.toString(16)}, expected 0x${expected.toString(16)}`)
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

function format(message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_FORMAT', message)
}
