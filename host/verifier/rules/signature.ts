/** Rule: the document is signed by the leaf's key. */
import { RefusedError } from '../../errors.ts'
import { ES384, verifyCoseSign1 } from '../cose.ts'
import type { AttestationDocument } from '../document.ts'

/** @throws RefusedError ERR_EVIDENCE_SIGNATURE */
export async function verifyDocumentSignature(document: AttestationDocument, key: CryptoKey): Promise<void> {
  if (!(await verifyCoseSign1(document.cose, key, ES384)))
    throw new RefusedError('ERR_EVIDENCE_SIGNATURE', 'the signature is not the one of the certificate in the document')
}
