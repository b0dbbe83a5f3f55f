import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { verifyConsistency, verifyInclusion } from '../../host/log/proofs/merkle.ts'
import { account, vectorPath, vectorTest } from './kit.ts'

type Inclusion = { leafIdx: bigint; treeSize: bigint; root: string; leafHash: string; proof: string[] | null }
type Consistency = { size1: bigint; size2: bigint; root1: string; root2: string; proof: string[] | null }
type Expected = { desc: string; wantErr: boolean }

const sha256 = (data: Uint8Array) => new Uint8Array(createHash('sha256').update(data).digest())
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

/** 2^64 - 1 is a JSON number here: integers come as their source text says. */
function read<T>(path: string): T & Expected {
  return JSON.parse(readFileSync(vectorPath(path), 'utf8'), ((
    _key: string,
    value: unknown,
    context: { source: string },
  ) => (typeof value === 'number' ? BigInt(context.source) : value)) as never)
}

function suite<T>(kind: string, code: string, verify: (vector: T) => void): void {
  vectorTest(t, `judges ${kind} proofs as RFC 6962 has them`, async (t) => {
    const files = readdirSync(vectorPath(`merkle/${kind}`))
    for (const file of files) {
      const vector = read<T>(`merkle/${kind}/${file}`)
      if (vector.wantErr) t.throws(() => verify(vector), { code }, file)
      else t.doesNotThrow(() => verify(vector), file)
    }
    account(t, `merkle ${kind}`, { executed: files.length, outOfScope: 0, total: 98 })
  })
}

suite<Inclusion>('inclusion', 'ERR_LOG_INCLUSION', ({ leafIdx, treeSize, root, leafHash, proof }) =>
  verifyInclusion(
    sha256,
    { index: leafIdx, size: treeSize, hashes: (proof ?? []).map(bytes) },
    bytes(leafHash),
    bytes(root),
  ),
)

suite<Consistency>('consistency', 'ERR_LOG_CONSISTENCY', ({ size1, size2, root1, root2, proof }) =>
  verifyConsistency(
    sha256,
    { oldSize: size1, newSize: size2, hashes: (proof ?? []).map(bytes) },
    bytes(root1),
    bytes(root2),
  ),
)
