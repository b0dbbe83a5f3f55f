// Every check of a release (assembly/abi/STORE.md): what it refuses, and the same fixture accepted without that one change.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import t from 'tap'
import {
  REFUSED_DESTROYED,
  REFUSED_DEVELOPMENT,
  REFUSED_EVIDENCE,
  REFUSED_EXISTS,
  REFUSED_GRANT,
  REFUSED_IMAGE,
  REFUSED_ISOLATION,
  REFUSED_REPLAY,
  REFUSED_SECURITY_VERSION,
  REFUSED_SYNTAX,
  REFUSED_UNKNOWN,
  REFUSED_WRAPPING,
  STORE_CREATE,
  STORE_FOLLOW,
  STORE_MESSAGE_MAX,
  STORE_TAKE,
} from '../../assembly/abi/store.ts'
import { rawPublicKey } from '../../host/control/keys.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import { type Changes, head, KernelPeer, NO_HEAD, PCRS, refusal, Side } from './kit.ts'

// Hundreds of documents are verified here, some milliseconds each.
t.setTimeout(170_000)
const side = new Side(t)
const keys = await side.open()

/** Sends a request that has one change, and says how it was refused. */
async function refused(changes: Changes): Promise<{ code: number; reason: string }> {
  side.pass()
  return refusal(await keys.handle((await KernelPeer.boot(side, changes)).k1))
}
async function accepted(changes: Changes = {}) {
  side.pass()
  const peer = await KernelPeer.boot(side, changes)
  return { peer, released: await peer.release(keys) }
}

t.test('releases a key of 32 bytes, a wrapping, and a register at generation 0', async (t) => {
  const { released } = await accepted()
  t.equal(released.dek.length, 32)
  t.equal(released.wrapped.length, 65)
  t.same([released.generation, released.head, released.flags], [0, NO_HEAD, 0])
  t.equal(released.random.length, 32)
})

const otherKey = generateKeyPairSync('ed25519').privateKey
const otherHex = Buffer.from(rawPublicKey(otherKey)).toString('hex')
const stranger = new Side(t)
stranger.kmsKey = side.kmsKey

t.test('refuses each change to the evidence, and accepts it unchanged', async (t) => {
  const plain = await KernelPeer.boot(side)
  const rows: [string, Changes, RegExp][] = [
    ['another root', { pki: side.otherPki() }, /ERR_EVIDENCE_CHAIN: root [0-9a-f]{64}, trusted are/],
    ['a debug enclave', { debug: true }, /ERR_EVIDENCE_DEBUG/],
    ['a document older than 300 s', { ageMs: 300_001 }, /ERR_EVIDENCE_STALE: the document is 300 s old/],
    ['a document from the future', { ageMs: -60_001 }, /ERR_EVIDENCE_STALE/],
    ['a document of a session', { label: 'wasmclave/channel\0' }, /ERR_EVIDENCE_PURPOSE/],
    ['a document of a workload', { label: 'wasmclave/workload\0' }, /ERR_EVIDENCE_PURPOSE/],
    ['a document for auditors', { label: 'wasmclave/evidence\0' }, /ERR_EVIDENCE_PURPOSE/],
    ['a document for another B', { boundTo: plain.k1 }, /ERR_EVIDENCE_KEY_BINDING: user_data is/],
    ['a key that the document does not name', { documentKey: new Uint8Array(32).fill(9) }, /ERR_EVIDENCE_KEY_BINDING/],
    ['no nonce', { nonce: null }, /ERR_EVIDENCE_STALE: a nonce of 0 bytes/],
    ['a nonce of 31 bytes', { nonce: new Uint8Array(31) }, /a nonce of 31 bytes/],
    ['a nonce of 33 bytes', { nonce: new Uint8Array(33) }, /a nonce of 33 bytes/],
    ['a grant that was not measured', { shown: { grantChain: await side.chainOf({ tenant: 'else' }) } }, /PCR16 is/],
    ['a record that is no record', { admission: { version: 2 as 1 } }, /ERR_RECORD_SYNTAX/],
  ]
  for (const [name, changes, reason] of rows) {
    const answer = await refused(changes)
    t.equal(answer.code, REFUSED_EVIDENCE, name)
    t.match(answer.reason, reason, name)
  }
  await t.resolves(accepted({ ageMs: 0 }), 'unchanged')
  side.pass(600_000)
  await t.resolves(accepted({ ageMs: 299_000 }), '299 s')
})

