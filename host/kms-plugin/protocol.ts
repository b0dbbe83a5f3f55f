/**
 * Kubernetes' KMS v2, k8s.io/kms/apis/v2/api.proto (package `v2`), by name, number and type as protobufjs takes them, and its limits. Fields
 * that are not here are skipped when they come.
 */
import type { ServiceDefinition } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'

/** StatusResponse.version and .healthz, exactly these. */
export const API_VERSION = 'v2'
export const HEALTHY = 'ok'

/** Sum of keys and values, kube-apiserver's envelope/kmsv2. */
export const MAX_ANNOTATION_BYTES = 32_768
/** kube-apiserver sends a UUID. */
export const MAX_UID_BYTES = 256
/** Room for all fields of a request at their limits, and for fields that are skipped. */
export const MAX_REQUEST_BYTES = 65_536

const message = (fields: Record<string, [type: string, id: number]>) => ({
  fields: Object.fromEntries(Object.entries(fields).map(([name, [type, id]]) => [name, { type, id }])),
})
const withAnnotations = (of: ReturnType<typeof message>, id: number) => ({
  fields: { ...of.fields, annotations: { keyType: 'string', type: 'bytes', id } },
})
const CALLS = ['Status', 'Encrypt', 'Decrypt'] as const

const DESCRIPTION = {
  nested: {
    v2: {
      nested: {
        KeyManagementService: {
          methods: Object.fromEntries(
            CALLS.map((name) => [name, { requestType: `${name}Request`, responseType: `${name}Response` }]),
          ),
        },
        StatusRequest: message({}),
        StatusResponse: message({ version: ['string', 1], healthz: ['string', 2], keyId: ['string', 3] }),
        EncryptRequest: message({ plaintext: ['bytes', 1], uid: ['string', 2] }),
        EncryptResponse: withAnnotations(message({ ciphertext: ['bytes', 1], keyId: ['string', 2] }), 3),
        DecryptRequest: withAnnotations(
          message({ ciphertext: ['bytes', 1], uid: ['string', 2], keyId: ['string', 3] }),
          4,
        ),
        DecryptResponse: message({ plaintext: ['bytes', 1] }),
      },
    },
  },
}

export type Annotations = Record<string, Uint8Array>
export type Calls = {
  Status: [request: Record<string, never>, response: { version: string; healthz: string; keyId: string }]
  Encrypt: [
    request: { plaintext: Uint8Array; uid: string },
    response: { ciphertext: Uint8Array; keyId: string; annotations: Annotations },
  ]
  Decrypt: [
    request: { ciphertext: Uint8Array; uid: string; keyId: string; annotations: Annotations },
    response: { plaintext: Uint8Array },
  ]
}

/** Paths, serialisers and deserialisers, `/v2.KeyManagementService/…`. */
export const KEY_MANAGEMENT_SERVICE = (
  fromJSON(DESCRIPTION as Parameters<typeof fromJSON>[0], { defaults: true, objects: true }) as unknown as Record<
    string,
    ServiceDefinition
  >
)['v2.KeyManagementService'] as ServiceDefinition
