/**
 * What is used of etcd's gRPC, version 3: messages and calls of etcdserverpb/rpc.proto and mvccpb/kv.proto by name, number and type, as
 * protobufjs takes them. Fields that are not here are skipped when they come.
 */
import { fromJSON, type MethodDefinition } from '@grpc/proto-loader'

type Fields = Record<string, [type: string, id: number, repeated?: 'repeated']>

const message = (fields: Fields, oneofs?: Record<string, { oneof: string[] }>) => ({
  ...(oneofs && { oneofs }),
  fields: Object.fromEntries(
    Object.entries(fields).map(([name, [type, id, rule]]) => [name, { type, id, ...(rule && { rule }) }]),
  ),
})
const service = (calls: Record<string, string>) => ({
  methods: Object.fromEntries(
    Object.entries(calls).map(([name, type]) => [
      name,
      { requestType: `${type}Request`, responseType: `${type}Response` },
    ]),
  ),
})

const DESCRIPTION = {
  nested: {
    etcdserverpb: {
      nested: {
        KV: service({ Range: 'Range', DeleteRange: 'DeleteRange', Txn: 'Txn' }),
        Maintenance: service({ Status: 'Status' }),
        Auth: service({ Authenticate: 'Authenticate' }),
        ResponseHeader: message({ clusterId: ['uint64', 1], memberId: ['uint64', 2], revision: ['int64', 3] }),
        KeyValue: message({ key: ['bytes', 1], modRevision: ['int64', 3], value: ['bytes', 5] }),
        RangeRequest: message({
          key: ['bytes', 1],
          rangeEnd: ['bytes', 2],
          limit: ['int64', 3],
          revision: ['int64', 4],
          keysOnly: ['bool', 8],
        }),
        RangeResponse: message({ header: ['ResponseHeader', 1], kvs: ['KeyValue', 2, 'repeated'], more: ['bool', 3] }),
        PutRequest: message({ key: ['bytes', 1], value: ['bytes', 2] }),
        PutResponse: message({ header: ['ResponseHeader', 1] }),
        DeleteRangeRequest: message({ key: ['bytes', 1], rangeEnd: ['bytes', 2] }),
        DeleteRangeResponse: message({ header: ['ResponseHeader', 1], deleted: ['int64', 2] }),
        RequestOp: message(
          {
            requestRange: ['RangeRequest', 1],
            requestPut: ['PutRequest', 2],
            requestDeleteRange: ['DeleteRangeRequest', 3],
          },
          { request: { oneof: ['requestRange', 'requestPut', 'requestDeleteRange'] } },
        ),
        ResponseOp: message(
          {
            responseRange: ['RangeResponse', 1],
            responsePut: ['PutResponse', 2],
            responseDeleteRange: ['DeleteRangeResponse', 3],
          },
          { response: { oneof: ['responseRange', 'responsePut', 'responseDeleteRange'] } },
        ),
        Compare: message(
          {
            result: ['CompareResult', 1],
            target: ['CompareTarget', 2],
            key: ['bytes', 3],
            version: ['int64', 4],
            modRevision: ['int64', 6],
          },
          { targetUnion: { oneof: ['version', 'modRevision'] } },
        ),
        CompareResult: { values: { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } },
        CompareTarget: { values: { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3 } },
        TxnRequest: message({
          compare: ['Compare', 1, 'repeated'],
          success: ['RequestOp', 2, 'repeated'],
          failure: ['RequestOp', 3, 'repeated'],
        }),
        TxnResponse: message({
          header: ['ResponseHeader', 1],
          succeeded: ['bool', 2],
          responses: ['ResponseOp', 3, 'repeated'],
        }),
        StatusRequest: message({}),
        StatusResponse: message({ header: ['ResponseHeader', 1], version: ['string', 2] }),
        AuthenticateRequest: message({ name: ['string', 1], password: ['string', 2] }),
        AuthenticateResponse: message({ header: ['ResponseHeader', 1], token: ['string', 2] }),
      },
    },
  },
}

export type Header = { clusterId: string; memberId: string; revision: string }
export type KeyValue = { key: Buffer; value: Buffer; modRevision: string }
export type RangeRequest = { key: Buffer; rangeEnd?: Buffer; limit?: number; revision?: number; keysOnly?: boolean }
export type RangeResponse = { header: Header; kvs: KeyValue[]; more: boolean }
export type RequestOp =
  | { requestRange: RangeRequest }
  | { requestPut: { key: Buffer; value: Uint8Array } }
  | { requestDeleteRange: { key: Buffer; rangeEnd?: Buffer } }
export type Compare =
  | { key: Buffer; target: 'MOD'; result: 'EQUAL'; modRevision: number }
  | { key: Buffer; target: 'VERSION'; result: 'GREATER'; version: number }
export type TxnRequest = { compare?: Compare[]; success: RequestOp[]; failure?: RequestOp[] }
export type TxnResponse = { header: Header; succeeded: boolean; responses: { responseRange?: RangeResponse }[] }

export type Calls = {
  Range: [RangeRequest, RangeResponse]
  DeleteRange: [{ key: Buffer; rangeEnd?: Buffer }, { header: Header }]
  Txn: [TxnRequest, TxnResponse]
  Status: [Record<string, never>, { header: Header; version: string }]
  Authenticate: [{ name: string; password: string }, { token: string }]
}

const definition = fromJSON(DESCRIPTION as Parameters<typeof fromJSON>[0], {
  longs: String,
  enums: String,
  defaults: true,
  arrays: true,
}) as unknown as Record<string, Record<string, MethodDefinition<object, object>>>

/** Path, serialiser and deserialiser of a call. */
export const CALLS = {
  ...definition['etcdserverpb.KV'],
  ...definition['etcdserverpb.Maintenance'],
  ...definition['etcdserverpb.Auth'],
} as Record<keyof Calls, MethodDefinition<object, object>>
