/**
 * Condition keys that requests here can carry, names in lower case as they compare. Any other key counts as absent from every request, and
 * whoever uses one is told.
 */

/** The `kms:` ones of AWS's that are not here belong to grants, imports, other regions and calls by services, which are not here either. */
export const CONDITION_KEYS: ReadonlySet<string> = new Set([
  'aws:currenttime',
  'aws:epochtime',
  'aws:principalaccount',
  'aws:principalarn',
  'aws:principaltype',
  'aws:requestedregion',
  'aws:securetransport',
  'aws:sourceip',
  'aws:tagkeys',
  'aws:useragent',
  'aws:username',
  'kms:bypasspolicylockoutsafetycheck',
  'kms:calleraccount',
  'kms:customermasterkeyspec',
  'kms:customermasterkeyusage',
  'kms:datakeypairspec',
  'kms:encryptionalgorithm',
  'kms:encryptioncontextkeys',
  'kms:keyagreementalgorithm',
  'kms:keyorigin',
  'kms:keyspec',
  'kms:keyusage',
  'kms:macalgorithm',
  'kms:messagetype',
  'kms:multiregion',
  'kms:reencryptonsamekey',
  'kms:requestalias',
  'kms:resourcealiases',
  'kms:rotationperiodindays',
  'kms:schedulekeydeletionpendingwindowindays',
  'kms:signingalgorithm',
])
const ENCRYPTION_CONTEXT = 'kms:encryptioncontext:'
/** Each with a name behind it. */
const NAMED = [ENCRYPTION_CONTEXT, 'aws:requesttag/', 'aws:resourcetag/']
/** PCR0..31; there is no key kms:RecipientAttestation by itself. */
const ATTESTATION = /^kms:recipientattestation:(?:imagesha384|pcr(?:[0-9]|[12][0-9]|3[01]))$/

export function isSupportedKey(name: string): boolean {
  const key = name.toLowerCase()
  return (
    CONDITION_KEYS.has(key) || ATTESTATION.test(key) || NAMED.some((prefix) => key.startsWith(prefix) && key !== prefix)
  )
}

/** A key that only a request with a verified attestation document carries. */
export function isAttestationKey(name: string): boolean {
  return ATTESTATION.test(name.toLowerCase())
}

/** A register that the image's code decides: the image whole (0), its two halves (1, 2), or its signer (8). */
export function isMeasurementKey(name: string): boolean {
  return /^kms:recipientattestation:(?:imagesha384|pcr[0128])$/.test(name.toLowerCase())
}

export type Context = Map<string, string[]>

/** What a request carries: what the service gives, and what follows from caller, time and encryption context. */
export function requestContext(given: Record<string, string[]>, principal: string, nowMs: number): Context {
  const context: Context = new Map()
  for (const [name, values] of Object.entries(given)) {
    const key = name.toLowerCase()
    context.set(key, [...(context.get(key) ?? []), ...values])
  }
  const derive = (key: string, values: string[]) => {
    if (!context.has(key)) context.set(key, values)
  }
  const [, , , , account = '', resource = ''] = principal.split(':')
  derive('aws:principalarn', [principal])
  derive('aws:principalaccount', [account])
  derive('kms:calleraccount', [account])
  derive('aws:principaltype', [principalType(resource)])
  // A session has no user's name, and root none at all.
  if (resource.startsWith('user/')) derive('aws:username', [resource.slice(resource.lastIndexOf('/') + 1)])
  derive('aws:currenttime', [new Date(nowMs).toISOString()])
  derive('aws:epochtime', [String(Math.floor(nowMs / 1000))])
  derive(
    'kms:encryptioncontextkeys',
    Object.keys(given).flatMap((name) =>
      name.toLowerCase().startsWith(ENCRYPTION_CONTEXT) ? [name.slice(ENCRYPTION_CONTEXT.length)] : [],
    ),
  )
  const image = context.get('kms:recipientattestation:pcr0') ?? context.get('kms:recipientattestation:imagesha384')
  if (image !== undefined) {
    derive('kms:recipientattestation:pcr0', image)
    derive('kms:recipientattestation:imagesha384', image)
  }
  return context
}

/** aws:PrincipalType has three values for those who sign requests here. */
function principalType(resource: string): string {
  if (resource === 'root') return 'Account'
  return resource.startsWith('user/') ? 'User' : 'AssumedRole'
}
