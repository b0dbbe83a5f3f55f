import { readFileSync } from 'node:fs'
import t from 'tap'
import { appraise, parseAttestationDocument } from '../../host/verifier/index.ts'
import { account, vectorPath, vectorTest } from './kit.ts'

vectorTest(t, "AWS: two genuine documents, at their own time, under AWS's root", async (t) => {
  const root = readFileSync(vectorPath('aws-attestation/aws-nitro-enclaves-root-g1.pem'), 'utf8')
  const read = (name: string) => parseAttestationDocument(readFileSync(vectorPath(`aws-attestation/${name}`)))
  const signed = read('us-east-1-2022-signed-eif.cbor')
  const debug = read('us-east-1-2022-debug.cbor')
  const at = (document: typeof signed) => new Date(document.timestampMs)
  t.match(await appraise(signed, { root }, at(signed)), { authentic: true, appraised: false, debug: false })
  const pcr0 = Buffer.from(signed.pcrs.get(0) as Uint8Array).toString('hex')
  t.match(await appraise(signed, { root, pcrs: { 0: pcr0 } }, at(signed)), { authentic: true, appraised: true })
  await t.rejects(appraise(signed, { root, pcrs: { 0: `${pcr0.slice(0, -1)}0` } }, at(signed)), {
    code: 'ERR_EVIDENCE_PCR',
  })
  await t.rejects(appraise(debug, { root }, at(debug)), { code: 'ERR_EVIDENCE_DEBUG' })
  t.match(await appraise(debug, { root, allowDebug: true }, at(debug)), { authentic: true, debug: true })
  for (const document of [signed, debug])
    await t.rejects(appraise(document, { root, allowDebug: true }, new Date('2026-01-01')), {
      code: 'ERR_EVIDENCE_DATES',
    })
  account(t, 'aws-attestation', { executed: 2, outOfScope: 0, total: 2 })
})
