/** The peer of attested calls: messages over plain `ws`, neither sealed nor attested, by the same transport on the client's side. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { dial, type Transport } from '../host/client/transport.ts'

export class PlainEcho {
  readonly #process: ChildProcess
  readonly #port: number
  readonly #transports: Transport[] = []

  private constructor(process: ChildProcess, port: number) {
    this.#process = process
    this.#port = port
  }

  static async start(how: 'plain' | 'corked'): Promise<PlainEcho> {
    const child = fork(join(import.meta.dirname, 'echo-server.ts'), [how], { execArgv: ['--no-warnings'] })
    const [port] = (await once(child, 'message')) as [number]
    return new PlainEcho(child, port)
  }

  /** A connection that answers in order, whatever is in flight. @returns a call */
  async connect(): Promise<(body: Uint8Array) => Promise<void>> {
    const waiting: (() => void)[] = []
    const transport = await dial(`ws://127.0.0.1:${this.#port}`, {
      onMessage: () => waiting.shift()?.(),
      onClose: () => {},
    })
    this.#transports.push(transport)
    return (body) =>
      new Promise((resolve) => {
        waiting.push(resolve)
        transport.send(body)
      })
  }

  async stop(): Promise<void> {
    for (const transport of this.#transports) transport.close()
    const exit = once(this.#process, 'exit')
    this.#process.disconnect()
    await exit
  }
}
