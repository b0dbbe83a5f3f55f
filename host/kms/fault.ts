/**
 * What a caller is told when a request is not carried out: AWS's error names, as the SDKs know them. Statuses are the ones of AWS's API
 * reference. Not an error of ours: whatever is none of these is a fault of the KMS, and is answered without a word of its cause.
 */

export type FaultName =
  | 'AccessDeniedException'
  | 'AlreadyExistsException'
  | 'DisabledException'
  | 'DryRunOperationException'
  | 'ExpiredTokenException'
  | 'IncompleteSignatureException'
  | 'IncorrectKeyException'
  | 'InvalidAliasNameException'
  | 'InvalidArnException'
  | 'InvalidCiphertextException'
  | 'InvalidGrantTokenException'
  | 'InvalidKeyUsageException'
  | 'InvalidMarkerException'
  | 'InvalidSignatureException'
  | 'KMSInternalException'
  | 'KMSInvalidMacException'
  | 'KMSInvalidSignatureException'
  | 'KMSInvalidStateException'
  | 'LimitExceededException'
  | 'MalformedPolicyDocumentException'
  | 'MissingAuthenticationTokenException'
  | 'NotFoundException'
  | 'RequestEntityTooLargeException'
  | 'SerializationException'
  | 'TagException'
  | 'ThrottlingException'
  | 'UnknownOperationException'
  | 'UnrecognizedClientException'
  | 'UnsupportedOperationException'
  | 'ValidationException'

const STATUS: Partial<Record<FaultName, number>> = {
  KMSInternalException: 500,
  RequestEntityTooLargeException: 413,
}

export class Fault extends Error {
  readonly type: FaultName

  constructor(type: FaultName, message: string) {
    // A refusal is no bug of ours: nobody reads its stack, and to take one is most of what it costs.
    const limit = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = limit
    this.type = type
    this.name = type
  }

  get status(): number {
    return STATUS[this.type] ?? 400
  }
}

/** AWS's sentence for a member outside of its constraint; `found` is left out where it could be a secret. */
export function constraint(member: string, rule: string, found?: string): Fault {
  const at = `${member.charAt(0).toLowerCase()}${member.slice(1)}`
  const value = found === undefined ? 'Value' : found === 'null' ? 'Value null' : `Value '${found.slice(0, 200)}'`
  return new Fault(
    'ValidationException',
    `1 validation error detected: ${value} at '${at}' failed to satisfy constraint: ${rule}`,
  )
}

/** One message for every ciphertext that does not open, as AWS answers without any. */
export function invalidCiphertext(): Fault {
  return new Fault('InvalidCiphertextException', 'the ciphertext does not open')
}
