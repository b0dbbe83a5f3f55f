/**
 * One call as CloudTrail writes it (reference: CloudTrail record contents, and ct-nitro-enclave for attested calls). Names and settings,
 * never a plaintext, a message or a key: parameters come from a list of names that are none of these.
 */
import { randomUUID } from 'node:crypto'
import { ACCOUNT } from '../account.ts'
import type { Caller } from '../caller.ts'
import type { Fault } from '../fault.ts'
import type { Input } from '../input.ts'
import type { Recipient } from '../recipient/recipient.ts'

/** Fields of requests that are public. Policy and Plaintext, Message, PublicKey and blobs are not told. */
const PARAMETERS = [
  'KeyId',
  'SourceKeyId',
  'DestinationKeyId',
  'TargetKeyId',
  'AliasName',
  'PolicyName',
  'Description',
  'KeySpec',
  'KeyPairSpec',
  'CustomerMasterKeySpec',
  'KeyUsage',
  'Origin',
  'NumberOfBytes',
  'EncryptionAlgorithm',
  'SourceEncryptionAlgorithm',
  'DestinationEncryptionAlgorithm',
  'EncryptionContext',
  'SourceEncryptionContext',
  'DestinationEncryptionContext',
  'SigningAlgorithm',
  'MessageType',
  'MacAlgorithm',
  'KeyAgreementAlgorithm',
  'PendingWindowInDays',
  'RotationPeriodInDays',
  'BypassPolicyLockoutSafetyCheck',
  'DryRun',
  'Limit',
] as const

export type CallFacts = {
  operation: string
  readOnly: boolean
  region: string
  requestId: string
  caller: Caller
  nowMs: number
  input: Input | undefined
  /** ARNs of the keys that the call was about. */
  resources: string[]
  recipient: Recipient | undefined
  /** What policy evaluation has to say to the policy's author. */
  warnings: string[]
  fault: Fault | undefined
}

export function cloudTrailEvent(call: CallFacts): Record<string, unknown> {
  const parameters = call.input?.excerpt(PARAMETERS) ?? {}
  const accepted = call.fault === undefined ? call.recipient : undefined
  return {
    eventVersion: '1.08',
    userIdentity: userIdentity(call.caller),
    eventTime: `${new Date(call.nowMs).toISOString().slice(0, 19)}Z`,
    eventSource: 'kms.amazonaws.com',
    eventName: call.operation,
    awsRegion: call.region,
    sourceIPAddress: call.caller.sourceIp,
    userAgent: call.caller.userAgent,
    ...(call.fault !== undefined && {
      errorCode: call.fault.type === 'AccessDeniedException' ? 'AccessDenied' : call.fault.type,
      errorMessage: call.fault.message,
    }),
    requestParameters: Object.keys(parameters).length === 0 ? null : parameters,
    responseElements: null,
    ...((accepted !== undefined || call.warnings.length > 0) && {
      additionalEventData: {
        ...(accepted !== undefined && { recipient: attestation(accepted) }),
        ...(call.warnings.length > 0 && { policyWarnings: call.warnings }),
      },
    }),
    requestID: call.requestId,
    eventID: randomUUID(),
    readOnly: call.readOnly,
    resources: call.resources.map((ARN) => ({ accountId: ACCOUNT, type: 'AWS::KMS::Key', ARN })),
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: ACCOUNT,
    eventCategory: 'Management',
  }
}

function userIdentity({ principal, accessKeyId }: Caller): Record<string, unknown> {
  const [kind, ...path] = (principal.split(':')[5] as string).split('/')
  const type = kind === 'user' ? 'IAMUser' : kind === 'root' ? 'Root' : 'AssumedRole'
  return { type, arn: principal, accountId: ACCOUNT, accessKeyId, ...(kind === 'user' && { userName: path.at(-1) }) }
}

/** Registers in base64, as real events have them; 64 times A is zero. Only of calls that were carried out. */
function attestation({ document }: Recipient): Record<string, string> {
  const told: Record<string, string> = { attestationDocumentModuleId: document.moduleId }
  for (const index of [0, 1, 2, 3, 4, 8]) {
    const value = document.pcrs.get(index)
    const name = index === 0 ? 'attestationDocumentEnclaveImageDigest' : `attestationDocumentEnclavePCR${index}`
    if (value !== undefined) told[name] = Buffer.from(value).toString('base64')
  }
  return told
}
