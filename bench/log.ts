/**
 * What the audit log costs, by hand: `node host/cli/bootstrap.cjs --run bench/log.ts [FOLDER]`. Durable appends, proofs and whole signed
 * requests, beside a raw Ed25519 verification and a raw sync of the same disk in the same run. FOLDER says which disk; the system's
 * temporary folder where none is named.
 */
import { generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyAnswer } from '../host/client/log/answer.ts'
import { requestDigest } from '../host/control/request.ts'
import { leafHash } from '../host/log/proofs/hash.ts'
import { verifyInclusion } from '../host/log/proofs/merkle.ts'
import { sha256, Tree } from '../host/log/tree.ts'
import { log as logKey, PlaneUnderTest } from '../test/kit/plane.ts'
import { intent, LogUnderTest } from '../test/kit/reader.ts'

const ROUNDS = 7
const [folder = tmpdir()] = process.argv.slice(2)
process.env.TMPDIR = folder

/** Best of some rounds, as operations a second. */
async function best(operations: number, run: () => unknown): Promise<number> {
  let rate = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    await run()
    rate = Math.max(rate, (operations * 1000) / (performance.now() - start))
  }
  return rate
}

function print(what: string, perSecond: number, beside = ''): void {
  const each = 1e6 / perSecond
  const cost = each < 1000 ? `${each.toFixed(1)} µs` : `${(each / 1000).toFixed(2)} ms`
  process.stdout.write(
    `${what.padEnd(52)} ${Math.round(perSecond).toLocaleString('en').padStart(9)}/s ${cost.padStart(10)}  ${beside}\n`,
  )
}

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const message = randomBytes(300)
const signature = sign(null, message, privateKey)
const ed25519 = await best(2000, () => {
  for (let i = 0; i < 2000; i++) verify(null, message, publicKey, signature)
})
print('Ed25519 verify, node:crypto', ed25519)

const scratch = mkdtempSync(join(folder, 'wasmclave-bench-'))
const file = openSync(join(scratch, 'raw'), 'w')
const raw = await best(50, () => {
  for (let i = 0; i < 50; i++) {
    writeSync(file, message)
    fdatasyncSync(file)
  }
})
closeSync(file)
rmSync(scratch, { recursive: true, force: true })
print('300 bytes written and synced, raw', raw)

const under = new LogUnderTest()
try {
  let request = 0
  const append = () => under.log.append(intent(String(request++).padStart(64, '0')))
  const serial = await best(50, async () => {
    for (let i = 0; i < 50; i++) await append()
  })
  print('durable appends, one at a time', serial, `${(raw / serial).toFixed(1)} raw syncs each`)
  const crowd = await best(2560, async () => {
    const next = async () => {
      for (let i = 0; i < 10; i++) await append()
    }
    await Promise.all(Array.from({ length: 256 }, next))
  })
  print('durable appends, 256 in flight', crowd, `${(crowd / serial).toFixed(0)} times one at a time`)
} finally {
  under.close()
}

const entry = randomBytes(350)
for (const size of [1e3, 1e5, 1e6]) {
  const tree = new Tree()
  for (let i = 0; i < size - 1; i++) tree.push(Buffer.from(String(i)))
  tree.push(entry)
  const at = tree.at(size)
  const proof = { index: BigInt(size - 1), size: BigInt(size), hashes: at.inclusionProof(size - 1) }
  const middle = { index: BigInt(size >> 1), size: BigInt(size), hashes: at.inclusionProof(size >> 1) }
  const [leaf, root, half] = [leafHash(sha256, entry), at.root(), at.leaf(size >> 1)]
  const checks = await best(1000, () => {
    for (let i = 0; i < 500; i++) {
      verifyInclusion(sha256, proof, leaf, root)
      verifyInclusion(sha256, middle, half, root)
    }
  })
  print(
    `inclusion checked, ${size.toLocaleString('en')} entries`,
    checks,
    `${(ed25519 / checks).toFixed(2)} Ed25519 verifications`,
  )
  const makes = await best(200, () => {
    for (let i = 0; i < 200; i++) at.inclusionProof((i * 7919) % size)
  })
  print(`inclusion proven, ${size.toLocaleString('en')} entries`, makes)
}

const plane = new PlaneUnderTest()
try {
  const asked = await Promise.all(
    Array.from({ length: ROUNDS * 40 }, () => plane.sign({ action: 'describe-log', parameters: {} })),
  )
  const take = async (jws: string) => {
    const answer = await plane.plane.answer(jws, { connection: 1, request: 1, since: 0 })
    return { jws, answer }
  }
  const serial = await best(20, async () => {
    for (const jws of asked.splice(0, 20)) await take(jws)
  })
  print(
    'signed request, logged and proven, one at a time',
    serial,
    `${(ed25519 / serial).toFixed(0)} Ed25519 verifications`,
  )
  const crowd = await best(20, () => Promise.all(asked.splice(0, 20).map(take)))
  print('signed request, logged and proven, 20 at once', crowd)
  const { jws, answer } = await take(await plane.sign({ action: 'describe-log', parameters: {} }))
  const judged = await best(200, () => {
    for (let i = 0; i < 200; i++)
      verifyAnswer(logKey, { request: requestDigest(jws), action: 'describe-log', kept: undefined }, answer)
  })
  print('answer verified by its caller', judged, `${(ed25519 / judged).toFixed(1)} Ed25519 verifications`)
} finally {
  plane.close()
}
