// A pipeline with a key and certificate of its own, and releases that it signs.
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto'
import { type ReleaseFacts, signRelease } from '../../host/control/releases/release.ts'
import { basicConstraints, keyUsage, makeCertificate, type Rdn } from '../../host/nitro/pki/certificate.ts'

export class Pipeline {
  readonly key: KeyObject
  readonly certificate: X509Certificate

  constructor(namedCurve = 'P-384') {
    this.key = generateKeyPairSync('ec', { namedCurve }).privateKey
    const name: Rdn[] = [['CN', 'pipeline under test']]
    const now = Date.now()
    const fields = {
      serial: randomBytes(16),
      subject: name,
      issuer: name,
      notBeforeMs: now - 60_000,
      notAfterMs: now + 86_400_000,
      publicKey: this.key,
      extensions: [basicConstraints(false, null), keyUsage(0x80, true)],
    }
    this.certificate = new X509Certificate(makeCertificate(fields, this.key))
  }

  /** What a policy names. */
  get digest(): string {
    return createHash('sha384').update(this.certificate.raw).digest('hex')
  }

  release(facts: Partial<ReleaseFacts> = {}): Uint8Array {
    return signRelease(releaseFacts(facts), this.key, this.certificate)
  }
}

/** Facts of a release that is as it should be, but for the changes. */
export function releaseFacts(changes: Partial<ReleaseFacts> = {}): ReleaseFacts {
  const image = changes.image ?? '12'.repeat(48)
  return {
    workload: 'keyvalue',
    version: '1.0.0',
    securityVersion: 1,
    image,
    imageName: 'keyvalue.eif',
    builder: 'urn:test:builder',
    dependencies: [{ name: 'workload.wasm', sha384: '34'.repeat(48) }],
    tests: {
      image,
      imageName: 'keyvalue.eif',
      passed: true,
      command: ['node', 'suite.js', '{eif}'],
      passedTests: ['keeps what it was given'],
      failedTests: [],
    },
    ...changes,
  }
}
