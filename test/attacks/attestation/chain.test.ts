// Attacks on the certificates of evidence: A01, A11, A12, A13.
import t from 'tap'
import { newKey } from '../../../host/cli/bad-documents/chain.ts'
import { makeDocument } from '../../../host/cli/bad-documents/document.ts'
import { Maker } from '../../../host/cli/bad-documents/index.ts'
import { at, good, maker, root, tryCases, verdict } from './kit.ts'

t.setTimeout(120_000)

t.test('A01 rejects a whole chain of the attacker’s own: the document’s root counts for nothing', async (t) => {
  const attacker = new Maker(maker.atMs)
  const forged = makeDocument(attacker.chains.make(), maker.facts)
  t.equal(await verdict(forged), 'ERR_EVIDENCE_CHAIN')
  t.equal(await verdict(forged, { root: attacker.chains.root }), 'accepted', 'for whoever pinned that root')
  t.equal(await verdict(good()), 'accepted')
  t.equal(await verdict(good(), { root: attacker.chains.root }), 'ERR_EVIDENCE_CHAIN')
  // The true root in front, the attacker's chain behind it
  const key = newKey()
  const spliced = maker.withChain({ regional: { signer: key } })
  t.equal(await verdict(spliced), 'ERR_EVIDENCE_CHAIN')
  await tryCases(t, ['other-root', 'root-altered', 'root-missing'])
})

t.test('A11 judges dates by its own clock, to the second, both ends included', async (t) => {
  const levels = ['regional', 'zonal', 'instance', 'leaf']
  await tryCases(
    t,
    levels.flatMap((level) =>
      ['last-second', 'expired', 'first-second', 'not-yet-valid'].map((end) => `${level}-${end}`),
    ),
  )
  // A certificate has whole seconds; a verifier's clock has not.
  const ends = maker.withChain({ leaf: { notAfterMs: maker.atMs } })
  const begins = maker.withChain({ leaf: { notBeforeMs: maker.atMs } })
  for (const [offsetMs, ending, beginning] of [
    [-1, 'accepted', 'ERR_EVIDENCE_DATES'],
    [0, 'accepted', 'accepted'],
    [1, 'ERR_EVIDENCE_DATES', 'accepted'],
  ] as const) {
    const now = new Date(maker.atMs + offsetMs)
    t.equal(await verdict(ends, {}, now), ending, `${offsetMs} ms from its end`)
    t.equal(await verdict(begins, {}, now), beginning, `${offsetMs} ms from its beginning`)
  }
})

t.test(
  'A12 rejects every fault of a path: authority, path length, usage, names, order, number, critical extensions',
  async (t) => {
    await tryCases(t, [
      'regional-path-1',
      'zonal-path-0',
      'zonal-no-authority',
      'zonal-constraints-twice',
      'zonal-unknown-critical',
      'zonal-other-signer',
      'zonal-missing',
      'zonal-twice',
      'instance-no-constraints',
      'instance-no-usage',
      'instance-may-not-sign',
      'leaf-authority',
      'leaf-path-length',
      'leaf-no-usage',
      'leaf-key-agreement',
      'leaf-unknown-critical',
      'leaf-other-issuer',
      'leaf-other-signer',
      'leaf-self-signed',
      'leaf-trailing',
      'chain-swapped',
      'chain-reversed',
      'chain-extra',
      'root-alone',
      'cabundle-16',
      'cabundle-17',
    ])
    // Each order of the four but the right one
    const orders = permutations([0, 1, 2, 3]).filter((order) => order.join() !== '0,1,2,3')
    t.equal(orders.length, 23)
    for (const order of orders)
      t.equal(
        await verdict(maker.withBundle((bundle) => order.map((index) => bundle[index] as Uint8Array))),
        'ERR_EVIDENCE_CHAIN',
        order.join(),
      )
  },
)

t.test('A12 rejects a leaf that signs another leaf', async (t) => {
  const inner = newKey()
  const leaf = maker.chains.certificate('leaf', {
    key: inner,
    signer: maker.chains.keys.leaf,
    issuer: maker.chains.name('leaf'),
  })
  const above = maker.chains.make()
  const chain = { cabundle: [...above.cabundle, above.certificate], certificate: leaf, leafKey: inner }
  t.equal(await verdict(makeDocument(chain, maker.facts)), 'ERR_EVIDENCE_CHAIN')
  t.equal(await verdict(makeDocument(above, maker.facts)), 'accepted')
})

t.test('A13 rejects keys of other curves and forms, and signatures of other hashes', async (t) => {
  await tryCases(t, [
    'leaf-p256',
    'leaf-rsa',
    'leaf-explicit',
    'leaf-compressed',
    'leaf-off-curve',
    'leaf-sha256',
    'instance-sha256',
  ])
})

t.test('a verifier that has no root, or one that is no certificate, believes nobody', async (t) => {
  t.equal(await verdict(good(), { root: '' }), 'ERR_POLICY_ROOT')
  t.equal(await verdict(good(), { root: new Uint8Array(0) }), 'ERR_EVIDENCE_CHAIN')
  t.equal(await verdict(good(), { root }, at), 'accepted')
})

function permutations(items: number[]): number[][] {
  if (items.length <= 1) return [items]
  return items.flatMap((item, index) => permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]))
}
