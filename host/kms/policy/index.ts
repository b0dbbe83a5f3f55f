/** Key policies: parsed once, evaluated for each request. Pure; the time is an argument. */

export { type Decision, evaluatePolicy, type PolicyRequest } from './evaluate.ts'
export { type Explanation, explainPolicy } from './explain.ts'
export { explanationTable } from './explain-table.ts'
export { MAX_POLICY_BYTES, type Policy, parsePolicy } from './policy.ts'

/** What a key gets whose maker names none: the whole account may do everything with it, as at AWS. */
export function defaultPolicy(account: string): string {
  return JSON.stringify(
    {
      Version: '2012-10-17',
      Id: 'key-default-1',
      Statement: [
        {
          Sid: 'Enable IAM User Permissions',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${account}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    },
    null,
    2,
  )
}
