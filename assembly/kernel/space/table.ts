// Records in the order of their keys: sorted chunks of bounded size, so that an insertion moves one chunk's part and no more.
import { compareKeys, recordKey, recordKeyLength } from './record'

const CHUNK_MAX: i32 = 512

class Chunk {
  records: StaticArray<usize> = new StaticArray<usize>(CHUNK_MAX)
  count: i32 = 0
}

/** A place in the order: chunk and index in it. */
export class Cursor {
  constructor(public chunk: i32, public index: i32) {}
}

export class Table {
  private chunks: Array<Chunk> = [new Chunk()]
  private found: Cursor = new Cursor(0, 0)

  /** The record with this key, or 0. */
  get(key: usize, keyLength: usize): usize {
    const at = this.seek(key, keyLength)
    const record = this.at(at)
    return record != 0 && compareKeys(recordKey(record), recordKeyLength(record), key, keyLength) == 0 ? record : 0
  }

  /** Puts a record in the place of its key. @returns the record that was there, or 0 */
  put(record: usize): usize {
    const key = recordKey(record)
    const keyLength = recordKeyLength(record)
    const at = this.seek(key, keyLength)
    const old = this.at(at)
    if (old != 0 && compareKeys(recordKey(old), recordKeyLength(old), key, keyLength) == 0) {
      this.chunks[at.chunk].records[at.index] = record
      return old
    }
    this.insert(at, record)
    return 0
  }

  /** Takes the record with this key out. @returns it, or 0 */
  remove(key: usize, keyLength: usize): usize {
    const record = this.get(key, keyLength)
    if (record == 0) return 0
    const at = this.found
    const chunk = this.chunks[at.chunk]
    for (let i = at.index + 1; i < chunk.count; i++) chunk.records[i - 1] = chunk.records[i]
    chunk.count--
    if (chunk.count == 0 && this.chunks.length > 1) this.chunks.splice(at.chunk, 1)
    return record
  }

  /** The first place whose key is not below this one. Valid until the next change. */
  seek(key: usize, keyLength: usize): Cursor {
    let low = 0
    let high = this.chunks.length - 1
    // The last chunk whose first key is not above the key
    while (low < high) {
      const middle = (low + high + 1) >> 1
      const first = this.chunks[middle].records[0]
      if (compareKeys(recordKey(first), recordKeyLength(first), key, keyLength) <= 0) low = middle
      else high = middle - 1
    }
    const chunk = this.chunks[low]
    let from = 0
    let to = chunk.count
    while (from < to) {
      const middle = (from + to) >> 1
      const record = chunk.records[middle]
      if (compareKeys(recordKey(record), recordKeyLength(record), key, keyLength) < 0) from = middle + 1
      else to = middle
    }
    this.found.chunk = low
    this.found.index = from
    return this.found
  }

  /** The record at a place, or 0 behind the last. Moves the place on to the next chunk where one ends. */
  at(cursor: Cursor): usize {
    while (cursor.chunk < this.chunks.length) {
      const chunk = this.chunks[cursor.chunk]
      if (cursor.index < chunk.count) return chunk.records[cursor.index]
      if (cursor.chunk + 1 >= this.chunks.length) return 0
      cursor.chunk++
      cursor.index = 0
    }
    return 0
  }

  /** Forgets all; the records stay. */
  clear(): void {
    this.chunks = [new Chunk()]
  }

  private insert(at: Cursor, record: usize): void {
    let chunk = this.chunks[at.chunk]
    let index = at.index
    if (chunk.count == CHUNK_MAX) {
      const half = CHUNK_MAX / 2
      const upper = new Chunk()
      for (let i = half; i < CHUNK_MAX; i++) upper.records[i - half] = chunk.records[i]
      upper.count = CHUNK_MAX - half
      chunk.count = half
      this.insertChunk(at.chunk + 1, upper)
      if (index > half) {
        index -= half
        chunk = upper
      }
    }
    for (let i = chunk.count; i > index; i--) chunk.records[i] = chunk.records[i - 1]
    chunk.records[index] = record
    chunk.count++
  }

  private insertChunk(index: i32, chunk: Chunk): void {
    this.chunks.push(chunk)
    for (let i = this.chunks.length - 1; i > index; i--) this.chunks[i] = this.chunks[i - 1]
    this.chunks[index] = chunk
  }
}
