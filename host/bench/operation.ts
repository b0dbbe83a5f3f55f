/** What is measured of cryptography, named apart from who computes it. Contenders get their inputs beforehand; a call does the work alone. */
export type Cipher = 'aes-256-gcm' | 'chacha20-poly1305'
export type HashName = 'sha256' | 'sha384' | 'sha512'

export type Operation =
  | { kind: 'seal'; cipher: Cipher; key: Uint8Array; nonce: Uint8Array; data: Uint8Array }
  | { kind: 'open'; cipher: Cipher; key: Uint8Array; nonce: Uint8Array; sealed: Uint8Array }
  /** A key from its bytes, one message sealed under it, and the key forgotten. */
  | { kind: 'first-seal'; cipher: Cipher; key: Uint8Array; nonce: Uint8Array; data: Uint8Array }
  | { kind: 'digest'; hash: HashName; data: Uint8Array }
  /** The key is kept from call to call, wherever a contender can keep one. */
  | { kind: 'hmac'; hash: HashName; key: Uint8Array; data: Uint8Array }
  | { kind: 'hkdf'; hash: HashName; ikm: Uint8Array; salt: Uint8Array; info: Uint8Array; lengthBytes: number }
  | { kind: 'x25519'; secretKey: Uint8Array; publicKey: Uint8Array }
  | { kind: 'ed25519-verify'; publicKey: Uint8Array; message: Uint8Array; signature: Uint8Array }
  /** ECDSA with SHA-384: the key 04 X Y, the signature r and s, 48 bytes each. */
  | { kind: 'p384-verify'; publicKey: Uint8Array; message: Uint8Array; signature: Uint8Array }

/** Bytes in one piece or several, or a verdict. */
export type Answer = Uint8Array | ArrayBuffer | readonly Uint8Array[] | boolean

export type Peer = {
  who: string
  ours: boolean
  /** A call that does the operation, or undefined where this one has none. */
  prepare(operation: Operation): Promise<(() => Answer | Promise<Answer>) | undefined>
}

export function answerBytes(answer: Answer): Uint8Array {
  if (typeof answer === 'boolean') return Uint8Array.of(Number(answer))
  if (answer instanceof Uint8Array) return answer
  if (answer instanceof ArrayBuffer) return new Uint8Array(answer)
  return Buffer.concat(answer)
}