t.test('a sibling with the same image and another grant gets its own store, never this one (D16)', async (t) => {
  const mine = (await accepted()).released
  const sibling = await KernelPeer.boot(side, { grant: { enclaveName: 'sibling' } })
  const theirs = await sibling.release(keys)
  t.notSame(theirs.dek, mine.dek)
  const shown = { grantChain: await side.chainOf() }
  t.match(await refused({ grant: { enclaveName: 'sibling' }, shown }), { code: REFUSED_EVIDENCE, reason: /PCR16/ })
  t.match(await refused({ grant: { enclaveName: 'sibling' }, mode: STORE_TAKE, wrappedDek: mine.wrapped }), {
    code: REFUSED_WRAPPING,
    reason: /ERR_OPEN_FAILED/,
  })
  t.same((await accepted({ mode: STORE_TAKE, wrappedDek: mine.wrapped })).released.dek, mine.dek)
})

t.test('refuses a grant that is not its owner’s word to this KMS', async (t) => {
  const forged = await stranger.chainOf({ owners: [Buffer.from(rawPublicKey(side.owner)).toString('hex')] })
  const rows: [string, Changes, RegExp][] = [
    ['signed by a stranger', { grantChain: forged }, /ERR_GRANT_SIGNATURE/],
    ['another store id', { grant: { storeId: '00'.repeat(32) } }, /ERR_GRANT_CHAIN: store id/],
    ['another KMS', { grant: { kmsKey: otherHex } }, /ERR_RELEASE_KMS/],
    ['no KMS', { grant: { kmsKey: null } }, /names no KMS/],
    ['another genesis', { grant: { genesisDigest: '98'.repeat(48) } }, /ERR_RELEASE_GENESIS/],
    ['no chain', { grantChain: new Uint8Array(3) }, /ERR_CBOR_SYNTAX/],
    ['an empty chain', { grantChain: encodeCbor([]) }, /ERR_GRANT_SYNTAX/],
  ]
  for (const [name, changes, reason] of rows) {
    const answer = await refused(changes)
    t.equal(answer.code, REFUSED_GRANT, name)
    t.match(answer.reason, reason, name)
  }
  await t.resolves(accepted(), 'unchanged')
})

t.test('a grant below the highest version seen is refused, that version and later ones are not', async (t) => {
  const grant = { enclaveName: 'versions' }
  for (const version of [2, 2, 3]) await t.resolves(accepted({ grant: { ...grant, version } }), `version ${version}`)
  t.match(await refused({ grant: { ...grant, version: 2 } }), {
    code: REFUSED_GRANT,
    reason: /ERR_RELEASE_GRANT_VERSION: grant version 2, the owner has signed 3/,
  })
  t.match(await refused({ grant: { ...grant, version: 2 }, mode: STORE_FOLLOW }), { code: REFUSED_GRANT })
  const { released } = await accepted({ grant: { ...grant, version: 4 }, mode: STORE_FOLLOW })
  t.equal(released.grantVersion, 4, 'a follower shows a newer grant too')
  t.match(await refused({ grant: { ...grant, version: 3 } }), { code: REFUSED_GRANT })
})

t.test('releases by the pipeline’s certificate, or by pins, and to no other image', async (t) => {
  t.match(await refused({ pcrs: { 8: 'b8'.repeat(48) } }), {
    code: REFUSED_IMAGE,
    reason: /PCR8 is b8b8.*demands a8a8/,
  })
  await t.resolves(accepted())
  const pin = { pcr0: PCRS[0] as string, pcr1: PCRS[1] as string, pcr2: PCRS[2] as string }
  const other = { pcr0: 'b0'.repeat(48), pcr1: 'b1'.repeat(48), pcr2: 'b2'.repeat(48) }
  const grant = { enclaveName: 'pins', releaseRule: { pins: [other, pin] } }
  for (const index of [0, 1, 2])
    t.match(await refused({ grant, pcrs: { [index]: 'cc'.repeat(48) } }), { code: REFUSED_IMAGE, reason: /cccc/ })
  await t.resolves(accepted({ grant }))
  t.match(await refused({ grant: { ...grant, releaseRule: { pins: [other] } } }), { code: REFUSED_IMAGE })
  // Half of one pin and half of the other
  t.match(await refused({ grant, pcrs: { 0: other.pcr0 } }), { code: REFUSED_IMAGE })
})

