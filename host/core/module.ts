/**
 * The core's two builds, of which the engine gets the one it can run: bytes from beside this file, on Node or in a browser, and the
 * exports they have.
 */
import { instantiateSync } from '@assemblyscript/loader'

/** Pointers and lengths are bytes in the core's memory; booleans come as 0 and 1. */
export type CoreExports = {
  memory: WebAssembly.Memory
  AES_GCM_STATE: WebAssembly.Global
  HMAC_CONTEXT: WebAssembly.Global
  HPKE_CONTEXT: WebAssembly.Global
  _start(): void
  allocate(bytes: number): number
  release(at: number, bytes: number): void
  erase(at: number, bytes: number): void
  aesGcmInit(state: number, key: number): void
  aesGcmSeal(
    state: number,
    out: number,
    nonce: number,
    aad: number,
    aadLength: number,
    from: number,
    length: number,
  ): void
  aesGcmOpen(
    state: number,
    out: number,
    nonce: number,
    aad: number,
    aadLength: number,
    from: number,
    length: number,
  ): number
  chacha20poly1305Seal(
    out: number,
    key: number,
    nonce: number,
    aad: number,
    aadLength: number,
    from: number,
    length: number,
  ): void
  chacha20poly1305Open(
    out: number,
    key: number,
    nonce: number,
    aad: number,
    aadLength: number,
    from: number,
    length: number,
  ): number
  ed25519Verify(key: number, message: number, length: number, signature: number): number
  hkdf(
    out: number,
    length: number,
    hash: number,
    ikm: number,
    ikmLength: number,
    salt: number,
    saltLength: number,
    info: number,
    infoLength: number,
  ): number
  hmac(out: number, hash: number, key: number, keyLength: number, from: number, length: number): void
  hmacKey(context: number, hash: number, key: number, keyLength: number): void
  hmacBegin(context: number): void
  hmacUpdate(context: number, from: number, length: number): void
  hmacEnd(context: number, out: number): void
  hmacDestroy(context: number): void
  hmacVerify(context: number, mac: number): number
  hpkeSetupBaseS(
    context: number,
    aead: number,
    enc: number,
    ephemeral: number,
    publicKey: number,
    info: number,
    infoLength: number,
  ): number
  hpkeSetupBaseR(
    context: number,
    aead: number,
    enc: number,
    secretKey: number,
    info: number,
    infoLength: number,
  ): number
  hpkeSeal(context: number, out: number, aad: number, aadLength: number, from: number, length: number): number
  hpkeOpen(context: number, out: number, aad: number, aadLength: number, from: number, length: number): number
  hpkeExport(context: number, out: number, length: number, exporterContext: number, contextLength: number): number
  hpkeErase(context: number): void
  p384Verify(key: number, digest: number, signature: number): number
  selfTest(): number
  sha256(out: number, from: number, length: number): void
  sha384(out: number, from: number, length: number): void
  sha512(out: number, from: number, length: number): void
  x25519(out: number, secret: number, point: number): number
  x25519Base(out: number, secret: number): void
}

export type Build = 'plain' | 'relaxed'

/** One function, `(v128, v128) -> v128`, whose body is i8x16.relaxed_swizzle: opcode 0xfd 0x100 of the relaxed SIMD proposal. */
const RELAXED_PROBE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // preamble
  ...[0x01, 0x07, 0x01, 0x60, 0x02, 0x7b, 0x7b, 0x01, 0x7b], // type
  ...[0x03, 0x02, 0x01, 0x00], // function
  ...[0x0a, 0x0b, 0x01, 0x09, 0x00, 0x20, 0x00, 0x20, 0x01, 0xfd, 0x80, 0x02, 0x0b], // code
)

/** The build that this engine runs fastest. Both give the same results. */
export function chooseBuild(): Build {
  return WebAssembly.validate(RELAXED_PROBE) ? 'relaxed' : 'plain'
}

/** A build's bytes, from beside this file. */
export async function readCore(build: Build = chooseBuild()): Promise<Uint8Array> {
  // Two literals: bundlers find files by them.
  const url =
    build === 'relaxed' ? new URL('./core-relaxed.wasm', import.meta.url) : new URL('./core.wasm', import.meta.url)
  if (url.protocol === 'file:') {
    const { readFile } = await import('node:fs/promises')
    return readFile(url)
  }
  return new Uint8Array(await (await fetch(url)).arrayBuffer())
}

export function instantiateCore(bytes: Uint8Array): CoreExports {
  const { exports } = instantiateSync(bytes as Uint8Array<ArrayBuffer>, {})
  // A copy, whose properties the engine finds faster than a module's own exports
  const core = { ...exports } as unknown as CoreExports
  // The start section is an export, so that nothing runs before it is called for.
  core._start()
  return core
}
