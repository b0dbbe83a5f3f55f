/** The crypto suite: which operations at which sizes, and how they are named. Inputs are random and the same for all contenders. */
import { createCipheriv, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { type Contender, type Pace, runContest } from './contest.ts'
import type { Cipher, HashName, Operation, Peer } from './operation.ts'
import type { Row } from './result.ts'

const KIB = 1024
const SIZES = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 1024 * KIB]
/** Of these the quick run opens and hashes. */
const FEW_SIZES = [64, KIB, 16 * KIB]
const CIPHERS: [name: string, cipher: Cipher][] = [
  ['AES-256-GCM', 'aes-256-gcm'],
  ['ChaCha20-Poly1305', 'chacha20-poly1305'],
]
const HASHES: [name: string, hash: HashName][] = [
  ['SHA-256', 'sha256'],
  ['SHA-384', 'sha384'],
  ['SHA-512', 'sha512'],
]

type Contest = { subject: string; label: string; bytes: number | null; note: string; operation: Operation }

/** @param onRow told of every row as it is done */
export async function runCrypto(
  peers: readonly Peer[],
  pace: Pace,
  quick: boolean,
  onRow: (row: Row, done: number, all: number) => void,
): Promise<void> {
  const contests = contestsOf(quick)
  for (const [index, { operation, ...names }] of contests.entries()) {
    const contenders: Contender[] = []
    for (const peer of peers) {
      const call = await peer.prepare(operation)
      if (call !== undefined) contenders.push({ who: peer.who, ours: peer.ours, call })
    }
    const entries = await runContest(`${names.subject}, ${names.label}`, contenders, pace)
    onRow({ suite: 'crypto', unit: 'ns', ...names, entries }, index + 1, contests.length)
  }
}

function contestsOf(quick: boolean): Contest[] {
  const few = quick ? FEW_SIZES : SIZES
  return [
    ...CIPHERS.flatMap(([name, cipher]) => [
      ...sized(`${name} seal`, quick ? SIZES.slice(0, -1) : SIZES, (data) => ({
        kind: 'seal',
        cipher,
        ...keyed(),
        data,
      })),
      ...sized(`${name} open`, few, (data) => sealed(cipher, data)),
    ]),
    ...HASHES.flatMap(([name, hash]) => sized(name, few, (data) => ({ kind: 'digest', hash, data }))),
    ...sized('HMAC-SHA-384', FEW_SIZES, (data) => ({ kind: 'hmac', hash: 'sha384', key: randomBytes(48), data }), {
      note: 'the key is kept by those who can keep one',
    }),
    ...CIPHERS.map(
      ([name, cipher]): Contest => ({
        subject: 'Key set-up and one message of 64 B',
        label: name,
        bytes: null,
        note: 'the key is new, and forgotten after it',
        operation: { kind: 'first-seal', cipher, ...keyed(), data: randomBytes(64) },
      }),
    ),
    hkdf(),
    x25519(),
    ed25519(),
    p384(),
  ]
}

function sized(subject: string, sizes: number[], of: (data: Uint8Array) => Operation, more = { note: '' }): Contest[] {
  return sizes.map((bytes) => ({ subject, label: sizeText(bytes), bytes, ...more, operation: of(randomBytes(bytes)) }))
}

export function sizeText(bytes: number): string {
  if (bytes >= KIB * KIB) return `${bytes / KIB / KIB} MiB`
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`
}

function keyed(): { key: Uint8Array; nonce: Uint8Array } {
  return { key: randomBytes(32), nonce: randomBytes(12) }
}

function sealed(cipher: Cipher, data: Uint8Array): Operation {
  const { key, nonce } = keyed()
  const sealing = createCipheriv(cipher as 'aes-256-gcm', key, nonce, { authTagLength: 16 })
  const body = Buffer.concat([sealing.update(data), sealing.final()])
  return { kind: 'open', cipher, key, nonce, sealed: new Uint8Array(Buffer.concat([body, sealing.getAuthTag()])) }
}

const ONCE = { bytes: null, note: '' }

function hkdf(): Contest {
  const [ikm, salt, info] = [randomBytes(48), randomBytes(48), randomBytes(32)]
  const operation = { kind: 'hkdf', hash: 'sha384', ikm, salt, info, lengthBytes: 48 } as const
  return { subject: 'Handshake primitives', label: 'HKDF-SHA-384, 48 B', ...ONCE, operation }
}

function x25519(): Contest {
  const publicKey = rawPublic(generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x)
  const operation = { kind: 'x25519', secretKey: randomBytes(32), publicKey } as const
  return { subject: 'Handshake primitives', label: 'X25519', ...ONCE, operation }
}

function ed25519(): Contest {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = randomBytes(256)
  const operation = {
    kind: 'ed25519-verify',
    publicKey: rawPublic(publicKey.export({ format: 'jwk' }).x),
    message,
    signature: new Uint8Array(sign(null, message, privateKey)),
  } as const
  return { subject: 'Handshake primitives', label: 'Ed25519 verify', ...ONCE, operation }
}

function p384(): Contest {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const message = randomBytes(256)
  const operation = {
    kind: 'p384-verify',
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-97)),
    message,
    signature: new Uint8Array(sign('sha384', message, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  } as const
  return { subject: 'Handshake primitives', label: 'P-384 verify', ...ONCE, operation }
}

function rawPublic(x: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(x as string, 'base64url'))
}
