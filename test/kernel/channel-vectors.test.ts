// Our own vectors of the channel, byte for byte. assembly/abi/CHANNEL.md says what stands in channel-vectors.json, so that another
// implementation can use it. UPDATE_VECTORS=1 writes it anew.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Direction } from '../../host/client/direction.ts'
import { hello, readAccepted, readOffer } from '../../host/client/handshake.ts'
import {
  clientSignatureInput,
  concat,
  evidenceTranscript,
  keysTranscript,
  label,
} from '../../host/client/transcript.ts'
import { loadCore } from '../../host/core/index.ts'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { type ChannelVectors, makeChannelVectors } from '../kit/channel-vectors.ts'
import { owner } from '../kit/kernel.ts'

const FILE = join(import.meta.dirname, 'channel-vectors.json')
const core = await loadCore()
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))

const made = makeChannelVectors()
if (process.env.UPDATE_VECTORS === '1') writeFileSync(FILE, `${JSON.stringify(made, null, 2)}\n`)
const vectors = JSON.parse(readFileSync(FILE, 'utf8')) as ChannelVectors
const handshake = vectors.handshake as Record<string, string>
const of = (name: string) => bytes(handshake[name] as string)

t.test('the kernel and a peer on node:crypto make exactly the published bytes', async (t) => {
  t.same(made, vectors)
  t.same(makeChannelVectors(), made, 'and make them again')
  t.equal(vectors.frames.length, 10)
})

t.test("the project's client makes exactly the published bytes", async (t) => {
  const m1 = of('m1')
  const nonce = (decodeCbor(m1.subarray(1)) as Uint8Array[])[1] as Uint8Array
  t.equal(hex(hello(nonce)), hex(m1))
  const offer = readOffer(core, m1, nonce, of('m2'))
  t.equal(hex(offer.transcript), handshake.t1)
  t.equal(hex(offer.publicKey), handshake.attestationPublicKey)
  t.equal(handshake.attestationUserData, hex(concat(label('wasmclave/channel'), offer.transcript)))
  t.equal(handshake.attestationNonce, hex(nonce))
  const t2 = evidenceTranscript(core, offer.transcript, of('document'))
  t.equal(hex(t2), handshake.t2)
  const context = core.hpke.setupBaseS(
    offer.publicKey,
    concat(label('wasmclave/1 session'), t2),
    'chacha20-poly1305',
    bytes(vectors.clientEphemeral),
  )
  const plaintext = new Uint8Array(256)
  plaintext.set(owner.publicKey)
  plaintext.set(owner.sign(clientSignatureInput(core, t2, context.enc, owner.publicKey)), 32)
  t.equal(hex(plaintext), handshake.m3Plaintext)
  const m3 = concat(Uint8Array.of(3), encodeCbor([context.enc, context.seal(t2, plaintext)]))
  t.equal(hex(m3), handshake.m3)
  const t3 = keysTranscript(core, t2, m3)
  t.equal(hex(t3), handshake.t3)
  t.equal(hex(context.export(concat(label('wasmclave/1 c2e'), t3), 32)), handshake.keyClientToEnclave)
  t.equal(hex(context.export(concat(label('wasmclave/1 e2c'), t3), 32)), handshake.keyEnclaveToClient)
  t.same(readAccepted(new Direction(core, of('keyEnclaveToClient')), of('m4')), {
    role: 'owner',
    limits: { maxRequestBody: 4194304, maxHead: 16384, streamWindow: 262144, maxStreams: 256 },
    head: null,
    headToken: null,
  })

  const incoming = new Direction(core, of('keyEnclaveToClient'))
  const outgoing = new Direction(core, of('keyClientToEnclave'))
  for (const { from, sequence, stream, kind, plaintext, sealed } of vectors.frames) {
    const name = `frame ${sequence} of the ${from}`
    if (from === 'enclave') {
      t.equal(incoming.sequence, sequence, name)
      const [frame] = [...incoming.open(bytes(sealed))]
      t.match(
        { ...frame, plaintext: hex(frame?.plaintext as Uint8Array) },
        { stream, request: stream, kind, plaintext },
      )
    } else {
      t.equal(outgoing.sequence, sequence, name)
      const out = new Uint8Array(sealed.length / 2)
      outgoing.seal(out, 0, { stream, request: stream, kind }, bytes(plaintext))
      t.equal(hex(out), sealed, name)
    }
  }
})

t.test('the key after a rekey is the published one', async (t) => {
  const direction = new Direction(core, bytes(vectors.rekey.key), 1)
  const plain = new Uint8Array(2)
  const out = new Uint8Array(32)
  direction.seal(out, 0, { stream: 0, request: 0, kind: 7 }, plain)
  direction.seal(out, 0, { stream: 0, request: 0, kind: 7 }, plain)
  const nonce = new Uint8Array(12)
  nonce[11] = 1
  const next = core.chacha20poly1305(bytes(vectors.rekey.next))
  t.equal(hex(next.seal(nonce, plain, out.subarray(0, 14))), hex(out.subarray(14)))
  next.destroy()
})
