// Attacks on what a verifier wants: A08 to A10, A15, A16, A22, A23.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import t from 'tap'
import { rawPublicKey } from '../../../host/control/keys.ts'
import {
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  type LaunchGrant,
  storeId,
  verifyGrantChain,
} from '../../../host/verifier/index.ts'
import { at, good, maker, pcr, tryCases, verdict } from './kit.ts'

const YEAR_MS = 365 * 86_400_000
const ZEROS = '00'.repeat(48)

t.test('A08 rejects a genuine document shown for a second challenge', async (t) => {
  const document = good()
  t.equal(await verdict(document), 'accepted')
  t.equal(await verdict(document, { nonce: new Uint8Array(32).fill(1) }), 'ERR_EVIDENCE_STALE')
})

t.test(
  'A09 a relayed document is accepted and useless: it names the enclave’s key, and no other is taken',
  async (t) => {
    const document = good()
    const { publicKey } = maker.facts
    t.equal(await verdict(document, { publicKey }), 'accepted', 'by X, who asked')
    t.equal(await verdict(document, { publicKey }), 'accepted', 'by Y, whose nonce was forwarded')
    const relay = publicKey.slice()
    relay[0] = (relay[0] as number) ^ 1
    t.equal(await verdict(document, { publicKey: relay }), 'ERR_EVIDENCE_KEY_BINDING', 'with the relay’s own key')
    const inUserData = maker.document({ fields: { user_data: relay } })
    t.equal(
      await verdict(inUserData, { publicKey: relay }),
      'ERR_EVIDENCE_KEY_BINDING',
      'put elsewhere in the document',
    )
  },
)

t.test('A10 rejects a nonce that is absent, empty, or of another length, and skips none', async (t) => {
  await tryCases(t, ['nonce-null', 'nonce-empty', 'nonce-31-bytes', 'nonce-33-bytes', 'nonce-other'])
  const without = maker.document({ fields: { nonce: null } })
  t.equal(await verdict(without, { nonce: new Uint8Array(0) }), 'ERR_EVIDENCE_STALE', 'no nonce is not an empty one')
  const empty = maker.document({ fields: { nonce: new Uint8Array(0) } })
  t.equal(await verdict(empty, { nonce: new Uint8Array(0) }), 'accepted')
})

t.test('A15 rejects a debug enclave, also where the reference values are zeros or missing', async (t) => {
  await tryCases(t, ['debug', 'debug-without-registers'])
  const debug = maker.document({
    fields: { pcrs: maker.pcrs((map) => [0, 1, 2].map((index) => map.set(index, new Uint8Array(48)))) },
  })
  t.equal(await verdict(debug, { pcrs: {} }), 'ERR_EVIDENCE_DEBUG', 'no reference values')
  t.equal(await verdict(debug, { pcrs: { 0: ZEROS } }), 'ERR_POLICY_PCR', 'zeros as a reference value')
  t.equal(
    await verdict(debug, { pcrs: { 0: ZEROS }, allowDebug: true }),
    'ERR_POLICY_PCR',
    'even where debug is allowed',
  )
  t.equal(await verdict(debug, { pcrs: {}, allowDebug: true }), 'accepted', 'by who says so, and names no code')
  t.equal(await verdict(debug, { allowDebug: true }), 'ERR_EVIDENCE_PCR')
  t.equal(await verdict(good(), { pcrs: {} }), 'accepted')
})

t.test('A16 rejects a policy that names half of the code', async (t) => {
  const rows: [Record<number, string>, string][] = [
    [{ 1: pcr(1) }, 'ERR_POLICY_PCR'],
    [{ 2: pcr(2) }, 'ERR_POLICY_PCR'],
    [{ 2: pcr(2), 4: pcr(4) }, 'ERR_POLICY_PCR'],
    [{ 0: pcr(0) }, 'accepted'],
    [{ 1: pcr(1), 2: pcr(2) }, 'accepted'],
    [{ 0: pcr(0), 1: pcr(1) }, 'accepted'],
    [{ 0: pcr(0).toUpperCase() }, 'accepted'],
    [{ 32: pcr(0) }, 'ERR_POLICY_PCR'],
    [{ 0: pcr(0).slice(2) }, 'ERR_POLICY_PCR'],
    [{ 0: `${pcr(0)}00` }, 'ERR_POLICY_PCR'],
  ]
  for (const [pcrs, expected] of rows) t.equal(await verdict(good(), { pcrs }), expected, Object.keys(pcrs).join())
  const signer = 'ab'.repeat(48)
  const signed = maker.document({ fields: { pcrs: maker.pcrs((map) => map.set(8, new Uint8Array(48).fill(0xab))) } })
  t.equal(await verdict(signed, { pcrs: { 8: signer } }), 'accepted', 'PCR8 alone')
  t.equal(await verdict(good(), { pcrs: { 8: signer } }), 'ERR_EVIDENCE_PCR')
  // The attacker changes the half that is not named, where somebody got past the constructor with both.
  const other = maker.document({ fields: { pcrs: maker.pcrs((map) => map.set(2, new Uint8Array(48).fill(1))) } })
  t.equal(await verdict(other, { pcrs: { 1: pcr(1), 2: pcr(2) } }), 'ERR_EVIDENCE_PCR')
})

