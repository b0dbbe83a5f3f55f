// The kit of bad documents: each is refused by our verifier with exactly the code beside it, and its twin accepted.
import t from 'tap'
import { type BadDocumentsManifest, makeBadDocuments } from '../../host/cli/bad-documents.ts'
import { appraise, parseAttestationDocument } from '../../host/verifier/index.ts'

t.setTimeout(170_000)
const { manifest, files } = makeBadDocuments(Date.now())
const at = new Date(manifest.at)

async function verdict(name: string): Promise<string> {
  const { policy } = manifest
  try {
    const document = parseAttestationDocument(files.get(name) as Uint8Array)
    await appraise(
      document,
      {
        root: files.get(manifest.root) as string,
        nonce: new Uint8Array(Buffer.from(policy.nonce, 'hex')),
        pcrs: { 0: policy.pcr0 },
        maxAgeSeconds: policy.maxAgeSeconds,
      },
      at,
    )
    return 'accepted'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

t.test('each document gets the verdict beside it', async (t) => {
  for (const { file, fault, verdict: expected } of manifest.documents)
    t.equal(await verdict(file), expected, `${file}: ${fault}`)
})

t.test('there are at least forty wrong ones, and each has a twin that is accepted', async (t) => {
  const wrong = manifest.documents.filter(({ verdict }) => verdict !== 'accepted')
  t.ok(wrong.length >= 40, `${wrong.length} wrong documents`)
  t.equal(new Set(manifest.documents.map(({ file }) => file)).size, manifest.documents.length, 'no name twice')
  const accepted = new Set(manifest.documents.filter(({ verdict }) => verdict === 'accepted').map(({ file }) => file))
  for (const { file, twin } of wrong) t.ok(accepted.has(twin), `${file} and ${twin}`)
})

t.test('the files are those of the manifest, the root and a page for people', async (t) => {
  const names = manifest.documents.map(({ file }) => file)
  t.same([...files.keys()].sort(), [...names, 'README.txt', 'manifest.json', 'root.pem'].sort())
  t.same(JSON.parse(files.get('manifest.json') as string) as BadDocumentsManifest, manifest)
})
