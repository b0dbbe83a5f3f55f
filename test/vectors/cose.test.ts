import { readdirSync } from 'node:fs'
import t from 'tap'
import { type CoseAlgorithm, ES256, ES384, parseCoseSign1, verifyCoseSign1 } from '../../host/verifier/cose.ts'
import { account, hex, readVectors, vectorPath, vectorTest } from './kit.ts'

type Jwk = { kty: string; crv: string; x: string; y: string }
type Example = {
  fail?: boolean
  input?: { sign0: { key: Jwk; external?: string } }
  output?: { cbor: string }
  key?: Jwk
  'sign1::verify'?: { taggedCOSESign1: { cborHex: string }; shouldVerify: boolean }
  'sign1::sign'?: { expectedOutput: { cborHex: string } }
}
const ALGORITHMS: Record<string, CoseAlgorithm> = { 'P-256': ES256, 'P-384': ES384 }
/** The algorithm unprotected, and external data: documents have neither, and both are refused by design. */
const NOT_OURS = ['sign-pass-01.json', 'sign-pass-02.json']

vectorTest(t, 'COSE_Sign1: accepts what is right and refuses each wrong one', async (t) => {
  const files = readdirSync(vectorPath('cose')).filter((name) => name.endsWith('.json'))
  let executed = 0
  for (const file of files) {
    if (NOT_OURS.includes(file)) continue
    executed++
    const example = readVectors<Example>(`cose/${file}`)
    const jwk = (example.key ?? example.input?.sign0.key) as Jwk
    const encoded =
      example.output?.cbor ??
      example['sign1::verify']?.taggedCOSESign1.cborHex ??
      example['sign1::sign']?.expectedOutput.cborHex
    const expected = example.fail !== true && (example['sign1::verify']?.shouldVerify ?? true)
    const key = await crypto.subtle.importKey(
      'jwk',
      { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y },
      { name: 'ECDSA', namedCurve: jwk.crv },
      false,
      ['verify'],
    )
    let valid: boolean
    try {
      valid = await verifyCoseSign1(parseCoseSign1(hex(encoded as string)), key, ALGORITHMS[jwk.crv] as CoseAlgorithm)
    } catch {
      valid = false
    }
    t.equal(valid, expected, file)
  }
  account(t, 'cose', { executed, outOfScope: NOT_OURS.length, total: files.length })
})
