/**
 * What a key policy comes to: who may use the key for what, from where, and which statement lets somebody use it *without* an enclave's
 * attestation. Pure. It looks at the policy alone: grants and IAM policies do not exist here.
 */
import type { Condition } from './condition.ts'
import { isAttestationKey, isMeasurementKey, isSupportedKey } from './condition-keys.ts'
import { nameOf, namesAction } from './evaluate.ts'
import type { Policy, Statement } from './policy.ts'
import { accountOf, type Principal, principalName } from './principal.ts'

/** Operations whose answer can be sealed to an enclave. GenerateRandom is the fifth, and uses no key, so no key policy governs it. */
export const ATTESTABLE = ['Decrypt', 'GenerateDataKey', 'GenerateDataKeyPair', 'DeriveSharedSecret'] as const
/** What gives content away in another way: a ciphertext moves under another key, whose policy then decides. */
const MOVING = ['ReEncryptFrom'] as const
const OTHERS = [
  'Encrypt',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateDataKeyPairWithoutPlaintext',
  'ReEncryptTo',
  'Sign',
  'Verify',
  'GenerateMac',
  'VerifyMac',
  'GetPublicKey',
] as const
const REWRITING = 'PutKeyPolicy'
const OPERATIONS: readonly string[] = [...ATTESTABLE, ...MOVING, ...OTHERS, REWRITING]

/** From where: anywhere, any enclave that this KMS believes, or those of certain measurements. */
export type Origin = 'anywhere' | 'any enclave' | 'measured enclave'

export type Use = {
  statement: number
  name: string
  effect: 'Allow' | 'Deny'
  principals: string[]
  /** Of those that this KMS has, without `kms:`; `all` where all are named. */
  operations: string[]
  origin: Origin
  /** As the policy writes them, one a line. */
  conditions: string[]
}

/** A statement that lets somebody at content without an attestation document, and no Deny that is in the way of all of them. */
export type Hole = { statement: number; name: string; principals: string[]; operations: string[] }

export type Explanation = {
  uses: Use[]
  withoutAttestation: Hole[]
  /** Who may write another policy, and so let themselves in. */
  mayRewrite: { statement: number; name: string; principals: string[] }[]
  warnings: string[]
}

export function explainPolicy(policy: Policy): Explanation {
  const holes: Hole[] = []
  const mayRewrite: Explanation['mayRewrite'] = []
  for (const [index, statement] of policy.statements.entries()) {
    if (statement.effect === 'Deny') continue
    const facts = { statement: index, name: nameOf(statement, index), principals: principalsOf(statement) }
    const open = [...ATTESTABLE, ...MOVING].filter(
      (operation) =>
        names(statement, operation) &&
        !demandsAttestation(statement) &&
        !policy.statements.some((other) => closes(other, statement, operation)),
    )
    if (open.length > 0) holes.push({ ...facts, operations: open })
    if (names(statement, REWRITING)) mayRewrite.push(facts)
  }
  return {
    uses: policy.statements.map(useOf),
    withoutAttestation: holes,
    mayRewrite,
    warnings: policy.statements.flatMap(warningsOf),
  }
}

function useOf(statement: Statement, index: number): Use {
  const operations = OPERATIONS.filter((operation) => names(statement, operation))
  return {
    statement: index,
    name: nameOf(statement, index),
    effect: statement.effect,
    principals: principalsOf(statement),
    operations: operations.length === OPERATIONS.length ? ['all'] : operations,
    origin: originOf(statement),
    conditions: statement.conditions.map(
      ({ name, key, values }) => `${name} ${key} ${values.map((value) => JSON.stringify(value)).join(', ')}`,
    ),
  }
}

function names(statement: Statement, operation: string): boolean {
  return namesAction(statement.actions, `kms:${operation}`)
}

function principalsOf({ principals }: Statement): string[] {
  return principals.list.map((each) => `${principals.not ? 'all but ' : ''}${principalName(each)}`)
}

