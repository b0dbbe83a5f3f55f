// A policy that demands an image releases to that image and to nothing else: each outcome for every operation with a Recipient, beside its twin.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import {
  DecryptCommand,
  DeriveSharedSecretCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyPairCommand,
  GenerateRandomCommand,
  type RecipientInfo,
} from '@aws-sdk/client-kms'
import t from 'tap'
import { type BadDocumentsManifest, makeBadDocuments } from '../../host/cli/bad-documents.ts'
import { Input } from '../../host/kms/input.ts'
import { RecipientVerifier } from '../../host/kms/recipient/recipient.ts'
import { Pki } from '../../host/nitro/pki/pki.ts'
import { type Attestation, attestedPolicy, ENCLAVE_ROLE, IMAGE, KmsUnderTest, TestEnclave } from './kit.ts'

t.setTimeout(120_000)
const MAX_AGE = 300
const kms = await KmsUnderTest.start({ maxDocumentAge: MAX_AGE })
t.teardown(() => kms.stop())
const client = kms.client(ENCLAVE_ROLE)
const enclave = new TestEnclave(kms)
const text = Buffer.from('attack at dawn')
const PCR0 = IMAGE[0] as string
const ACTIONS = ['kms:Decrypt', 'kms:GenerateDataKey*', 'kms:DeriveSharedSecret']
const peer = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })
const stranger = new Pki(mkdtempSync(join(kms.folder, 'stranger-')), 'i-0123456789abcdef0', () => kms.nowMs)

type Answer = { CiphertextForRecipient?: Uint8Array | undefined }
type Operation = { name: string; plain: string; ask(Recipient?: RecipientInfo): Promise<Answer> }

