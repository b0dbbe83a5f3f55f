/**
 * Tiles, C2SP tlog-tiles: hashes of complete subtrees, 256 a file, eight levels of the tree between a tile's and the next one's. Roots and
 * proofs are made from them here; where they come from is the reader's business, and a wrong one only gives a proof that does not verify.
 */
import { emptyRoot, HASH_BYTES, nodeHash, type Sha256 } from './hash.ts'

export const TILE_HEIGHT = 8
export const TILE_WIDTH = 2 ** TILE_HEIGHT

/** Which tile: `width` is 1 to 256 hashes; `level` counts tiles, not hashes. */
export type Tile = { level: number; index: number; width: number }
/** The tile's hashes, back to back: `width` times 32 bytes. */
export type ReadTile = (tile: Tile) => Uint8Array
/** Hash of complete subtree `index` at a level of the tree, for whoever keeps them all. */
export type ReadSubtree = (level: number, index: number) => Uint8Array

/** `tile/LEVEL/INDEX`, or `.p/WIDTH` behind it for one that is not full. */
export function tilePath(tile: Tile): string {
  return `tile/${tile.level}/${place(tile)}`
}

/** Bundle of the entries under a tile of level 0. */
export function entriesPath(tile: Pick<Tile, 'index' | 'width'>): string {
  return `tile/entries/${place(tile)}`
}

// Three digits a part, all but the last with an x before: 1234067 is x001/x234/067
function place({ index, width }: Pick<Tile, 'index' | 'width'>): string {
  let rest = index
  let path = three(rest % 1000)
  while (rest >= 1000) {
    rest = Math.floor(rest / 1000)
    path = `x${three(rest % 1000)}/${path}`
  }
  return width === TILE_WIDTH ? path : `${path}.p/${width}`
}

function three(value: number): string {
  return String(value).padStart(3, '0')
}

/** Roots and proofs of a tree of `size` entries, from its tiles. */
export class TiledTree {
  readonly size: number
  readonly #sha256: Sha256
  readonly #read: ReadTile
  readonly #readSubtree: ReadSubtree | undefined

  constructor(sha256: Sha256, size: number, read: ReadTile, readSubtree?: ReadSubtree) {
    this.#sha256 = sha256
    this.size = size
    this.#read = read
    this.#readSubtree = readSubtree
  }

  root(): Uint8Array {
    return this.size === 0 ? emptyRoot(this.#sha256) : this.#subtree(0, this.size)
  }

  leaf(index: number): Uint8Array {
    return this.#complete(0, index)
  }

  /** RFC 6962 section 2.1.1. `index` is below `size`. */
  inclusionProof(index: number): Uint8Array[] {
    const proof: Uint8Array[] = []
    let from = 0
    let to = this.size
    while (to - from > 1) {
      const middle = from + split(to - from)
      if (index < middle) {
        proof.push(this.#subtree(middle, to))
        to = middle
      } else {
        proof.push(this.#subtree(from, middle))
        from = middle
      }
    }
    return proof.reverse()
  }

  /** RFC 6962 section 2.1.2. `oldSize` is 1 to `size`. */
  consistencyProof(oldSize: number): Uint8Array[] {
    const proof: Uint8Array[] = []
    let from = 0
    let to = this.size
    const old = oldSize
    // While the old tree is not a whole subtree of the new one
    while (old !== to) {
      const middle = from + split(to - from)
      if (old <= middle) {
        proof.push(this.#subtree(middle, to))
        to = middle
      } else {
        proof.push(this.#subtree(from, middle))
        from = middle
      }
    }
    if (from !== 0) proof.push(this.#subtree(from, to))
    return proof.reverse()
  }

  // Root over entries [from, to), where `from` is a multiple of the power of two that holds them.
  #subtree(from: number, to: number): Uint8Array {
    const count = to - from
    const half = split(count)
    if (count === 1 || 2 * half === count) {
      const level = Math.round(Math.log2(count))
      return this.#complete(level, from / count)
    }
    return nodeHash(this.#sha256, this.#subtree(from, from + half), this.#subtree(from + half, to))
  }

  // Hash of the complete subtree `index` of this level of the tree.
  #complete(level: number, index: number): Uint8Array {
    if (this.#readSubtree !== undefined) return this.#readSubtree(level, index)
    const tileLevel = Math.floor(level / TILE_HEIGHT)
    const below = level % TILE_HEIGHT
    const count = 2 ** below
    const first = index * count
    const tileIndex = Math.floor(first / TILE_WIDTH)
    const available = Math.floor(this.size / 2 ** (TILE_HEIGHT * tileLevel)) - tileIndex * TILE_WIDTH
    const hashes = this.#read({ level: tileLevel, index: tileIndex, width: Math.min(TILE_WIDTH, available) })
    const at = (first % TILE_WIDTH) * HASH_BYTES
    return fold(this.#sha256, hashes.subarray(at, at + count * HASH_BYTES))
  }
}

/** Root over a power of two of hashes. */
export function fold(sha256: Sha256, hashes: Uint8Array): Uint8Array {
  let row: Uint8Array[] = Array.from({ length: hashes.length / HASH_BYTES }, (_, i) =>
    hashes.slice(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
  while (row.length > 1)
    row = Array.from({ length: row.length / 2 }, (_, i) =>
      nodeHash(sha256, row[2 * i] as Uint8Array, row[2 * i + 1] as Uint8Array),
    )
  return row[0] as Uint8Array
}

// The largest power of two below `count`, RFC 6962 section 2.1; half of it where it is one itself. 1 for 1.
function split(count: number): number {
  return count <= 1 ? 1 : 2 ** Math.ceil(Math.log2(count) - 1)
}