function originOf(statement: Statement): Origin {
  if (!demandsAttestation(statement)) return 'anywhere'
  const measured = new Set(
    statement.conditions
      .filter((condition) => isMeasurementKey(condition.key) && isExact(condition))
      .map(({ key }) =>
        key
          .toLowerCase()
          .replace(/^.*:(?:imagesha384)$/, 'pcr0')
          .replace(/^.*:/, ''),
      ),
  )
  const whole = measured.has('pcr0') || measured.has('pcr8') || (measured.has('pcr1') && measured.has('pcr2'))
  return whole ? 'measured enclave' : 'any enclave'
}

// Whether no request without a document can satisfy its conditions.
function demandsAttestation(statement: Statement): boolean {
  return statement.conditions.some((condition) => isAttestationKey(condition.key) && !holdsWithout(condition))
}

/** Whether it holds when its key is absent: so evaluate.ts has it. */
function holdsWithout({ operator, quantifier, ifExists, values }: Condition): boolean {
  if (operator === undefined) return values.some((value) => value.toLowerCase() === 'true')
  if (ifExists || quantifier === 'ForAllValues') return true
  return quantifier === undefined && operator.negated
}

// Compares with values as they are: no wildcard, no negation, and no register that every debug enclave has.
function isExact({ name, operator, values }: Condition): boolean {
  if (operator === undefined || operator.negated || !/String/.test(name)) return false
  return values.every((value) => !(/Like/.test(name) && /[*?]/.test(value)) && !/^0*$/.test(value))
}

// A Deny that meets every request without a document that the statement would let in.
function closes(deny: Statement, allow: Statement, operation: string): boolean {
  return (
    deny.effect === 'Deny' &&
    names(deny, operation) &&
    !deny.resources.not &&
    deny.resources.patterns.includes('*') &&
    deny.conditions.every((condition) => isAttestationKey(condition.key) && holdsWithout(condition)) &&
    covers(deny.principals, allow.principals.list)
  )
}

function covers(deny: Statement['principals'], allowed: Principal[]): boolean {
  // Whoever NotPrincipal spares could be among them.
  if (deny.not) return false
  return allowed.every((each) =>
    deny.list.some((denied) => {
      if (denied.kind === 'everyone' || each.kind === 'never') return true
      if (denied.kind === 'account')
        return each.kind === 'account'
          ? each.account === denied.account
          : each.kind === 'identity' && accountOf(each.arn) === denied.account
      return denied.kind === 'identity' && each.kind === 'identity' && each.arn === denied.arn
    }),
  )
}

function warningsOf(statement: Statement, index: number): string[] {
  const name = nameOf(statement, index)
  const found: string[] = []
  for (const { key, values } of statement.conditions) {
    if (!isSupportedKey(key)) found.push(`${name}: condition key ${key} is not supported here and counts as absent`)
    if (isAttestationKey(key) && values.some((value) => /^0+$/.test(value)))
      found.push(`${name}: ${key} of zeros is what every debug enclave has`)
  }
  const attested = statement.conditions.some(({ key }) => isAttestationKey(key))
  if (attested && statement.effect === 'Allow') {
    if (!demandsAttestation(statement))
      found.push(`${name}: its condition on attestation also holds where there is no document`)
    else if (originOf(statement) === 'any enclave')
      found.push(`${name}: it names no image: PCR0, or PCR8, or PCR1 with PCR2, each by its value`)
    const never = OPERATIONS.filter(
      (operation) => names(statement, operation) && !(ATTESTABLE as readonly string[]).includes(operation),
    )
    if (demandsAttestation(statement) && never.length > 0 && never.length < OPERATIONS.length - ATTESTABLE.length)
      found.push(`${name}: ${never.join(', ')} carry no attestation, so it never allows them`)
  }
  if (statement.principals.list.some((each) => each.kind === 'everyone') && statement.effect === 'Allow')
    found.push(`${name}: it lets in anybody whose requests this KMS knows, of every account`)
  return found
}
