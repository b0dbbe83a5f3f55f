/**
 * CiphertextForRecipient: CMS EnvelopedData (RFC 5652) for one RSA key, with AWS's bytes. The constructed wrappers have indefinite lengths
 * (BER), since AWS's own SDK in the enclave reads nothing else. AES-256-CBC has no tag: on real Nitro too, whoever relays the answer can
 * change or replace it unseen. LIMIT: ours to keep, to be AWS's format; store keys have an exchange of their own for that.
 */
import { constants, createCipheriv, createHash, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto'

const INDEFINITE = 0x80
const END = Buffer.of(0, 0)
/** 1.2.840.113549.1.7.3 */
const ENVELOPED_DATA = Buffer.from('06092a864886f70d010703', 'hex')
/** 1.2.840.113549.1.7.1 */
const DATA = Buffer.from('06092a864886f70d010701', 'hex')
const VERSION_2 = Buffer.from('020102', 'hex')
/** id-RSAES-OAEP with SHA-256 for hash and MGF1, the label's parameter left out. */
const OAEP_SHA256 = Buffer.from(
  '303c06092a864886f70d010107302fa00f300d06096086480165030402010500a11c301a06092a864886f70d010108300d06096086480165030402010500',
  'hex',
)
/** 2.16.840.1.101.3.4.1.42 */
const AES256_CBC = Buffer.from('060960864801650304012a', 'hex')

/** @param spki the recipient's key, DER: its SHA-256 is the key's identifier, which AWS documents nowhere */
export function sealEnvelope(plaintext: Uint8Array, key: KeyObject, spki: Uint8Array): Buffer {
  const contentKey = randomBytes(32)
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', contentKey, iv)
  const content = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const encryptedKey = publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }, contentKey)
  contentKey.fill(0)
  const recipient = der(
    0x30,
    VERSION_2,
    der(0x80, createHash('sha256').update(spki).digest()),
    OAEP_SHA256,
    der(0x04, encryptedKey),
  )
  const encryptedContent = open(0x30, DATA, der(0x30, AES256_CBC, der(0x04, iv)), open(0xa0, der(0x04, content)))
  return open(0x30, ENVELOPED_DATA, open(0xa0, open(0x30, VERSION_2, der(0x31, recipient), encryptedContent)))
}

/** Of indefinite length, closed by two zeros. */
function open(tag: number, ...content: Uint8Array[]): Buffer {
  return Buffer.concat([Uint8Array.of(tag, INDEFINITE), ...content, END])
}

function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content)
  const n = body.length
  const head = n < 0x80 ? [tag, n] : n < 0x100 ? [tag, 0x81, n] : [tag, 0x82, n >> 8, n & 0xff]
  return Buffer.concat([Uint8Array.from(head), body])
}
