// A strict reader of deterministic CBOR (RFC 8949 section 4.2.1) over bytes that somebody else wrote. It allocates nothing, never
// reads beyond its end, and after the first thing that does not fit stays failed: check `done()` or `failed` once, at the end.

const MAJOR_UINT: u32 = 0
const MAJOR_BYTES: u32 = 2
const MAJOR_TEXT: u32 = 3
const MAJOR_ARRAY: u32 = 4
const MAJOR_MAP: u32 = 5
const NULL: u8 = 0xf6
const FALSE: u8 = 0xf4
const TRUE: u8 = 0xf5

export class CborReader {
  failed: bool = false
  /** The byte or text string that was read last. */
  at: usize = 0
  length: usize = 0

  constructor(private position: usize, private end: usize) {}

  /** Nothing failed and nothing is left. */
  done(): bool {
    return !this.failed && this.position == this.end
  }

  uint(): u64 {
    return this.head(MAJOR_UINT)
  }

  array(length: u64): void {
    if (this.head(MAJOR_ARRAY) != length) this.failed = true
  }

  /** Length of an array of at most `max` items. */
  arrayUpTo(max: u64): i32 {
    const length = this.head(MAJOR_ARRAY)
    if (length > max) this.failed = true
    return this.failed ? 0 : <i32>length
  }

  map(length: u64): void {
    if (this.head(MAJOR_MAP) != length) this.failed = true
  }

  /** A map of at most `max` pairs. */
  mapUpTo(max: u64): void {
    if (this.head(MAJOR_MAP) > max) this.failed = true
  }

  bytes(): void {
    this.string(MAJOR_BYTES)
  }

  bytesOf(length: usize): void {
    this.string(MAJOR_BYTES)
    if (this.length != length) this.failed = true
  }

  text(): void {
    this.string(MAJOR_TEXT)
  }

  /** Consumes a null if one is next. */
  isNull(): bool {
    return this.simple(NULL)
  }

  boolean(): bool {
    if (this.simple(TRUE)) return true
    if (!this.simple(FALSE)) this.failed = true
    return false
  }

  /** Whether the string that was read last is this ASCII text. */
  is(text: string): bool {
    if (this.failed || this.length != <usize>text.length) return false
    for (let i = 0; i < text.length; i++) if (load<u8>(this.at + i) != <u8>text.charCodeAt(i)) return false // SAFETY: i < length
    return true
  }

  private simple(value: u8): bool {
    if (this.failed || this.position >= this.end || load<u8>(this.position) != value) return false
    this.position++
    return true
  }

  private string(major: u32): void {
    const length = this.head(major)
    if (this.failed || length > <u64>(this.end - this.position)) {
      this.failed = true
      this.length = 0
      return
    }
    this.at = this.position
    this.length = <usize>length
    this.position += this.length
  }

  // The argument of an item of this major type, in the shortest form.
  private head(major: u32): u64 {
    if (this.failed || this.position >= this.end) return this.fail()
    const initial = <u32>load<u8>(this.position++)
    if (initial >> 5 != major) return this.fail()
    const info = initial & 31
    if (info < 24) return info
    if (info > 27) return this.fail() // indefinite lengths and reserved values
    const width = <usize>1 << (info - 24)
    if (this.end - this.position < width) return this.fail()
    let value: u64 = 0
    for (let i: usize = 0; i < width; i++) value = (value << 8) | load<u8>(this.position + i) // SAFETY: width was checked
    this.position += width
    const least: u64 = width == 1 ? 24 : <u64>1 << (<u64>width * 4)
    return value < least ? this.fail() : value
  }

  private fail(): u64 {
    this.failed = true
    return 0
  }
}
