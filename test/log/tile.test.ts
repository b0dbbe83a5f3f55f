import { createHash } from 'node:crypto'
import t from 'tap'
import { leafHash, nodeHash } from '../../host/log/proofs/hash.ts'
import { verifyConsistency, verifyInclusion } from '../../host/log/proofs/merkle.ts'
import { entriesPath, type Tile, TiledTree, tilePath } from '../../host/log/proofs/tile.ts'
import { Tree } from '../../host/log/tree.ts'

const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest())
const leaves = Array.from({ length: 70_000 }, (_, i) => leafHash(sha256, Buffer.from(`entry ${i}`)))

/** RFC 6962 section 2.1, as it is written: slow, and without tiles. */
const known = new Map<string, Uint8Array>()
function merkleRoot(from: number, to: number): Uint8Array {
  const found = known.get(`${from} ${to}`)
  if (found !== undefined) return found
  const root = computeRoot(from, to)
  known.set(`${from} ${to}`, root)
  return root
}
function computeRoot(from: number, to: number): Uint8Array {
  if (to === from) return sha256(new Uint8Array(0))
  if (to - from === 1) return leaves[from] as Uint8Array
  let k = 1
  while (2 * k < to - from) k *= 2
  return nodeHash(sha256, merkleRoot(from, from + k), merkleRoot(from + k, to))
}

const read = ({ level, index, width }: Tile): Uint8Array => {
  const span = 256 ** level
  const hashes = Array.from({ length: width }, (_, i) => {
    const from = (index * 256 + i) * span
    if (from + span > leaves.length) throw new Error('a tile beyond the tree was asked for')
    return merkleRoot(from, from + span)
  })
  return Buffer.concat(hashes)
}

t.test('makes the root of RFC 6962 at every size', async (t) => {
  for (const size of [0, 1, 2, 3, 4, 7, 8, 255, 256, 257, 511, 513, 4097, 65_535, 65_536, 65_537, 70_000])
    t.same(new TiledTree(sha256, size, read).root(), merkleRoot(0, size), `${size} entries`)
})

t.test('proves every entry of small trees, and the edges of large ones', async (t) => {
  for (const size of [1, 2, 3, 5, 8, 13, 64, 257, 65_537]) {
    const tree = new TiledTree(sha256, size, read)
    const root = tree.root()
    const indexes = size < 300 ? Array.from({ length: size }, (_, i) => i) : [0, 1, 255, 256, 65_535, 65_536]
    for (const index of indexes) {
      const proof = { index: BigInt(index), size: BigInt(size), hashes: tree.inclusionProof(index) }
      verifyInclusion(sha256, proof, leaves[index] as Uint8Array, root)
      t.same(tree.leaf(index), leaves[index])
      const other = leaves[index + 1] as Uint8Array
      t.throws(() => verifyInclusion(sha256, proof, other, root), { code: 'ERR_LOG_INCLUSION' })
    }
  }
})

t.test('proves every smaller tree to be the beginning of a larger one', async (t) => {
  for (const size of [1, 2, 3, 6, 7, 8, 9, 31, 257]) {
    const tree = new TiledTree(sha256, size, read)
    for (let oldSize = 1; oldSize <= size; oldSize++) {
      const proof = { oldSize: BigInt(oldSize), newSize: BigInt(size), hashes: tree.consistencyProof(oldSize) }
      verifyConsistency(sha256, proof, merkleRoot(0, oldSize), tree.root())
      const forked = merkleRoot(1, oldSize + 1)
      t.throws(() => verifyConsistency(sha256, proof, forked, tree.root()), { code: 'ERR_LOG_CONSISTENCY' })
    }
  }
})

t.test('names tiles as C2SP does', async (t) => {
  t.equal(tilePath({ level: 0, index: 0, width: 256 }), 'tile/0/000')
  t.equal(tilePath({ level: 0, index: 5, width: 112 }), 'tile/0/005.p/112')
  t.equal(tilePath({ level: 1, index: 1_234_067, width: 256 }), 'tile/1/x001/x234/067')
  t.equal(entriesPath({ index: 1000, width: 1 }), 'tile/entries/x001/000.p/1')
})

t.test('keeps a tree in memory that is the tiled one, at each size it had', async (t) => {
  const tree = new Tree()
  for (let i = 0; i < 1500; i++) tree.push(Buffer.from(`entry ${i}`))
  for (const size of [1, 2, 3, 255, 256, 257, 511, 512, 513, 1024, 1499, 1500]) {
    const [kept, tiled] = [tree.at(size), new TiledTree(sha256, size, read)]
    t.same(kept.root(), tiled.root(), `root of ${size}`)
    for (const index of [0, size >> 1, size - 1]) t.same(kept.inclusionProof(index), tiled.inclusionProof(index))
    for (const old of [1, (size + 1) >> 1, size]) t.same(kept.consistencyProof(old), tiled.consistencyProof(old))
  }
  for (const tile of [
    { level: 0, index: 5, width: 220 },
    { level: 0, index: 1, width: 256 },
    { level: 1, index: 0, width: 5 },
  ])
    t.same(Buffer.from(tree.tile(tile)), Buffer.from(read(tile)))
})
