/**
 * `wasmclave kms explain-policy`: who may use a key for what, and which statement lets somebody use it without attestation. A table on a
 * terminal, JSON when asked or piped.
 */
import { UsageError } from '../errors.ts'
import { explainPolicy as explain, explanationTable, parsePolicy } from '../kms/policy/index.ts'
import { readText } from './files.ts'
import { printJson } from './output.ts'

export type ExplainPolicyOptions = {
  /** The policy's text, of a key or not yet of one. */
  policy?: string
  /** A file with it. One of both. */
  policyFile?: string
  /** The key's, twelve digits. */
  account: string
  json?: boolean
}

/** @throws UsageError ERR_USAGE_MISSING, ERR_USAGE_CONFLICT; RefusedError ERR_KMS_POLICY with the place in the policy */
export function explainPolicy(options: ExplainPolicyOptions): void {
  const { policy, policyFile, account } = options
  if (policy === undefined && policyFile === undefined)
    throw new UsageError('ERR_USAGE_MISSING', 'explain-policy needs a key, or a file with a policy')
  if (policy !== undefined && policyFile !== undefined)
    throw new UsageError('ERR_USAGE_CONFLICT', 'explain-policy takes a key or a file, one of both')
  const explanation = explain(parsePolicy(policy ?? readText(policyFile as string), account))
  if (options.json || !process.stdout.isTTY) printJson(explanation)
  else process.stdout.write(explanationTable(explanation))
}