const owner = generateKeyPairSync('ed25519').privateKey
const stranger = generateKeyPairSync('ed25519').privateKey
const hexOf = (key: KeyObject) => Buffer.from(rawPublicKey(key)).toString('hex')

/** Reference values reach a verifier by the owner's grant: these are its versions, each signed by `signers[i]`. */
async function chainOf(versions: number[], signers: KeyObject[] = versions.map(() => owner)): Promise<Uint8Array> {
  const grant: LaunchGrant = {
    version: 1,
    owners: [hexOf(owner)],
    tenant: 't',
    enclaveName: 'e',
    workloadName: 'w',
    storeId: await storeId(hexOf(owner), 'e'),
    kmsKey: null,
    releaseRule: { pcr8: 'ab'.repeat(48) },
    minSecurityVersion: 1,
    logKey: null,
    genesisDigest: 'cd'.repeat(48),
    development: true,
  }
  return encodeGrantChain(
    versions.map((version, index) => {
      const bytes = encodeGrant({ ...grant, version })
      return { bytes, signature: new Uint8Array(sign(null, grantSigningInput(bytes), signers[index] as KeyObject)) }
    }),
  )
}

t.test('A22 rejects reference values that nobody signed, that jump ahead, or that a stranger signed', async (t) => {
  const accepts = async (versions: number[], signers?: KeyObject[]) =>
    verifyGrantChain(await chainOf(versions, signers))
  t.equal((await accepts([1])).newest.version, 1)
  t.equal((await accepts([1, 2, 3])).newest.version, 3)
  await t.rejects(accepts([1], [stranger]), { code: 'ERR_GRANT_SIGNATURE' })
  await t.rejects(accepts([1, 2], [owner, stranger]), { code: 'ERR_GRANT_SIGNATURE' })
  for (const jump of [[2], [1, 3], [1, 1], [2, 1], [1, 2, 2 ** 53 - 1]])
    await t.rejects(accepts(jump), { code: 'ERR_GRANT_CHAIN' }, jump.join())
  await t.rejects(accepts([2 ** 53]), { code: 'ERR_GRANT_SYNTAX' }, 'no safe integer')
  await t.rejects(accepts([0]), { code: 'ERR_GRANT_SYNTAX' })
})

t.test('A22 refuses what is old where the verifier says how old it may be', async (t) => {
  await tryCases(t, ['age-300', 'age-301'])
  const old = maker.document({ fields: { timestamp: maker.atMs - 301_000 } })
  t.equal(await verdict(old, { maxAgeSeconds: 301 }), 'accepted')
})

t.test('A23 judges by its own time and nonce, whatever the host’s clock says', async (t) => {
  for (const offsetMs of [-YEAR_MS, 10 * YEAR_MS]) {
    const shifted = maker.document({ fields: { timestamp: maker.atMs + offsetMs } })
    t.equal(await verdict(shifted), 'ERR_EVIDENCE_STALE', `${offsetMs} ms`)
    const patient = await verdict(shifted, { maxAgeSeconds: (20 * YEAR_MS) / 1000 })
    t.equal(
      patient,
      offsetMs < 0 ? 'accepted' : 'ERR_EVIDENCE_STALE',
      'by a verifier that takes old ones: none of the future',
    )
    // The leaf's own dates are the verifier's to judge, by the verifier's clock.
    t.equal(await verdict(good(), {}, new Date(maker.atMs + offsetMs)), 'ERR_EVIDENCE_DATES')
  }
  await tryCases(t, ['ahead-60', 'ahead-61'])
  t.equal(await verdict(good(), {}, at), 'accepted')
})
