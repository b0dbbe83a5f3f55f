/** The log's Merkle tree in memory: hashes of all complete subtrees, 64 bytes an entry. A proof reads them and hashes next to nothing. */
import { createHash } from 'node:crypto'
import { HASH_BYTES, leafHash, nodeHash } from './proofs/hash.ts'
import { TILE_HEIGHT, TILE_WIDTH, type Tile, TiledTree } from './proofs/tile.ts'

export const sha256 = (data: Uint8Array): Uint8Array => new Uint8Array(createHash('sha256').update(data).digest())

export class Tree {
  /** By level of the tree, leaves first. */
  readonly #levels: HashList[] = []

  get size(): number {
    return this.#levels[0]?.count ?? 0
  }

  push(entry: Uint8Array): void {
    this.#add(0, leafHash(sha256, entry))
  }

  /** The tree as it was at `size` entries. */
  at(size: number): TiledTree {
    const subtree = (level: number, index: number) => (this.#levels[level] as HashList).slice(index, 1)
    return new TiledTree(sha256, size, (tile) => this.tile(tile), subtree)
  }

  tile({ level, index, width }: Tile): Uint8Array {
    const hashes = this.#levels[level * TILE_HEIGHT]
    if (hashes === undefined || index * TILE_WIDTH + width > hashes.count) throw new RangeError('no such tile')
    return hashes.slice(index * TILE_WIDTH, width)
  }

  #add(level: number, hash: Uint8Array): void {
    this.#levels[level] ??= new HashList()
    const hashes = this.#levels[level] as HashList
    hashes.push(hash)
    const { count } = hashes
    if (count % 2 === 0) this.#add(level + 1, nodeHash(sha256, hashes.slice(count - 2, 1), hashes.slice(count - 1, 1)))
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
