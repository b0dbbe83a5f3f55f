/** One call at work: its input, its caller, the keys it is about; who may and what a key's state allows is decided here. */
import { aliasArn, keyArn, type Place } from './account.ts'
import type { Caller } from './caller.ts'
import type { EncryptionContext } from './crypto/encryption-context.ts'
import { Fault } from './fault.ts'
import type { Input } from './input.ts'
import type { KeyMaker } from './keys/key-maker.ts'
import type { Key, KeyStore } from './keys/key-store.ts'
import type { KeyUsage } from './keys/spec.ts'
import { MAX_KEY_ID } from './limits.ts'
import { evaluatePolicy, type Policy, type PolicyRequest } from './policy/index.ts'
import type { Recipient, RecipientVerifier } from './recipient/recipient.ts'

export type CallOptions = {
  operation: string
  input: Input
  caller: Caller
  nowMs: number
  place: Place
  store: KeyStore
  maker: KeyMaker
  recipients: RecipientVerifier
}

/** Condition keys by name, beside those that every call carries. */
export type Conditions = Record<string, string[]>

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export class Call {
  readonly operation: string
  readonly input: Input
  readonly caller: Caller
  readonly nowMs: number
  readonly place: Place
  readonly store: KeyStore
  readonly maker: KeyMaker
  /** ARNs for the audit event. */
  readonly resources = new Set<string>()
  readonly warnings = new Set<string>()
  recipient: Recipient | undefined
  readonly #recipients: RecipientVerifier
  readonly #requestAliases = new Map<string, string>()

  constructor(options: CallOptions) {
    this.operation = options.operation
    this.input = options.input
    this.caller = options.caller
    this.nowMs = options.nowMs
    this.place = options.place
    this.store = options.store
    this.maker = options.maker
    this.#recipients = options.recipients
  }

  arn(key: Key): string {
    return keyArn(this.place, key.keyId)
  }

  /** The key that a field names by its id or ARN; where an operation takes them, by alias too. @throws Fault NotFoundException */
  key(field = 'KeyId', forms: 'with-alias' | 'id-or-arn' = 'with-alias'): Key {
    return this.resolve(this.input.text(field, { min: 1, max: MAX_KEY_ID }), forms)
  }

  /** @throws Fault NotFoundException */
  resolve(reference: string, forms: 'with-alias' | 'id-or-arn' = 'with-alias'): Key {
    const prefix = keyArn(this.place, '').slice(0, -'key/'.length)
    if (reference.startsWith('arn:') && !reference.startsWith(prefix))
      throw new Fault('NotFoundException', `Invalid arn ${reference}: this KMS's begin with ${prefix}`)
    const name = reference.startsWith('arn:') ? reference.slice(prefix.length) : reference
    if (name.startsWith('alias/') && forms === 'with-alias') {
      const alias = this.store.alias(name)
      if (alias === undefined) throw new Fault('NotFoundException', `Alias ${aliasArn(this.place, name)} is not found.`)
      this.#requestAliases.set(alias.keyId, name)
      return this.keyById(alias.keyId)
    }
    const isArn = reference.startsWith('arn:')
    const keyId = isArn ? name.slice('key/'.length) : name
    if (!UUID.test(keyId) || (isArn && !name.startsWith('key/')))
      throw new Fault('NotFoundException', `Invalid keyId '${reference}'`)
    return this.keyById(keyId)
  }

  /** @throws Fault NotFoundException */
  keyById(keyId: string): Key {
    const key = this.find(keyId)
    if (key === undefined) throw new Fault('NotFoundException', `Key '${keyArn(this.place, keyId)}' does not exist`)
    this.resources.add(this.arn(key))
    return key
  }

  /** A key whose time is over is none, also before its file is erased. */
  find(keyId: string): Key | undefined {
    const key = this.store.get(keyId)
    return key === undefined || (key.deletionMs !== null && key.deletionMs <= this.nowMs) ? undefined : key
  }

  /** @throws Fault ValidationException */
  async readRecipient(): Promise<Recipient | undefined> {
    this.recipient = await this.#recipients.read(this.input, this.nowMs)
    return this.recipient
  }

  /** @param action without `kms:`, where it is not the operation's name @throws Fault AccessDeniedException, InvalidGrantTokenException */
  authorize(key: Key, conditions: Conditions = {}, action = this.operation): void {
    if ((this.input.textList('GrantTokens', 10, { min: 1, max: 8192 }) ?? []).length > 0)
      throw new Fault('InvalidGrantTokenException', 'this KMS has no grants, and so no grant tokens')
    const decision = this.#decide(key, key.parsedPolicy, conditions, `kms:${action}`)
    for (const warning of decision.warnings) this.warnings.add(warning)
    if (decision.allowed) return
    const why = decision.explicitDeny
      ? 'with an explicit deny in a resource-based policy'
      : `because no resource-based policy allows the kms:${action} action`
    const image = this.recipient?.conditions['kms:RecipientAttestation:ImageSha384']?.[0]
    throw new Fault(
      'AccessDeniedException',
      `User: ${this.caller.principal} is not authorized to perform: kms:${action} on resource: ${this.arn(key)} ${why}${image === undefined ? '' : ` (PCR0 of the document is ${image})`}`,
    )
  }

  /** Whether another policy for the key would let this caller do this. */
  wouldAllow(key: Key, policy: Policy, action: string, conditions: Conditions = {}): boolean {
    return this.#decide(key, policy, conditions, action).allowed
  }

  /** For use: enabled, of this usage, not on its way out. @throws Fault DisabledException, KMSInvalidStateException, InvalidKeyUsageException */
  requireUsable(key: Key, usage?: KeyUsage): void {
    this.requireKept(key)
    if (!key.enabled) throw new Fault('DisabledException', `${this.arn(key)} is disabled.`)
    if (usage !== undefined && key.usage !== usage)
      throw new Fault(
        'InvalidKeyUsageException',
        `${this.arn(key)} key usage is ${key.usage} which is not valid for ${this.operation}.`,
      )
  }

  /** @throws Fault KMSInvalidStateException */
  requireKept(key: Key): void {
    if (key.deletionMs !== null) throw new Fault('KMSInvalidStateException', `${this.arn(key)} is pending deletion.`)
  }

  /** The last step before something is done. @throws Fault DryRunOperationException */
  endDryRun(): void {
    if (this.input.flag('DryRun'))
      throw new Fault('DryRunOperationException', 'The request would have succeeded, but the DryRun option is set.')
  }

  /** A secret on its way out: in the clear, or, if the request named a recipient, for that enclave alone. Never both. */
  release(field: string, secret: Buffer): Record<string, string> {
    const released =
      this.recipient === undefined
        ? { [field]: secret.toString('base64') }
        : { CiphertextForRecipient: this.recipient.seal(secret).toString('base64') }
    secret.fill(0)
    return released
  }

  #decide(key: Key, policy: Policy, conditions: Conditions, action: string) {
    const alias = this.#requestAliases.get(key.keyId)
    const request: PolicyRequest = {
      principal: this.caller.principal,
      action,
      resource: this.arn(key),
      nowMs: this.nowMs,
      context: {
        'aws:SourceIp': [this.caller.sourceIp],
        'aws:SecureTransport': ['false'],
        'aws:RequestedRegion': [this.place.region],
        ...(this.caller.userAgent !== '' && { 'aws:UserAgent': [this.caller.userAgent] }),
        ...tagConditions('aws:ResourceTag/', key.tags),
        'kms:KeySpec': [key.spec],
        'kms:CustomerMasterKeySpec': [key.spec],
        'kms:KeyUsage': [key.usage],
        'kms:CustomerMasterKeyUsage': [key.usage],
        'kms:KeyOrigin': ['AWS_KMS'],
        'kms:MultiRegion': ['false'],
        'kms:ResourceAliases': this.store.aliasesOf(key.keyId).map(({ name }) => name),
        ...(alias !== undefined && { 'kms:RequestAlias': [alias] }),
        ...conditions,
        ...this.recipient?.conditions,
      },
    }
    return evaluatePolicy(policy, request)
  }
}

/** @param prefix aws:RequestTag/ for those that a request brings */
export function tagConditions(
  prefix: 'aws:RequestTag/' | 'aws:ResourceTag/',
  tags: readonly { key: string; value: string }[],
): Conditions {
  return Object.fromEntries(tags.map(({ key, value }) => [`${prefix}${key}`, [value]]))
}

export function contextConditions(context: EncryptionContext): Conditions {
  return Object.fromEntries(context.map(([key, value]) => [`kms:EncryptionContext:${key}`, [value]]))
}
