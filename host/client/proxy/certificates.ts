/**
 * The proxy's TLS: a CA of its own in DIR/customer, a certificate for loopback made anew at each start, and one for a client, which is as
 * good as the token (`curl --cert DIR/customer/client.pem --key DIR/customer/client.key`).
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const CA_DAYS = 3650
const LEAF_DAYS = 397
const DAY_MS = 86_400_000

export type ProxyTls = { key: string; cert: string /** PEM */; ca: string; caFile: string }

/** @param folder the customer's folder; gets `ca.pem`, `ca.key`, `client.pem` and `client.key` (keys 0600) where they are missing or old */
export async function proxyTls(folder: string, nowMs: number): Promise<ProxyTls> {
  x509.cryptoProvider.set(crypto)
  const caFile = join(folder, 'ca.pem')
  const keyFile = join(folder, 'ca.key')
  if (!existsSync(caFile) || !existsSync(keyFile)) await makeAuthority(caFile, keyFile, nowMs)
  const ca = new x509.X509Certificate(readFileSync(caFile, 'utf8'))
  const caKey = await importKey(readFileSync(keyFile, 'utf8'))
  const server = await makeLeaf(ca, caKey, nowMs, 'CN=wasmclave proxy', x509.ExtendedKeyUsage.serverAuth, [
    new x509.SubjectAlternativeNameExtension([
      { type: 'ip', value: '127.0.0.1' },
      { type: 'ip', value: '::1' },
      { type: 'dns', value: 'localhost' },
    ]),
  ])
  await makeClient(folder, ca, caKey, nowMs)
  const caPem = `${ca.toString('pem')}\n`
  return { key: server.key, cert: `${server.cert}${caPem}`, ca: caPem, caFile }
}

// Another CA, or one that ends within a month, and the client's certificate is made anew.
async function makeClient(folder: string, ca: x509.X509Certificate, caKey: CryptoKey, nowMs: number): Promise<void> {
  const certFile = join(folder, 'client.pem')
  const keyFile = join(folder, 'client.key')
  if (existsSync(certFile) && existsSync(keyFile)) {
    const known = new x509.X509Certificate(readFileSync(certFile, 'utf8'))
    if (known.notAfter.getTime() > nowMs + 30 * DAY_MS && (await known.verify({ publicKey: ca.publicKey }))) return
  }
  const client = await makeLeaf(ca, caKey, nowMs, 'CN=wasmclave owner', x509.ExtendedKeyUsage.clientAuth, [])
  // CRASH: a key without its certificate, or beside an old one: of no use, and made anew once the old one is gone.
  rmSync(certFile, { force: true })
  writeFileSync(keyFile, client.key, { mode: 0o600 })
  writeFileSync(certFile, client.cert, { mode: 0o600 })
}

async function makeLeaf(
  ca: x509.X509Certificate,
  caKey: CryptoKey,
  nowMs: number,
  subject: string,
  usage: x509.ExtendedKeyUsage,
  more: x509.Extension[],
): Promise<{ key: string; cert: string }> {
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair
  const leaf = await x509.X509CertificateGenerator.create({
    subject,
    issuer: ca.subject,
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + LEAF_DAYS * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: caKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      ...more,
      await x509.AuthorityKeyIdentifierExtension.create(ca),
    ],
  })
  return { key: await exportKey(keys.privateKey), cert: `${leaf.toString('pem')}\n` }
}

async function makeAuthority(caFile: string, keyFile: string, nowMs: number): Promise<void> {
  const keys = (await crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as CryptoKeyPair
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=wasmclave proxy CA',
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  writeFileSync(keyFile, await exportKey(keys.privateKey), { mode: 0o600 })
  // CRASH: a key without its certificate: the next start makes both anew.
  writeFileSync(`${caFile}.new`, `${ca.toString('pem')}\n`, { mode: 0o644 })
  renameSync(`${caFile}.new`, caFile)
}

async function exportKey(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')
}

async function importKey(pem: string): Promise<CryptoKey> {
  return crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ['sign'])
}