t.test('refuses a security version below the grant’s minimum, and below the store’s highest', async (t) => {
  const grant = { enclaveName: 'security', minSecurityVersion: 3 }
  t.match(await refused({ grant, admission: { securityVersion: 2 } }), {
    code: REFUSED_SECURITY_VERSION,
    reason: /security version 2, the grant demands 3/,
  })
  await t.resolves(accepted({ grant, admission: { securityVersion: 3 } }))
  const follower = await accepted({ grant, mode: STORE_FOLLOW, admission: { securityVersion: 5 } })
  t.equal(follower.released.securityVersion, 3, 'a follower does not raise it')
  await t.resolves(accepted({ grant, mode: STORE_TAKE, admission: { securityVersion: 4 } }))
  t.match(await refused({ grant, mode: STORE_TAKE, admission: { securityVersion: 3 } }), {
    code: REFUSED_SECURITY_VERSION,
    reason: /security version 3, the store was written by 4/,
  })
  t.match(await refused({ grant, mode: STORE_FOLLOW, admission: { securityVersion: 3 } }), { reason: /of a follower/ })
})

t.test('refuses a host without a layer that the grant demands', async (t) => {
  const grant = (minIsolation: string[]) => ({ grant: { enclaveName: 'isolation', minIsolation } })
  t.match(await refused(grant(['seccomp'])), { code: REFUSED_ISOLATION, reason: /seccomp is absent/ })
  t.match(await refused(grant(['process', 'moat'])), { code: REFUSED_ISOLATION, reason: /moat is unknown/ })
  await t.resolves(accepted(grant(['process', 'permission-model'])))
  await t.resolves(accepted(grant([])))
  t.match(await refused(grant(['Not a name'])), {
    code: REFUSED_GRANT,
    reason: /minIsolation of the grant does not fit/,
  })
})

t.test('releases nothing of a grant for production to a development host', async (t) => {
  const grant = { enclaveName: 'production', development: false, logKey: otherHex }
  const genuine = { releaseDigest: '01'.repeat(48), policyDigest: '02'.repeat(48), logIndex: 1, checkpoint: 'x' }
  const production = { grant, admission: { ...genuine, development: false }, boot: { development: false } }
  t.match(await refused({ ...production, boot: { development: true } }), { code: REFUSED_DEVELOPMENT })
  t.match(await refused({ ...production, admission: { ...genuine, development: true } }), { code: REFUSED_DEVELOPMENT })
  await t.resolves(accepted(production))
})

t.test('create is the same again at generation 0, and refused above it; take and follow need a store', async (t) => {
  const grant = { enclaveName: 'modes' }
  for (const mode of [STORE_TAKE, STORE_FOLLOW]) t.match(await refused({ grant, mode }), { code: REFUSED_UNKNOWN })
  const first = await accepted({ grant, mode: STORE_CREATE })
  const second = await accepted({ grant, mode: STORE_CREATE })
  t.same(second.released.dek, first.released.dek)
  t.same(second.released.wrapped, first.released.wrapped)
  const taken = await accepted({ grant, mode: STORE_TAKE, wrappedDek: first.released.wrapped })
  t.same(taken.released.dek, first.released.dek)
  t.match(taken.peer.answered(await keys.handle(taken.peer.advance(0, NO_HEAD, head(1)))), {
    status: 0,
    generation: 1n,
  })
  t.match(await refused({ grant, mode: STORE_CREATE }), { code: REFUSED_EXISTS, reason: /at generation 1/ })
  for (const mode of [STORE_TAKE, STORE_FOLLOW]) {
    const { released } = await accepted({ grant, mode })
    t.same([released.dek, released.generation, released.head], [first.released.dek, 1, head(1)], `mode ${mode}`)
  }
})

t.test('a substituted wrapped key opens nothing', async (t) => {
  const grant = { enclaveName: 'wrapped' }
  const { released } = await accepted({ grant })
  const { released: other } = await accepted({ grant: { enclaveName: 'wrapped-other' } })
  const take = { grant, mode: STORE_TAKE }
  t.match(await refused({ ...take, wrappedDek: other.wrapped }), { code: REFUSED_WRAPPING }, 'of another store')
  for (let at = 0; at < released.wrapped.length; at++) {
    const changed = released.wrapped.slice()
    changed[at] = (changed[at] as number) ^ 0x80
    const { code } = await refused({ ...take, wrappedDek: changed })
    // A KEK version in the past is a key that was destroyed; nothing can tell whether it ever was.
    if (![REFUSED_WRAPPING, REFUSED_DESTROYED].includes(code)) t.fail(`byte ${at}: ${code}`)
  }
  for (const length of [0, 64])
    t.match(await refused({ ...take, wrappedDek: released.wrapped.slice(0, length) }), { code: REFUSED_WRAPPING })
  t.match(await refused({ ...take, wrappedDek: new Uint8Array(256) }), { code: REFUSED_WRAPPING })
  t.match(await refused({ ...take, wrappedDek: new Uint8Array(257) }), { code: REFUSED_SYNTAX })
  // The attacker's own key, under the attacker's own KMS
  const evil = new Side(t)
  const evilKeys = await evil.open()
  const theirs = await (await KernelPeer.boot(evil, { grant })).release(evilKeys)
  t.match(await refused({ ...take, wrappedDek: theirs.wrapped }), { code: REFUSED_WRAPPING })
  t.same((await accepted({ ...take, wrappedDek: released.wrapped })).released.dek, released.dek)
  t.same((await accepted({ ...take, wrappedDek: null })).released.dek, released.dek)
})

