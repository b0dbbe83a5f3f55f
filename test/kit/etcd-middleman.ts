/**
 * A server that passes etcd's calls on as they are, or holds them, drops them, answers for etcd: for what a network may do to one call.
 * Without a target it answers Status alone.
 */
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
import { CALLS, type Calls, type TxnRequest, type TxnResponse } from '../../host/parent/store/etcd/protocol.ts'

const asIs = (bytes: Buffer) => bytes
const FORWARD_MS = 10_000

export type Fate =
  /** The call goes on, the answer comes back. */
  | 'pass'
  /** The call goes on, and the answer is lost. */
  | 'lose-answer'
  /** The call is lost. */
  | 'lose'
  /** The asker gives up; the call goes on when `release` says so. */
  | 'hold'

export class EtcdMiddleman {
  /** What becomes of a transaction. */
  fate: (request: TxnRequest) => Fate = () => 'pass'
  endpoint = ''
  readonly calls: (keyof Calls)[] = []
  readonly #server = new Server()
  readonly #target: Client | undefined
  #held: (() => Promise<TxnResponse>)[] = []

  /** @param target host:port of a member; without one, only Status is answered, by `answer` */
  static async start(
    target?: string,
    answer = { version: '3.4.23', header: { clusterId: '7' } },
  ): Promise<EtcdMiddleman> {
    const middleman = new EtcdMiddleman(target, answer)
    const port = await new Promise<number>((resolve, reject) =>
      middleman.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    )
    middleman.endpoint = `http://127.0.0.1:${port}`
    return middleman
  }

  private constructor(target: string | undefined, answer: { version: string; header: { clusterId: string } }) {
    this.#target = target === undefined ? undefined : new Client(target, credentials.createInsecure())
    for (const [name, { path }] of Object.entries(CALLS) as [keyof Calls, { path: string }][]) {
      const method = path.split('/')[2] as string
      const types = {
        path,
        requestStream: false,
        responseStream: false,
        requestDeserialize: asIs,
        responseSerialize: asIs,
      }
      const definition = { [method]: { ...types, requestSerialize: asIs, responseDeserialize: asIs } }
      const handler = ({ request }: { request: Buffer }, done: sendUnaryData<Buffer>) => {
        this.calls.push(name)
        if (this.#target !== undefined) this.#take(name, request, done)
        else if (name === 'Status') done(null, CALLS.Status.responseSerialize(answer))
        else done(failed('nobody is here'))
      }
      this.#server.addService(definition, { [method]: handler as never })
    }
  }

  /** Lets a held call go on. @returns etcd's answer to it */
  async release(): Promise<TxnResponse> {
    const next = this.#held.shift()
    if (next === undefined) throw new Error('no call is held')
    return next()
  }

  stop(): void {
    this.#server.forceShutdown()
    this.#target?.close()
  }

  #take(name: keyof Calls, request: Buffer, done: sendUnaryData<Buffer>): void {
    const fate = name === 'Txn' ? this.fate(CALLS.Txn.requestDeserialize(request) as TxnRequest) : 'pass'
    const forward = () => this.#forward(name, request)
    if (fate === 'pass') forward().then((answer) => done(null, answer), done)
    else if (fate === 'lose-answer') forward().finally(() => done(failed('the answer was lost')))
    else {
      if (fate === 'hold')
        this.#held.push(async () => CALLS.Txn.responseDeserialize(await forward()) as unknown as TxnResponse)
      done(failed('nobody knows'))
    }
  }

  #forward(name: keyof Calls, request: Buffer): Promise<Buffer> {
    const deadline = Date.now() + FORWARD_MS
    return new Promise((resolve, reject) =>
      this.#target?.makeUnaryRequest(CALLS[name].path, asIs, asIs, request, { deadline } as never, (error, answer) =>
        error === null ? resolve(answer as Buffer) : reject(error),
      ),
    )
  }
}

function failed(details: string): Partial<ServiceError> {
  return { code: status.UNAVAILABLE, details }
}
