/** Sizes and counts of AWS's API reference and quotas, and what bounds this process. Bytes unless a name says otherwise. */

/** API_Encrypt: Plaintext. */
export const MAX_PLAINTEXT = 4096
/** API_Decrypt: CiphertextBlob; also CiphertextForRecipient. */
export const MAX_CIPHERTEXT = 6144
/** API_Sign, API_GenerateMac: Message. */
export const MAX_MESSAGE = 4096
/** API_GenerateRandom, API_GenerateDataKey: NumberOfBytes. */
export const MAX_RANDOM = 1024
/** API_RecipientInfo: AttestationDocument. Documents that verify are smaller by far. */
export const MAX_DOCUMENT = 262_144
/** API_DeriveSharedSecret, API_GetPublicKey: PublicKey. */
export const MAX_PUBLIC_KEY = 8192
/** "Encryption context … up to 8 KB": all keys and values together. */
export const MAX_ENCRYPTION_CONTEXT = 8192
/** Characters, API_CreateKey. */
export const MAX_DESCRIPTION = 8192
/** API_TagResource. */
export const MAX_TAGS = 50
export const MAX_TAG_KEY = 128
export const MAX_TAG_VALUE = 256
/** Characters, API_CreateAlias. */
export const MAX_ALIAS = 256
export const MAX_ALIASES_A_KEY = 50
/** Characters of a KeyId in whatever form. */
export const MAX_KEY_ID = 2048
/** Days, API_ScheduleKeyDeletion. */
export const DELETION_DAYS = { min: 7, max: 30, standard: 30 }
/** Days, API_EnableKeyRotation. */
export const ROTATION_DAYS = { min: 90, max: 2560, standard: 365 }
/** Quota of rotations on demand, for the life of a key. */
export const MAX_ROTATIONS_ON_DEMAND = 25
/** API_ListKeys: Limit, and what it is where nothing is said. */
export const PAGE = { max: 1000, standard: 100 }
/** API_ListAliases, API_ListResourceTags, API_ListKeyPolicies. */
export const SMALL_PAGE = { max: 100, standard: 50 }

/** Keys that this KMS holds; AWS's quota is 100,000 an account. */
export const MAX_KEYS = 4096
/** The longest document in base64 (349,528), a ciphertext, an encryption context and the names around them. */
export const MAX_BODY = 393_216
export const MAX_HEADERS = 16_384
export const MAX_CONNECTIONS = 128
/** Calls at work at once; beyond, AWS's ThrottlingException. */
export const MAX_CALLS = 128
/** RSA keys in the making at once: a 4,096-bit one takes seconds of a core. */
export const MAX_KEY_GENERATIONS = 4
