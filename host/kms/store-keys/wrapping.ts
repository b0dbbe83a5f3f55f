/**
 * A DEK wrapped by its store's KEK: u8 format ‖ u32 KEK version ‖ nonce 12 ‖ AES-256-GCM of 32 bytes ‖ tag 16. The store id is its encryption context,
 * so that one store's wrapping opens for no other. A KEK wraps one DEK, once.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { DEK_BYTES, REFUSED_DESTROYED, REFUSED_WRAPPING } from '../../../assembly/abi/store.ts'
import { StoreRefusal } from './refusal.ts'

const FORMAT = 1
const HEADER_BYTES = 5
const NONCE_BYTES = 12
const TAG_BYTES = 16
export const WRAPPED_BYTES = HEADER_BYTES + NONCE_BYTES + DEK_BYTES + TAG_BYTES
const LABEL = 'wasmclave/store-kek\0'

export type Kek = { version: number; key: Uint8Array }

export function wrapDek(kek: Kek, storeId: string, dek: Uint8Array): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = FORMAT
  header.writeUInt32BE(kek.version, 1)
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', kek.key, nonce)
  cipher.setAAD(additionalData(storeId, header))
  return new Uint8Array(Buffer.concat([header, nonce, cipher.update(dek), cipher.final(), cipher.getAuthTag()]))
}

/** @throws StoreRefusal ERR_OPEN_FAILED for every reason, but ERR_KEY_DESTROYED where it names a KEK that a rewrap destroyed */
export function unwrapDek(kek: Kek, storeId: string, wrapped: Uint8Array): Uint8Array {
  const bytes = Buffer.from(wrapped)
  if (bytes.length !== WRAPPED_BYTES || bytes[0] !== FORMAT) throw openFailed()
  const version = bytes.readUInt32BE(1)
  // The key that could tell whether it was ever genuine is gone.
  if (version < kek.version)
    throw new StoreRefusal(
      REFUSED_DESTROYED,
      'ERR_KEY_DESTROYED',
      `wrapped by KEK version ${version}, which was destroyed; in force is ${kek.version}`,
    )
  const header = bytes.subarray(0, HEADER_BYTES)
  const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', kek.key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(additionalData(storeId, header))
  decipher.setAuthTag(bytes.subarray(WRAPPED_BYTES - TAG_BYTES))
  try {
    const dek = decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, WRAPPED_BYTES - TAG_BYTES))
    decipher.final()
    return new Uint8Array(dek)
  } catch {
    throw openFailed()
  }
}

function additionalData(storeId: string, header: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(LABEL, 'latin1'), Buffer.from(storeId, 'hex'), header])
}

function openFailed(): StoreRefusal {
  return new StoreRefusal(REFUSED_WRAPPING, 'ERR_OPEN_FAILED', 'the wrapped key does not open for this store')
}
