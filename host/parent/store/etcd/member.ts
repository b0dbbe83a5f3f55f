/** One member of the cluster: its channel, and calls on it. What gRPC says becomes a `CallFailure`, which tells whether the call may have had effect. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import {
  type ChannelCredentials,
  type ChannelOptions,
  Client,
  credentials,
  Metadata,
  type ServiceError,
  status,
  type VerifyOptions,
} from '@grpc/grpc-js'
import type { EtcdSettings } from '../settings.ts'
import { CALLS, type Calls } from './protocol.ts'

/** Of one answer: pages are cut to be far below, a page of one record never is above. */
export const MAX_RECEIVE_BYTES = 33554432

/** etcd ends connections that ask more often than every 5 s (--grpc-keepalive-min-time). */
const KEEPALIVE_MS = 10_000
const KEEPALIVE_TIMEOUT_MS = 3_000
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 2_000
/** What a handshake calls a server that has no name: grpc-js would say its address, and Node refuses that (RFC 6066 3). RFC 2606 keeps it free. */
const NAME_OF_AN_ADDRESS = 'etcd.invalid'

/** Codes with which etcd answers before it proposes anything, or by which the call never left. */
const WITHOUT_EFFECT = new Set<number>([
  status.INVALID_ARGUMENT,
  status.OUT_OF_RANGE,
  status.PERMISSION_DENIED,
  status.UNAUTHENTICATED,
  status.FAILED_PRECONDITION,
  status.UNIMPLEMENTED,
])

export class CallFailure extends Error {
  readonly code: number
  /** The call did nothing and will do nothing. */
  readonly withoutEffect: boolean

  constructor(code: number, details: string) {
    super(details || `gRPC status ${code}`)
    this.code = code
    this.withoutEffect = WITHOUT_EFFECT.has(code) || this.isFull
  }

  /** etcd says so of a user's password too, with INVALID_ARGUMENT. */
  get isTokenRefused(): boolean {
    return (
      this.code === status.UNAUTHENTICATED ||
      /invalid auth token|user name is empty|auth store is old/.test(this.message)
    )
  }

  get isFull(): boolean {
    return /database space exceeded/.test(this.message)
  }

  get isTooLarge(): boolean {
    return this.code === status.RESOURCE_EXHAUSTED && /larger than max/.test(this.message)
  }
}

export class Member {
  readonly endpoint: string
  readonly #client: Client
  /** Of the cluster that it belongs to, once it was asked. */
  clusterId: string | undefined

  /** @param address as `address` gives it */
  constructor(endpoint: string, address: string, settings: EtcdSettings) {
    this.endpoint = endpoint
    const { hostname } = new URL(endpoint)
    const options: ChannelOptions = {
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.keepalive_permit_without_calls': 1,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MIN_MS,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
      'grpc.max_receive_message_length': MAX_RECEIVE_BYTES,
      'grpc.enable_http_proxy': 0,
      'grpc.service_config_disable_resolution': 1,
      // A repeated write is the engine's decision.
      'grpc.enable_retries': 0,
    }
    if (endpoint.startsWith('https:')) {
      options['grpc.ssl_target_name_override'] = isAddress(hostname) ? NAME_OF_AN_ADDRESS : hostname
      options['grpc.default_authority'] = hostname
    }
    this.#client = new Client(address, channelCredentials(endpoint, settings), options)
  }

  /** @throws CallFailure */
  call<Name extends keyof Calls>(
    name: Name,
    request: Calls[Name][0],
    deadlineMs: number,
    token?: string,
  ): Promise<Calls[Name][1]> {
    const { path, requestSerialize, responseDeserialize } = CALLS[name]
    const metadata = new Metadata()
    if (token !== undefined) metadata.set('token', token)
    const deadline = Date.now() + deadlineMs
    return new Promise((resolve, reject) => {
      const done = (error: ServiceError | null, response?: object) =>
        error === null ? resolve(response as Calls[Name][1]) : reject(new CallFailure(error.code, error.details))
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, { deadline }, done)
    })
  }

  close(): void {
    this.#client.close()
  }
}

/**
 * Where an endpoint is. Names are looked up once: later the process may read no file that says who knows them. LIMIT: a member that moves is
 * found again at the next start.
 */
export async function address(endpoint: string): Promise<string> {
  const { hostname, port, protocol } = new URL(endpoint)
  const host = bare(hostname)
  const found = isIP(host) === 0 ? await lookup(host) : { address: host, family: isIP(host) }
  const at = found.family === 6 ? `[${found.address}]` : found.address
  return `${found.family === 6 ? 'ipv6' : 'ipv4'}:${at}:${port || (protocol === 'https:' ? 443 : 80)}`
}

function channelCredentials(endpoint: string, { tls }: EtcdSettings): ChannelCredentials {
  if (!endpoint.startsWith('https:')) return credentials.createInsecure()
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text))
  const { hostname } = new URL(endpoint)
  // By the endpoint's own name or address, whatever name the handshake says.
  const verify = {
    checkServerIdentity: (_name: string, peer: PeerCertificate) => checkServerIdentity(bare(hostname), peer),
  }
  return credentials.createSsl(pem(tls?.ca), pem(tls?.key), pem(tls?.cert), verify as VerifyOptions)
}

function isAddress(hostname: string): boolean {
  return isIP(bare(hostname)) !== 0
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '')
}
