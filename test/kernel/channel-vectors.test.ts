// Our own vectors of the channel: every message of a handshake and a request, byte for byte, from fixed randomness. Another
// implementation can use channel-vectors.json; assembly/abi/CHANNEL.md says what stands in it. UPDATE_VECTORS=1 writes it anew.
import { sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { KIND_END, KIND_HEAD } from '../../assembly/abi/channel.ts'
import { RELAY_CLOSE, RELAY_MESSAGE, RELAY_OPENED } from '../../assembly/abi/wire.ts'
import { Direction } from '../../host/client/direction.ts'
import { hello, readAccepted, readOffer } from '../../host/client/handshake.ts'
import { encodeRequestHead } from '../../host/client/head.ts'
import {
  clientSignatureInput,
  concat,
  evidenceTranscript,
  keysTranscript,
  label,
} from '../../host/client/transcript.ts'
import { rawPublicKey } from '../../host/control/keys.ts'
import { loadCore } from '../../host/core/index.ts'
import { encodeCbor } from '../../host/wire/cbor.ts'
import { fixedKey, KernelUnderTest } from '../kit/kernel.ts'

const FILE = 'test/kernel/channel-vectors.json'
const core = await loadCore()
const owner = fixedKey(1)
const seed = Uint8Array.from({ length: 256 }, (_, index) => index)
const nonce = new Uint8Array(32).fill(2)
const ephemeral = new Uint8Array(32).fill(3)
const document = new TextEncoder().encode('a document, whose content the kernel does not judge')
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

async function run() {
  const kernel = await KernelUnderTest.boot(owner, seed)
  kernel.step(RELAY_OPENED, 1, new Uint8Array(0))
  const m1 = hello(nonce)
  kernel.step(RELAY_MESSAGE, 1, m1)
  const attestation = kernel.attestations[0] as Uint8Array
  const m2 = kernel.attest(1, document)[0]?.payload as Uint8Array
  const offer = readOffer(core, m1, nonce, m2)
  const t2 = evidenceTranscript(core, offer.transcript, document)
  const context = core.hpke.setupBaseS(
    offer.publicKey,
    concat(label('wasmclave/1 session'), t2),
    'chacha20-poly1305',
    ephemeral,
  )
  const publicKey = rawPublicKey(owner)
  const signature = new Uint8Array(sign(null, clientSignatureInput(core, t2, context.enc, publicKey), owner))
  const plaintext = new Uint8Array(256)
  plaintext.set(publicKey)
  plaintext.set(signature, 32)
  const m3 = concat(Uint8Array.of(3), encodeCbor([context.enc, context.seal(t2, plaintext)]))
  const t3 = keysTranscript(core, t2, m3)
  const c2e = context.export(concat(label('wasmclave/1 c2e'), t3), 32)
  const e2c = context.export(concat(label('wasmclave/1 e2c'), t3), 32)
  const keys = { c2e: hex(c2e), e2c: hex(e2c) }
  const m4 = kernel.step(RELAY_MESSAGE, 1, m3)[0]?.payload as Uint8Array
  const incoming = new Direction(core, e2c)
  const accepted = readAccepted(incoming, m4)
  const head = encodeRequestHead('GET', '/.wasmclave/users', [], new Uint8Array(0))
  const request = new Uint8Array(14 + head.length + 16)
  new Direction(core, c2e).seal(request, 0, { stream: 1, request: 1, kind: KIND_HEAD | KIND_END }, head)
  const response = kernel.step(RELAY_MESSAGE, 1, request)[0]?.payload as Uint8Array
  const [opened] = [...incoming.open(response)]
  return {
    kernel,
    accepted,
    answer: Buffer.from(opened?.plaintext as Uint8Array).toString('latin1'),
    vectors: {
      nsmRandom: hex(seed),
      clientSeed: '01'.repeat(32),
      clientEphemeral: hex(ephemeral),
      m1: hex(m1),
      attestationRequest: hex(attestation),
      document: hex(document),
      m2: hex(m2),
      t1: hex(offer.transcript),
      t2: hex(t2),
      m3Plaintext: hex(plaintext),
      m3: hex(m3),
      t3: hex(t3),
      keyClientToEnclave: keys.c2e,
      keyEnclaveToClient: keys.e2c,
      m4: hex(m4),
      request: hex(request),
      response: hex(response),
    },
    replay: () => kernel.step(RELAY_MESSAGE, 1, request),
  }
}

t.test('the kernel and the client make exactly the published bytes', async (t) => {
  const { vectors, accepted, answer, replay } = await run()
  t.equal(accepted.role, 'owner')
  t.match(answer, /\{"users":\[\]\}$/)
  if (process.env.UPDATE_VECTORS === '1') writeFileSync(FILE, `${JSON.stringify(vectors, null, 2)}\n`)
  t.same(vectors, JSON.parse(readFileSync(FILE, 'utf8')))
  t.equal(replay()[0]?.type, RELAY_CLOSE, 'the same request again ends the session')
})

t.test('refuses randomness that is constant or repeats, and takes what is not', async (t) => {
  await t.rejects(KernelUnderTest.boot(owner, new Uint8Array(256).fill(7)), { kind: 9 } as never)
  await t.rejects(
    KernelUnderTest.boot(
      owner,
      Uint8Array.from({ length: 256 }, (_, index) => index % 128),
    ),
    { kind: 9 } as never,
  )
  await t.rejects(KernelUnderTest.boot(owner, seed.slice(0, 255)), { kind: 9 } as never)
  await t.resolves(KernelUnderTest.boot(owner, seed))
})

t.test('keeps its limits of unfinished handshakes', async (t) => {
  const kernel = await KernelUnderTest.boot(owner, seed)
  let refused = 0
  for (let session = 1; session <= 70; session++) {
    kernel.step(RELAY_OPENED, session, new Uint8Array(0))
    if (kernel.step(RELAY_MESSAGE, session, hello(nonce)).some((frame) => frame.type === RELAY_CLOSE)) refused++
  }
  t.equal(refused, 6, '64 of 70 wait')
  t.equal(kernel.attestations.length, 8, 'and 8 of them for a signature')
})
