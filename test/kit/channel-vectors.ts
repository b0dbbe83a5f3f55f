// Makes our own vectors of the channel from fixed randomness: the kernel's bytes by kernel.wasm, the client's by the peer on node:crypto.
import { createCipheriv, createHash } from 'node:crypto'
import { RELAY_MESSAGE } from '../../assembly/abi/wire.ts'
import type { Frame } from '../../host/wire/frame.ts'
import {
  ChannelPeer,
  concat,
  PeerDirection,
  type PeerFrame,
  rawPublic,
  u16,
  u32,
  x25519Secret,
} from './channel-peer.ts'
import { fixed, KernelUnderTest, launchRecords, owner, PeerSession } from './kernel.ts'

export type ChannelVectors = {
  nsmRandom: string[]
  clientSeed: string
  clientEphemeral: string
  enclaveSecret: string
  handshake: Record<string, string>
  frames: {
    from: 'client' | 'enclave'
    sequence: number
    stream: number
    kind: number
    plaintext: string
    sealed: string
  }[]
  rekey: { key: string; next: string }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const first = (frames: Frame[]): Buffer => Buffer.from((frames[0] as Frame).payload)

export function makeChannelVectors(): ChannelVectors {
  const nsmRandom = [0, 1].map((n) => fixed(`nsm random ${n}`, 256))
  const under = KernelUnderTest.serving(launchRecords())
  under.handle = ({ body }) => ({ status: 201, headers: 'etag: "1"\n', body })
  const ephemeral = fixed('vector ephemeral', 32)
  const peer = new ChannelPeer(owner, fixed('vector nonce', 32))
  const id = under.open()
  under.message(id, peer.m1)
  const [asked] = under.signing
  const m2 = first(under.sign(0, fixed('a document, which the kernel does not judge', 64)))
  peer.receiveEvidence(m2)
  const m3 = peer.makeKeys(ephemeral)
  const keys = { c2e: peer.outgoing.key, e2c: peer.incoming.key }
  const m4 = first(under.message(id, m3))

  const frames: ChannelVectors['frames'] = []
  const noted = (
    from: 'client' | 'enclave',
    sequence: number,
    message: Uint8Array,
    frame: Omit<PeerFrame, 'request'>,
  ) => {
    const { stream, kind, plaintext } = frame
    frames.push({ from, sequence, stream, kind, plaintext: hex(plaintext), sealed: hex(message) })
  }
  const session = new PeerSession(under, id, peer)
  const answered = (outputs: Frame[]) => {
    for (const { type, payload } of outputs) {
      if (type !== RELAY_MESSAGE) continue
      const sequence = Number(peer.incoming.sequence)
      for (const frame of session.peer.incoming.open(payload)) noted('enclave', sequence, payload, frame)
    }
  }
  const sends = (stream: number, kind: number, plaintext: Uint8Array) => {
    const sequence = Number(peer.outgoing.sequence)
    const message = peer.outgoing.seal(stream, kind, plaintext)
    noted('client', sequence, message, { stream, kind, plaintext: Buffer.from(plaintext) })
    answered(under.message(id, message))
  }
  answered([{ type: RELAY_MESSAGE, id, payload: m4 }])
  // PUT /a with "x-name: value" and the body "hello", whole in one frame
  sends(1, 0x83, concat(requestHead('PUT', '/a', 'x-name', 'value'), 'hello'))
  // POST /b in two parts: a head without an end, and data with it
  sends(2, 0x03, requestHead('POST', '/b'))
  sends(2, 0x84, Buffer.from('more'))
  // GET /c, cancelled; credit for a stream that is over; the end
  sends(3, 0x03, requestHead('GET', '/c'))
  sends(3, 0x05, u16(0))
  sends(1, 0x06, u32(4096))
  sends(0, 0x07, u16(0))

  const secret = enclaveSecret(nsmRandom)
  if (asked?.publicKey === null || !rawPublic(x25519Secret(secret)).equals(asked?.publicKey ?? Buffer.alloc(0)))
    throw new Error('the kernel made another key from this randomness')
  return {
    nsmRandom: nsmRandom.map(hex),
    clientSeed: hex(fixed('owner', 32)),
    clientEphemeral: hex(ephemeral),
    enclaveSecret: hex(secret),
    handshake: {
      m1: hex(peer.m1),
      attestationUserData: hex(asked?.userData as Buffer),
      attestationNonce: hex(asked?.nonce as Buffer),
      attestationPublicKey: hex(asked?.publicKey as Buffer),
      document: hex(peer.document),
      m2: hex(m2),
      t1: hex(peer.t1),
      t2: hex(peer.t2),
      m3Plaintext: hex(peer.m3Plaintext),
      m3: hex(m3),
      t3: hex(peer.t3),
      keyClientToEnclave: hex(keys.c2e),
      keyEnclaveToClient: hex(keys.e2c),
      m4: hex(m4),
    },
    frames,
    rekey: { key: hex(keys.c2e), next: hex(rekeyed(keys.c2e)) },
  }
}

function requestHead(method: string, path: string, ...header: [] | [string, string]): Buffer {
  const text = (value: string) => concat(Buffer.from([0x60 + value.length]), value)
  const headers =
    header.length === 0 ? Buffer.from([0x80]) : concat(Buffer.from([0x81, 0x82]), text(header[0]), text(header[1]))
  const cbor = concat(Buffer.from([0x83]), text(method), text(path), headers)
  return concat(u32(cbor.length), cbor)
}

// The key after 2^32 frames, by a direction that is told to move on after one.
function rekeyed(key: Uint8Array): Buffer {
  const direction = new PeerDirection(key, 1n)
  direction.seal(0, 7, u16(0))
  direction.seal(0, 7, u16(0))
  return direction.key
}

// The kernel's generator (assembly/kernel/random.ts), so that another enclave can be given the same pkE.
function enclaveSecret(seeds: Uint8Array[]): Buffer {
  const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
  const key = seeds.reduce<Buffer>((before, seed) => sha256(before, sha256(seed)), Buffer.alloc(32))
  const blocks = createCipheriv('chacha20', key, Buffer.alloc(16)).update(Buffer.alloc(128))
  return blocks.subarray(64, 96)
}
