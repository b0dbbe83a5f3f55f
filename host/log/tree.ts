/** The log's Merkle tree in memory: hashes of all complete subtrees at the levels that tiles have. 32 bytes an entry and a little more. */
import { createHash } from 'node:crypto'
import { HASH_BYTES, leafHash } from './proofs/hash.ts'
import { fold, TILE_WIDTH, type Tile, TiledTree } from './proofs/tile.ts'

export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest())

export class Tree {
  readonly #levels: HashList[] = []

  get size(): number {
    return this.#levels[0]?.count ?? 0
  }

  push(entry: Uint8Array): void {
    this.#add(0, leafHash(sha256, entry))
  }

  /** The tree as it was at `size` entries. */
  at(size: number): TiledTree {
    return new TiledTree(sha256, size, (tile) => this.tile(tile))
  }

  tile({ level, index, width }: Tile): Uint8Array {
    const hashes = this.#levels[level]
    if (hashes === undefined || index * TILE_WIDTH + width > hashes.count) throw new RangeError('no such tile')
    return hashes.slice(index * TILE_WIDTH, width)
  }

  #add(level: number, hash: Uint8Array): void {
    this.#levels[level] ??= new HashList()
    const hashes = this.#levels[level] as HashList
    hashes.push(hash)
    if (hashes.count % TILE_WIDTH === 0)
      this.#add(level + 1, fold(sha256, hashes.slice(hashes.count - TILE_WIDTH, TILE_WIDTH)))
  }
}

/** Hashes in one buffer that doubles. */
class HashList {
  count = 0
  #bytes = new Uint8Array(64 * HASH_BYTES)

  push(hash: Uint8Array): void {
    if ((this.count + 1) * HASH_BYTES > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes.set(hash, this.count * HASH_BYTES)
    this.count++
  }

  slice(from: number, count: number): Uint8Array {
    return this.#bytes.slice(from * HASH_BYTES, (from + count) * HASH_BYTES)
  }
}
