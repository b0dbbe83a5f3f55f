/** Every operation that this KMS answers. Another one of AWS's, such as grants or imports, is unknown here. */
import { agreementOperations } from './agreement.ts'
import { aliasOperations } from './aliases.ts'
import { createKeyOperations } from './create-key.ts'
import { dataKeyOperations } from './data-keys.ts'
import { encryptionOperations } from './encryption.ts'
import { lifeOperations } from './life.ts'
import type { Operation } from './operation.ts'
import { policyOperations } from './policies.ts'
import { rotationOperations } from './rotation.ts'
import { signingOperations } from './signing.ts'
import { tagOperations } from './tags.ts'

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>(
  Object.entries({
    ...agreementOperations,
    ...aliasOperations,
    ...createKeyOperations,
    ...dataKeyOperations,
    ...encryptionOperations,
    ...lifeOperations,
    ...policyOperations,
    ...rotationOperations,
    ...signingOperations,
    ...tagOperations,
  }),
)
