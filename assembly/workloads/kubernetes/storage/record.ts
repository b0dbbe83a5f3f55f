// An object as it is stored: JSON in normal form, ready to be sent but for the digits of its resourceVersion, which is not known before it is
// stored. Header of 16 bytes: u32 where the digits go, u8 which write of its transaction it was, u8 flags, u16 0, u32 place and u32 length of
// its labels; then the JSON. The kernel keeps the transaction's number, so `resourceVersion` = number · 128 + which write: as many writes as a
// transaction may have fit, and no two have the same.
import { MAX_WRITES } from '../../../abi/limits'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { JsonNode } from '../json/node'
import { writeJson } from '../json/writer'

export const RECORD_HEADER: usize = 16
const INDEX_BITS: u64 = 7 // 2^7 > MAX_WRITES
/** It has a deletionTimestamp. */
export const RECORD_TERMINATING: u8 = 1
/** It has finalizers. */
export const RECORD_HELD: u8 = 2
/** It has ownerReferences. */
export const RECORD_OWNED: u8 = 4
/** Characters between the last of a uid and the digits of the resourceVersion: `","resourceVersion":"`. */
const BEHIND_UID: usize = 21
const UID_LENGTH: usize = 36
export const LAST_WRITE: u8 = 127

export function resourceVersion(version: u64, index: u8): u64 {
  return (version << INDEX_BITS) | <u64>index
}

/** The transaction that a resourceVersion is of. */
export function versionOf(resourceVersion: u64): u64 {
  return resourceVersion >> INDEX_BITS
}

/** A stored object somewhere in memory. */
export class RecordView {
  /** Behind the header. */
  json: usize = 0
  jsonLength: usize = 0
  hole: usize = 0
  flags: u8 = 0
  resourceVersion: u64 = 0
  labels: usize = 0
  labelsLength: usize = 0

  /** @param at a whole record, as `compile` made it */
  read(at: usize, length: usize, version: u64): this {
    this.json = at + RECORD_HEADER
    this.jsonLength = length - RECORD_HEADER
    this.hole = <usize>load<u32>(at)
    this.flags = load<u8>(at, 5)
    this.resourceVersion = resourceVersion(version, load<u8>(at, 4))
    this.labels = this.json + <usize>load<u32>(at, 8)
    this.labelsLength = <usize>load<u32>(at, 12)
    return this
  }

  /** The same record, whose resourceVersion may be another. */
  copy(): RecordView {
    const copied = new RecordView().read(this.json - RECORD_HEADER, this.jsonLength + RECORD_HEADER, 0)
    copied.resourceVersion = this.resourceVersion
    return copied
  }

  get isHeld(): bool {
    return (this.flags & RECORD_HELD) != 0
  }

  get isTerminating(): bool {
    return (this.flags & RECORD_TERMINATING) != 0
  }

  get isOwned(): bool {
    return (this.flags & RECORD_OWNED) != 0
  }

  /** As `compile` writes it: right before the resourceVersion. */
  get uid(): Span {
    return new Span(this.json + this.hole - BEHIND_UID - UID_LENGTH, UID_LENGTH)
  }

  /** The object, from its byte `from` on. */
  writeFrom(out: TextWriter, from: usize): void {
    out.raw(this.json + from, this.hole - from).number(this.resourceVersion)
    out.raw(this.json + this.hole, this.jsonLength - this.hole) // SAFETY: the hole lies within the text
  }

  write(out: TextWriter): void {
    this.writeFrom(out, 0)
  }
}

/** Writes a record. Whatever resourceVersion the object has, the hole is in its place, behind `uid`. */
export function compile(out: TextWriter, root: JsonNode, index: u8): void {
  out.clear()
  memory.fill(out.reserve(RECORD_HEADER), 0, RECORD_HEADER)
  store<u8>(out.at, index, 4)
  out.byte(0x7b)
  let member = root.first
  while (member) {
    if (member != root.first) out.byte(0x2c)
    out.byte(0x22).raw(member.key, member.keyLength).ascii('":')
    if (member.keyIs('metadata')) compileMetadata(out, member)
    else writeJson(out, member)
    member = member.next
  }
  out.byte(0x7d)
}

function compileMetadata(out: TextWriter, metadata: JsonNode): void {
  let separator: u8 = 0x7b
  let member = metadata.first
  while (member) {
    const each = member
    member = member.next
    if (each.keyIs('resourceVersion')) continue
    out.byte(separator).byte(0x22).raw(each.key, each.keyLength).ascii('":')
    separator = 0x2c
    const start = out.length
    writeJson(out, each)
    if (each.keyIs('uid')) {
      out.ascii(',"resourceVersion":"')
      store<u32>(out.at, <u32>(out.length - RECORD_HEADER))
      out.byte(0x22)
    } else if (each.keyIs('labels')) {
      store<u32>(out.at, <u32>(start - RECORD_HEADER), 8)
      store<u32>(out.at, <u32>(out.length - start), 12)
    } else if (each.keyIs('deletionTimestamp')) store<u8>(out.at, load<u8>(out.at, 5) | RECORD_TERMINATING, 5)
    else if (each.keyIs('finalizers')) store<u8>(out.at, load<u8>(out.at, 5) | RECORD_HELD, 5)
    else if (each.keyIs('ownerReferences')) store<u8>(out.at, load<u8>(out.at, 5) | RECORD_OWNED, 5)
  }
  out.byte(0x7d)
}

/** Whether both are the same object, their resourceVersions aside. */
export function sameRecord(a: RecordView, b: RecordView): bool {
  return a.jsonLength == b.jsonLength && memory.compare(a.json, b.json, a.jsonLength) == 0
}

if (MAX_WRITES >= <i32>LAST_WRITE) unreachable()
