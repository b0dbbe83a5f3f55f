import { spawnSync } from 'node:child_process'
import { createHash, verify, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { documentPayload, signDocument } from '../../host/nitro/nsm/document.ts'
import { PcrBank } from '../../host/nitro/nsm/pcr-bank.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'
import { appraise, parseAttestationDocument } from '../../host/verifier/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'wasmclave-pki-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const HOST = 'i-0123456789abcdef0'
const MODULE = `${HOST}-enc018aa8b8e2285d13`
const HOUR = 3_600_000
let now = Date.now()
const pki = new Pki(folder, HOST, () => now)
const nonce = new Uint8Array(32).fill(7)

async function makeDocument() {
  const leaf = pki.leaf(MODULE)
  const payload = documentPayload({
    moduleId: MODULE,
    timestampMs: now,
    pcrs: new PcrBank({ 0: '11'.repeat(48) }).locked,
    certificate: leaf.certificate,
    cabundle: leaf.cabundle,
    publicKey: null,
    userData: new Uint8Array(0),
    nonce,
  })
  return { document: await signDocument(payload, leaf.key), payload, leaf }
}
const { document, payload, leaf } = await makeDocument()

t.test("is AWS's in every byte that is not a value", async (t) => {
  const hex = Buffer.from(document).toString('hex')
  t.match(hex, /^8444a1013822a059/)
  const keys = [
    'module_id',
    'digest',
    'timestamp',
    'pcrs',
    'certificate',
    'cabundle',
    'public_key',
    'user_data',
    'nonce',
  ]
  let at = 0
  for (const key of keys) {
    const found = payload.indexOf(0x60 + key.length, at)
    const place = Buffer.from(payload).indexOf(Buffer.concat([Buffer.of(0x60 + key.length), Buffer.from(key)]), at)
    t.ok(found >= 0 && place >= at, key)
    at = place
  }
  t.match(Buffer.from(payload).toString('hex'), /6974696d657374616d701b/, 'a timestamp of nine bytes')
  t.match(
    Buffer.from(payload).toString('hex'),
    /6a7075626c69635f6b6579f669757365725f6461746140/,
    'null, and an empty string kept apart',
  )
  t.equal(payload[0], 0xa9)
  t.ok(document.length > 4300 && document.length < 4900, `${document.length} bytes`)
})

t.test('is judged by node:crypto, by our verifier and by OpenSSL', async (t) => {
  const chain = [...leaf.cabundle, leaf.certificate].map((der) => new X509Certificate(der))
  for (let i = 0; i < chain.length; i++)
    t.ok(
      (chain[i] as X509Certificate).verify((chain[Math.max(0, i - 1)] as X509Certificate).publicKey),
      `certificate ${i}`,
    )
  const toSign = Buffer.concat([
    Buffer.from('846a5369676e61747572653144a101382240', 'hex'),
    Buffer.of(0x59, payload.length >> 8, payload.length & 255),
    payload,
  ])
  t.ok(
    verify(
      'sha384',
      toSign,
      { key: (chain[4] as X509Certificate).publicKey, dsaEncoding: 'ieee-p1363' },
      document.subarray(-96),
    ),
  )
  t.match(
    await appraise(
      parseAttestationDocument(document),
      { root: pki.rootPem, nonce, pcrs: { 0: '11'.repeat(48) } },
      new Date(now),
    ),
    { authentic: true, appraised: true },
  )
  const file = (name: string, pem: string) => {
    writeFileSync(join(folder, name), pem)
    return join(folder, name)
  }
  const root = file('root.pem', pki.rootPem)
  const middle = file('middle.pem', chain.slice(1, 4).join(''))
  const end = file('leaf.pem', String(chain[4]))
  const openssl = spawnSync('openssl', ['verify', '-CAfile', root, '-untrusted', middle, end], { encoding: 'utf8' })
  if (openssl.error !== undefined) t.comment('openssl is not installed: not asked')
  else t.match(openssl.stdout, /: OK/)
})

t.test('is judged by two packages that we did not write', async (t) => {
  const base64 = Buffer.from(document).toString('base64')
  // It was written for browsers.
  Object.assign(globalThis, { window: globalThis })
  const { SignedAttestation } = await import('@0xsequence/tee-verifier')
  const attestation = SignedAttestation.fromDocument(base64)
  t.equal(await attestation.verifySignature(), true, '@0xsequence/tee-verifier: the signature')
  t.equal(await attestation.verifyRootOfTrust(new Date(now)), true, '@0xsequence/tee-verifier: the chain')
  t.equal((await attestation.rootCertFingerprint()).replace(/[^0-9a-f]/gi, '').toLowerCase(), pki.rootFingerprint)
  t.equal(attestation.pcrs.get(0), '11'.repeat(48))
  const evervault = await import('@evervault/wasm-attestation-bindings')
  evervault.initSync({ module: readFileSync('node_modules/@evervault/wasm-attestation-bindings/index_bg.wasm') })
  // It refuses an empty user_data, which AWS writes: it gets a document without.
  const plain = documentPayload({
    moduleId: MODULE,
    timestampMs: now,
    pcrs: new PcrBank({ 0: '11'.repeat(48) }).locked,
    certificate: leaf.certificate,
    cabundle: leaf.cabundle,
    publicKey: null,
    userData: null,
    nonce,
  })
  const other = Buffer.from(await signDocument(plain, leaf.key)).toString('base64')
  t.same(evervault.getNonce(other), nonce, '@evervault/wasm-attestation-bindings parses it')
  const lines: string[] = []
  const { log, error } = console
  console.log = console.error = (...args: unknown[]) => void lines.push(args.map(String).join(' '))
  let judged: unknown
  try {
    judged = evervault.validateAttestationDocPcrs(other, [new evervault.PCRs('11'.repeat(48), null, null, null, null)])
  } catch (thrown) {
    judged = thrown
  }
  Object.assign(console, { log, error })
  t.match(`${judged} ${lines.join(' ')}`, /UnknownIssuer/, "and knows no root but AWS's")
})

t.test('has certificates as AWS makes them', async (t) => {
  const [root, regional, zonal, instance, end] = [...leaf.cabundle, leaf.certificate].map(
    (der) => new X509Certificate(der),
  ) as X509Certificate[]
  t.match(root?.subject, /CN=wasmclave\.local\.nitro-enclaves/)
  const span = (certificate: X509Certificate | undefined) =>
    (Date.parse(certificate?.validTo ?? '') - Date.parse(certificate?.validFrom ?? '')) / HOUR
  t.equal(span(regional), 20 * 24 + 1)
  t.equal(span(zonal), 138)
  t.equal(span(instance), 24)
  t.equal(span(end), 3 + 3 / 3600)
  t.match(end?.serialNumber.padStart(32, '0'), /^018AA8B8E2285D13/)
  t.ok((end?.subject.split('CN=')[1] ?? 'x'.repeat(65)).length <= 64)
  t.equal(
    pki.rootFingerprint,
    createHash('sha256')
      .update(leaf.cabundle[0] as Uint8Array)
      .digest('hex'),
  )
})

t.test('renews a leaf before it expires, and authorities before a leaf could outlive them', async (t) => {
  const first = pki.leaf(MODULE)
  now += 2 * HOUR
  t.equal(pki.leaf(MODULE), first)
  now += HOUR - 5 * 60_000
  const second = pki.leaf(MODULE)
  t.not(second, first)
  for (const hours of [20, 24, 120, 400]) {
    now += hours * HOUR
    const { document } = await makeDocument()
    t.match(
      await appraise(parseAttestationDocument(document), { root: pki.rootPem }, new Date(now)),
      { authentic: true },
      `${hours} h later`,
    )
  }
  const again = new Pki(folder, HOST, () => now)
  t.equal(again.rootPem, pki.rootPem, 'the root outlives a restart')
})

t.test('refuses every changed bit, and accepts none', async (t) => {
  const fresh = (await makeDocument()).document
  const at = new Date(now)
  let accepted = 0
  for (let byte = 0; byte < fresh.length; byte += 13) {
    const changed = fresh.slice()
    changed[byte] = (changed[byte] as number) ^ (1 << (byte & 7))
    try {
      await appraise(parseAttestationDocument(changed), { root: pki.rootPem, nonce }, at)
      accepted++
    } catch (error) {
      if (!/^ERR_(EVIDENCE|CBOR)_/.test((error as { code?: string }).code ?? '')) t.fail(`byte ${byte}: ${error}`)
    }
  }
  t.equal(accepted, 0)
  const other = new Pki(mkdtempSync(join(folder, 'other-')), HOST, () => now)
  await t.rejects(appraise(parseAttestationDocument(fresh), { root: other.rootPem }, at), {
    code: 'ERR_EVIDENCE_CHAIN',
  })
  t.match(
    await appraise(parseAttestationDocument(Buffer.concat([Buffer.of(0xd2), fresh])), { root: pki.rootPem }, at),
    { authentic: true },
    'tag 18 as well',
  )
})