/** The four that use a key, on keys with this policy. */
async function operations(condition?: string): Promise<Operation[]> {
  const Policy = attestedPolicy(ACTIONS, PCR0, condition)
  const KeyId = await kms.newKey({ Policy })
  const agreement = await kms.newKey({ Policy, KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' })
  const { CiphertextBlob } = await kms.client().send(new EncryptCommand({ KeyId, Plaintext: text }))
  return [
    {
      name: 'Decrypt',
      plain: 'Plaintext',
      ask: (Recipient) => client.send(new DecryptCommand({ CiphertextBlob, Recipient })),
    },
    {
      name: 'GenerateDataKey',
      plain: 'Plaintext',
      ask: (Recipient) => client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', Recipient })),
    },
    {
      name: 'GenerateDataKeyPair',
      plain: 'PrivateKeyPlaintext',
      ask: (Recipient) =>
        client.send(new GenerateDataKeyPairCommand({ KeyId, KeyPairSpec: 'ECC_NIST_P256', Recipient })),
    },
    {
      name: 'DeriveSharedSecret',
      plain: 'SharedSecret',
      ask: (Recipient) =>
        client.send(
          new DeriveSharedSecretCommand({
            KeyId: agreement,
            KeyAgreementAlgorithm: 'ECDH',
            PublicKey: peer,
            Recipient,
          }),
        ),
    },
  ]
}

/** The fifth, which uses no key, so that no policy speaks. */
const random: Operation = {
  name: 'GenerateRandom',
  plain: 'Plaintext',
  ask: (Recipient) => client.send(new GenerateRandomCommand({ NumberOfBytes: 32, Recipient })),
}

const asItIs = (document: Uint8Array) => document

const rows: {
  what: string
  facts?: Attestation
  none?: true
  change?: (d: Uint8Array) => Uint8Array
  error: string
}[] = [
  { what: 'a rebuilt image', facts: { pcrs: { ...IMAGE, 0: '12'.repeat(48) } }, error: 'AccessDeniedException' },
  { what: 'a debug enclave, all zero', facts: { pcrs: { 4: IMAGE[4] as string } }, error: 'AccessDeniedException' },
  { what: 'no document', none: true, error: 'AccessDeniedException' },
  { what: 'a stale document', facts: { ageMs: MAX_AGE * 1000 + 1 }, error: 'ValidationException' },
  { what: 'a document from another time to come', facts: { ageMs: -60_001 }, error: 'ValidationException' },
  { what: 'a document under another root', facts: { pki: stranger }, error: 'ValidationException' },
  { what: 'random bytes', change: (document) => randomBytes(document.length), error: 'ValidationException' },
  { what: 'no end', change: (document) => document.subarray(0, -1), error: 'ValidationException' },
  { what: 'a byte more', change: (document) => Buffer.concat([document, Buffer.of(0)]), error: 'ValidationException' },
  {
    what: 'the signature of another document',
    change: (document) => Buffer.concat([document.subarray(0, -96), randomBytes(96)]),
    error: 'ValidationException',
  },
]

for (const condition of ['kms:RecipientAttestation:ImageSha384', 'kms:RecipientAttestation:PCR0'])
  t.test(`a policy on ${condition}`, async (t) => {
    for (const { name, plain, ask } of await operations(condition)) {
      await t.test(`${name} releases to the right image, in the envelope alone`, async (t) => {
        const answer = await ask(await enclave.recipient())
        t.ok(answer.CiphertextForRecipient)
        t.notOk((answer as Record<string, unknown>)[plain])
      })
      await t.test(`${name} releases up to the document's last second`, async (t) => {
        t.ok((await ask(await enclave.recipient({ ageMs: MAX_AGE * 1000 }))).CiphertextForRecipient)
        t.ok((await ask(await enclave.recipient({ ageMs: -60_000 }))).CiphertextForRecipient)
      })
      for (const { what, facts = {}, none, change = asItIs, error } of rows)
        await t.test(`${name} refuses ${what}`, async (t) => {
          const recipient = await enclave.recipient(facts)
          recipient.AttestationDocument = change(recipient.AttestationDocument)
          const refused = (await ask(none ? undefined : recipient).catch((e) => e)) as Error
          t.equal(refused.name, error, refused.message)
          t.notOk('CiphertextForRecipient' in refused || plain in refused)
        })
    }
  })

t.test('GenerateRandom, which no key policy governs, is sealed to whoever attests, and to nobody else', async (t) => {
  t.ok((await random.ask(await enclave.recipient())).CiphertextForRecipient)
  for (const { what, facts = {}, none, change = asItIs, error } of rows) {
    if (error !== 'ValidationException' || none) continue
    const recipient = await enclave.recipient(facts)
    recipient.AttestationDocument = change(recipient.AttestationDocument)
    await t.rejects(random.ask(recipient), { name: error }, what)
  }
})

t.test('a flipped bit anywhere in a document is refused, wherever one is tried', async (t) => {
  const [decrypt] = await operations()
  const verifier = new RecipientVerifier({ roots: [kms.pki.rootFingerprint], maxDocumentAge: MAX_AGE })
  const { AttestationDocument, KeyEncryptionAlgorithm } = await enclave.recipient()
  const read = (document: Uint8Array) =>
    verifier.read(
      Input.parse(
        Buffer.from(
          JSON.stringify({
            Recipient: { KeyEncryptionAlgorithm, AttestationDocument: Buffer.from(document).toString('base64') },
          }),
        ),
      ),
      kms.nowMs,
    )
  t.ok(await read(AttestationDocument))
  let accepted = 0
  // Verifying a chain that was touched costs five signatures: a prime step meets every field, and not every byte.
  for (let at = 0; at < AttestationDocument.length; at += 31) {
    const document = Buffer.from(AttestationDocument)
    document[at] = (document[at] as number) ^ (1 << (at & 7))
    const outcome = await read(document).then(
      () => 'accepted',
      (error) => error.name,
    )
    if (outcome !== 'ValidationException') accepted++
    // Over the wire too, now and then.
    if (at % 310 === 0)
      await t.rejects(
        (decrypt as Operation).ask({ AttestationDocument: document, KeyEncryptionAlgorithm }),
        { name: 'ValidationException', message: /The attestation document is refused, ERR_/ },
        `byte ${at}`,
      )
  }
  t.equal(accepted, 0, `of ${AttestationDocument.length}`)
})

t.test("corrupted ciphertexts and contexts have AWS's name, attested or not", async (t) => {
  const Policy = attestedPolicy(ACTIONS, PCR0)
  const KeyId = await kms.newKey({ Policy })
  const EncryptionContext = { purpose: 'test' }
  const sealed = await kms.client().send(new EncryptCommand({ KeyId, Plaintext: text, EncryptionContext }))
  const flipped = Buffer.from(sealed.CiphertextBlob as Uint8Array)
  flipped[flipped.length - 1] = (flipped.at(-1) as number) ^ 1
  const open = async (CiphertextBlob: Uint8Array | undefined, context: Record<string, string>) =>
    client.send(
      new DecryptCommand({ CiphertextBlob, EncryptionContext: context, Recipient: await enclave.recipient() }),
    )
  t.ok((await open(sealed.CiphertextBlob, EncryptionContext)).CiphertextForRecipient)
  await t.rejects(open(flipped, EncryptionContext), { name: 'InvalidCiphertextException' })
  await t.rejects(open(sealed.CiphertextBlob, {}), { name: 'InvalidCiphertextException' })
})

t.test("denies without a document in AWS's words, and with a wrong one names what it is", async (t) => {
  const [decrypt] = (await operations()) as [Operation]
  await t.rejects(decrypt.ask(), {
    name: 'AccessDeniedException',
    message:
      /^User: arn:aws:sts::\S+ is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:\S+ because no resource-based policy allows the kms:Decrypt action$/,
  })
  await t.rejects(decrypt.ask(await enclave.recipient({ pcrs: { ...IMAGE, 0: 'ab'.repeat(48) } })), {
    message: new RegExp(`PCR0 of the document is ${'ab'.repeat(48)}`),
  })
})

t.test('takes registers by name and case as AWS does: PCR8, upper-case hex, all of several', async (t) => {
  const PCR8 = 'c8'.repeat(48)
  const policy = (Condition: Record<string, unknown>) => {
    const parsed = JSON.parse(attestedPolicy(ACTIONS, PCR0))
    parsed.Statement[1].Condition = Condition
    return JSON.stringify(parsed)
  }
  const may = async (Condition: Record<string, unknown>, pcrs: Record<number, string>) => {
    const KeyId = await kms.newKey({ Policy: policy(Condition) })
    return client
      .send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', Recipient: await enclave.recipient({ pcrs }) }))
      .then(
        () => true,
        (error) => error.name,
      )
  }
  const key = (name: string) => `kms:RecipientAttestation:${name}`
  const signed = { ...IMAGE, 8: PCR8 }
  t.equal(await may({ StringEqualsIgnoreCase: { [key('PCR8')]: PCR8.toUpperCase() } }, signed), true)
  t.equal(await may({ StringEquals: { [key('pcr8')]: PCR8 } }, signed), true)
  t.equal(await may({ StringEquals: { [key('PCR8')]: PCR8.toUpperCase() } }, signed), 'AccessDeniedException')
  t.equal(await may({ StringEquals: { [key('PCR8')]: PCR8 } }, IMAGE), 'AccessDeniedException')
  const both = { StringEqualsIgnoreCase: { [key('PCR0')]: PCR0, [key('PCR8')]: PCR8 } }
  t.equal(await may(both, signed), true)
  t.equal(await may(both, { ...signed, 0: PCR8 }), 'AccessDeniedException')
  // A register that is not locked stands in no document, and so in no request.
  t.equal(await may({ StringEquals: { [key('PCR16')]: '00'.repeat(48) } }, signed), 'AccessDeniedException')
})

t.test('takes one algorithm for the envelope, and names the field of any other', async (t) => {
  const { AttestationDocument } = await enclave.recipient()
  const ask = (KeyEncryptionAlgorithm?: string) =>
    random.ask({ AttestationDocument, ...(KeyEncryptionAlgorithm && { KeyEncryptionAlgorithm }) } as RecipientInfo)
  t.ok(await ask('RSAES_OAEP_SHA_256'))
  for (const wrong of ['RSAES_OAEP_SHA_1', 'RSAES_PKCS1_V1_5', 'rsaes_oaep_sha_256', 'NONE', undefined])
    await t.rejects(ask(wrong), { name: 'ValidationException', message: /keyEncryptionAlgorithm/ }, String(wrong))
  await t.rejects(random.ask({ KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' } as RecipientInfo), {
    name: 'ValidationException',
    message: /attestationDocument/,
  })
  await t.rejects(
    random.ask({} as RecipientInfo),
    { name: 'ValidationException' },
    'an empty one is none to be ignored',
  )
})

t.test('keeps to the leaf where the host is told to, and refuses the document after it', async (t) => {
  const lasting = await KmsUnderTest.start({ maxDocumentAge: null })
  t.teardown(() => lasting.stop())
  const inside = new TestEnclave(lasting)
  const recipient = await inside.recipient()
  const ask = () => lasting.client().send(new GenerateRandomCommand({ NumberOfBytes: 16, Recipient: recipient }))
  const HOUR = 3_600_000
  lasting.nowMs += 3 * HOUR - 60_000
  t.ok((await ask()).CiphertextForRecipient)
  lasting.nowMs += 120_000
  await t.rejects(ask(), { name: 'ValidationException', message: /ERR_EVIDENCE_DATES/ })
})

t.test('refuses every bad document for the reason that stands beside it, and takes none of them', async (t) => {
  const made = makeBadDocuments(Date.now())
  const manifest: BadDocumentsManifest = made.manifest
  const atMs = Date.parse(manifest.at)
  const root = Buffer.from((made.files.get(manifest.root) as string).replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const verifier = new RecipientVerifier({
    roots: [createHash('sha256').update(root).digest('hex')],
    maxDocumentAge: manifest.policy.maxAgeSeconds,
  })
  // What a key policy, or the asker of a nonce, would refuse: it is well signed, and has no RSA key.
  const others = ['accepted', 'ERR_EVIDENCE_PCR', 'ERR_EVIDENCE_DEBUG', 'ERR_EVIDENCE_STALE']
  let tried = 0
  for (const { file, verdict, fault } of manifest.documents) {
    const AttestationDocument = Buffer.from(made.files.get(file) as Uint8Array).toString('base64')
    const Recipient = { AttestationDocument, KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' }
    const outcome = (await verifier
      .read(Input.parse(Buffer.from(JSON.stringify({ Recipient }))), atMs)
      .catch((error) => error)) as Error
    t.equal(outcome.name, 'ValidationException', `${file}: ${fault}`)
    // Nothing at all is refused where fields have lengths.
    const code =
      file === 'empty.cbor'
        ? /attestationDocument/
        : others.includes(verdict)
          ? /ERR_EVIDENCE_(KEY|STALE|PURPOSE|CHAIN)/
          : new RegExp(verdict)
    t.match(outcome.message, code, `${file}: ${fault}`)
    tried++
  }
  t.ok(tried > 40, `${tried} documents`)
})

t.test('failed in none of these itself', async (t) => t.same(kms.failures, []))
