/**
 * `wasmclave attest bad-documents`: documents with one fault each, their accepted twins, and what a verifier must make of each. For people
 * who test their own verifiers; keys are made for the run and not kept.
 */
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { CASES, MAX_AGE_SECONDS, Maker } from './bad-documents/index.ts'
import { writeFile } from './files.ts'
import { printJson } from './output.ts'

const FORMAT = 'wasmclave bad documents 1'

export type BadDocument = { file: string; fault: string; verdict: string; twin: string }
export type BadDocumentsManifest = {
  format: typeof FORMAT
  root: string
  /** RFC 3339: judged at this time, whenever that is. */
  at: string
  policy: { nonce: string; pcr0: string; maxAgeSeconds: number; allowDebug: false }
  documents: BadDocument[]
}

/** @throws UsageError ERR_FILE_FOLDER where the folder has something in it */
export function badDocuments({ output }: { output: string }): void {
  mkdirSync(output, { recursive: true })
  if (readdirSync(output).length > 0)
    throw new UsageError('ERR_FILE_FOLDER', `${output} is not empty: documents of two runs have two roots`)
  const { manifest, files } = makeBadDocuments(Date.now())
  for (const [name, content] of files) writeFile(join(output, name), content)
  const accepted = manifest.documents.filter(({ verdict }) => verdict === 'accepted').length
  printJson({ Documents: manifest.documents.length, Accepted: accepted, At: manifest.at, Output: output })
}

/** All of them, with manifest.json, root.pem and README.txt, by file name. */
export function makeBadDocuments(nowMs: number): {
  manifest: BadDocumentsManifest
  files: Map<string, Uint8Array | string>
} {
  const maker = new Maker(nowMs)
  const files = new Map<string, Uint8Array | string>()
  const file = (name: string) => `${name}.cbor`
  for (const each of CASES) files.set(file(each.name), each.make(maker))
  const manifest: BadDocumentsManifest = {
    format: FORMAT,
    root: 'root.pem',
    at: new Date(maker.atMs).toISOString(),
    policy: {
      nonce: Buffer.from(maker.facts.nonce).toString('hex'),
      pcr0: Buffer.from(maker.facts.pcrs[0]?.[1] as Uint8Array).toString('hex'),
      maxAgeSeconds: MAX_AGE_SECONDS,
      allowDebug: false,
    },
    documents: CASES.map(({ name, fault, verdict, twin }) => ({ file: file(name), fault, verdict, twin: file(twin) })),
  }
  files.set('manifest.json', `${JSON.stringify(manifest, null, 2)}\n`)
  files.set('root.pem', new X509Certificate(maker.chains.root).toString())
  files.set('README.txt', README)
  return { manifest, files }
}

const README = `Attestation documents for testing a verifier
============================================

Each .cbor file is an attestation document in the format of AWS Nitro Enclaves, under the root in root.pem, which is nobody's. manifest.json
names for each what is wrong with it, and what a verifier must make of it. Every wrong one has a twin that is right and differs
in that one thing: a verifier that refuses both has shown nothing.

Judge every document

  - under root.pem, and no other root,
  - at the time "at" of the manifest, whenever you read this,
  - by the manifest's policy: its nonce, its PCR0, at most maxAgeSeconds old, no debug enclave.

"verdict" is "accepted", or a code of wasmclave's own verifier. Your verifier has other words; what counts is that it refuses, and that it does so
for that reason:

  ERR_CBOR_*               no deterministic CBOR: duplicate keys, lengths that are indefinite or not the shortest, trailing bytes, depth
  ERR_EVIDENCE_SYNTAX      COSE_Sign1 or a field of the document is not as it must be
  ERR_EVIDENCE_CHAIN       the certificates do not lead to the root, or are not of the profile
  ERR_EVIDENCE_DATES       a certificate has expired or is not valid yet
  ERR_EVIDENCE_SIGNATURE   the signature is not the leaf's over this payload
  ERR_EVIDENCE_STALE       another nonce, none, or too old
  ERR_EVIDENCE_DEBUG       PCR0 to PCR2 are zero
  ERR_EVIDENCE_PCR         not the image that the policy names

Where a document has unusual but legal content, some verifiers refuse it (user_data above 512 bytes, an empty user_data): see "fault".
`