t.test('an answer that the grant’s KMS did not sign is believed by nobody', async (t) => {
  const grant = { enclaveName: 'forged' }
  side.pass()
  const peer = await KernelPeer.boot(side, { grant })
  // The parent runs a KMS of its own, which trusts this host's root, and answers with a key that the parent knows.
  const liar = new Side(t)
  const lyingKeys = await liar.open({ attestationRoots: [side.pki.rootFingerprint], now: () => side.nowMs })
  t.match(refusal(await lyingKeys.handle(peer.k1)), { code: REFUSED_GRANT, reason: /ERR_RELEASE_KMS/ })
  const answer = await keys.handle(peer.k1)
  t.throws(() => peer.open(answer, liar.kmsKey), /signature/)
  for (let at = 0; at < answer.length; at++) {
    const changed = answer.slice()
    changed[at] = (changed[at] as number) ^ 1
    let believed = true
    try {
      peer.open(changed)
    } catch {
      believed = false
    }
    if (believed) t.fail(`byte ${at} changed, and believed`)
  }
  t.equal(peer.open(answer).dek.length, 32, 'unchanged')
})

t.test('an answer to one request opens for no other (D15)', async (t) => {
  const grant = { enclaveName: 'answers' }
  side.pass()
  const first = await KernelPeer.boot(side, { grant })
  const answer = await keys.handle(first.k1)
  side.pass()
  const restarted = await KernelPeer.boot(side, { grant })
  t.throws(() => restarted.open(answer), /signature/)
  t.equal((await restarted.release(keys)).dek.length, 32)
})

t.test('a request that was accepted, or is not newer, is refused', async (t) => {
  const grant = { enclaveName: 'replays' }
  const { peer } = await accepted({ grant })
  t.match(refusal(await keys.handle(peer.k1)), { code: REFUSED_REPLAY, reason: /ERR_RELEASE_REPLAY/ })
  const same = await KernelPeer.boot(side, { grant })
  t.match(refusal(await keys.handle(same.k1)), { code: REFUSED_REPLAY }, 'of the same millisecond')
  side.pass(1)
  await t.resolves((await KernelPeer.boot(side, { grant })).release(keys), 'of the next one')
})

t.test('refuses what is no request, at every length and with every bit changed', async (t) => {
  side.pass()
  const { k1 } = await KernelPeer.boot(side, { grant: { enclaveName: 'fuzz' } })
  for (const message of [new Uint8Array(0), Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(9, 1)])
    t.match(refusal(await keys.handle(message)), { code: REFUSED_SYNTAX })
  for (const size of [STORE_MESSAGE_MAX, STORE_MESSAGE_MAX + 1])
    t.match(refusal(await keys.handle(new Uint8Array(size).fill(1))), { code: REFUSED_SYNTAX })
  let refusedCount = 0
  for (let length = 0; length < k1.length; length += 173) {
    refusal(await keys.handle(k1.slice(0, length)))
    refusedCount++
  }
  for (let at = 0; at < k1.length; at += 29) {
    const changed = k1.slice()
    changed[at] = (changed[at] as number) ^ (1 << (at % 8))
    refusal(await keys.handle(changed))
    refusedCount++
  }
  for (let i = 0; i < 2000; i++) {
    const noise = new Uint8Array(randomBytes(1 + (i % 200)))
    noise[0] = 1 + (i % 4)
    refusal(await keys.handle(noise))
  }
  t.ok(refusedCount > 200, `${refusedCount} changed messages`)
  t.match(refusal(await keys.handle((await KernelPeer.boot(side, { publicKey: new Uint8Array(32) })).k1)), {
    code: REFUSED_SYNTAX,
    reason: /ERR_HPKE_KEY/,
  })
  const peer = await KernelPeer.boot(side, { grant: { enclaveName: 'fuzz' } })
  await t.resolves(peer.release(keys), 'unchanged')
})
