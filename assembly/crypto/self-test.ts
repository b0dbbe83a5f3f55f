// Known answers of every primitive the kernel lives by, from the documents that define them. Run in a loop it also brings the engine to
// compile them well, before a tenant's first byte is there (host/enclave/rehearsal.ts).
import { equal } from '../mem/bytes'
import { AES_GCM_STATE, aesGcmInit, aesGcmOpen, aesGcmSeal } from './aes-gcm'
import { chacha20poly1305Open, chacha20poly1305Seal } from './chacha20-poly1305'
import { ed25519Verify } from './ed25519'
import { hkdf } from './hkdf'
import { HASH_SHA256 } from './hmac'
import { HPKE_CHACHA20_POLY1305, HPKE_CONTEXT, hpkeErase, hpkeExport, hpkeOpen, hpkeSeal, hpkeSetupBaseR, hpkeSetupBaseS } from './hpke'
import { sha384 } from './sha512'
import { x25519Base } from './x25519'

const MESSAGE_BYTES: usize = 1024
const TAG: usize = 16

const input = memory.data(128, 16)
const output = memory.data(128, 16)
const message = memory.data(1024 + 16, 16) // MESSAGE_BYTES and TAG
const copyOf = memory.data(1024 + 16, 16)
const expected = memory.data(64, 16)
const state = heap.alloc(AES_GCM_STATE)
const sender = memory.data(<i32>HPKE_CONTEXT, 16)
const recipient = memory.data(<i32>HPKE_CONTEXT, 16)

/** Whether every primitive gives its known answer. */
export function selfTest(): bool {
  return hashes() && signature() && aeads() && agreement()
}

// FIPS 180-4 example "abc"; RFC 5869 A.1
function hashes(): bool {
  hex(input, '616263')
  sha384(output, input, 3)
  if (!is(output, 'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7')) return false
  hex(input, '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b')
  hex(input + 32, '000102030405060708090a0b0c')
  hex(input + 64, 'f0f1f2f3f4f5f6f7f8f9')
  hkdf(output, 42, HASH_SHA256, input, 22, input + 32, 13, input + 64, 10)
  return is(output, '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865')
}

// RFC 8032 section 7.1, test 2, and the same with another message
function signature(): bool {
  hex(input, '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
  hex(output, '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00')
  store<u8>(message, 0x72)
  if (!ed25519Verify(input, message, 1, output)) return false
  store<u8>(message, 0x73)
  return !ed25519Verify(input, message, 1, output)
}

// SP 800-38D, test case 14 of its authors; RFC 8439 section 2.8.2 in its tag. Then a message of a kibibyte there and back.
function aeads(): bool {
  memory.fill(input, 0, 64)
  aesGcmInit(state, input)
  aesGcmSeal(state, output, input, 0, 0, input, 16)
  if (!is(output, 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919')) return false
  hex(input, '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
  hex(input + 32, '070000004041424344454647')
  hex(input + 48, '50515253c0c1c2c3c4c5c6c7')
  const text = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
  for (let i = 0; i < text.length; i++) store<u8>(message + i, <u8>text.charCodeAt(i)) // SAFETY: 114 characters
  chacha20poly1305Seal(message, input, input + 32, input + 48, 12, message, text.length)
  if (!is(message + text.length, '1ae10b594f09e26a7e902ecbd0600691')) return false
  memory.fill(message, 0x5a, MESSAGE_BYTES)
  chacha20poly1305Seal(copyOf, input, input + 32, input + 48, 12, message, MESSAGE_BYTES)
  if (!chacha20poly1305Open(copyOf, input, input + 32, input + 48, 12, copyOf, MESSAGE_BYTES + TAG)) return false
  if (!equal(copyOf, message, MESSAGE_BYTES)) return false
  aesGcmSeal(state, copyOf, input + 32, input + 48, 12, message, MESSAGE_BYTES)
  if (!aesGcmOpen(state, copyOf, input + 32, input + 48, 12, copyOf, MESSAGE_BYTES + TAG)) return false
  store<u8>(copyOf, load<u8>(copyOf) ^ 1)
  return !aesGcmOpen(state, copyOf, input + 32, input + 48, 12, copyOf, MESSAGE_BYTES + TAG)
}

// RFC 7748 section 6.1: Alice's public key; then RFC 9180 from an ephemeral of ours to her, both sides exporting the same
function agreement(): bool {
  hex(input, '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a')
  hex(input + 32, '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb')
  x25519Base(output, input)
  if (!is(output, '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')) return false
  if (!hpkeSetupBaseS(sender, HPKE_CHACHA20_POLY1305, output + 32, input + 32, output, input, 8)) return false
  if (!hpkeSetupBaseR(recipient, HPKE_CHACHA20_POLY1305, output + 32, input, input, 8)) return false
  memory.fill(message, 0x5a, 256)
  if (!hpkeSeal(sender, copyOf, input, 8, message, 256) || !hpkeOpen(recipient, copyOf, input, 8, copyOf, 256 + TAG)) return false
  if (!equal(copyOf, message, 256)) return false
  if (!hpkeExport(sender, output, 32, input, 8) || !hpkeExport(recipient, output + 32, 32, input, 8)) return false
  hpkeErase(sender)
  hpkeErase(recipient)
  return equal(output, output + 32, 32)
}

function hex(out: usize, text: string): void {
  for (let i = 0; i < text.length; i += 2) store<u8>(out + (i >> 1), <u8>((nibble(text.charCodeAt(i)) << 4) | nibble(text.charCodeAt(i + 1)))) // SAFETY: at most 64 bytes
}

function nibble(c: i32): i32 {
  return c < 0x3a ? c - 0x30 : c - 0x61 + 10
}

function is(at: usize, text: string): bool {
  hex(expected, text)
  return equal(at, expected, text.length >> 1)
}
