// A parent process under a test that plays nitro and enclaves.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import { RELAY_ACK } from '../../assembly/abi/wire.ts'
import {
  ControlReader,
  encodeControl,
  TO_NITRO,
  TO_PARENT,
  type ToNitro,
  type ToParent,
} from '../../host/wire/control.ts'
import { encodeFrame, type Frame, FrameReader } from '../../host/wire/frame.ts'

export class ParentUnderTest {
  readonly process: ChildProcess
  readonly folder = mkdtempSync(join(tmpdir(), 'wasmclave-parent-'))
  readonly messages: ToNitro[] = []
  port = 0
  metricsPort = 0
  readonly #waiting: { type: ToNitro['type']; resolve: (message: never) => void }[] = []
  #nextSlot = 1

  constructor() {
    this.process = spawn(process.execPath, [join(import.meta.dirname, '../../host/parent/main.ts')], {
      stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
      env: {},
    })
    const reader = new ControlReader(TO_NITRO)
    this.#control.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        const index = this.#waiting.findIndex((waiter) => waiter.type === message.type)
        if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(message as never)
        else this.messages.push(message)
      }
    })
  }

  get #control(): Duplex {
    return this.process.stdio[3] as Duplex
  }

  async start(options: { stepDeadlineMs?: number; origins?: string[]; metrics?: string } = {}): Promise<this> {
    this.tell({
      type: 'configure',
      address: '127.0.0.1',
      port: 0,
      enclavesSocket: join(this.folder, 'enclaves.sock'),
      origins: options.origins ?? [],
      hosts: [],
      stepDeadlineMs: options.stepDeadlineMs ?? 1000,
      kmsSocket: join(this.folder, 'kms.sock'),
      store: JSON.stringify({ engine: 'lmdb' }),
      metrics: options.metrics ?? '',
    })
    const { port, metricsPort } = await this.next('listening')
    this.port = port
    this.metricsPort = metricsPort
    return this
  }

  tell(message: ToParent): void {
    this.#control.write(encodeControl(TO_PARENT, message))
  }

  next<T extends ToNitro['type']>(type: T): Promise<Extract<ToNitro, { type: T }>> {
    const index = this.messages.findIndex((message) => message.type === type)
    if (index >= 0) return Promise.resolve(this.messages.splice(index, 1)[0] as never)
    return new Promise((resolve) => this.#waiting.push({ type, resolve: resolve as (message: never) => void }))
  }

  /** An enclave under `name`, played by `onFrame`. */
  async enclave(name: string, onFrame: (frame: Frame, enclave: FakeEnclave) => void): Promise<FakeEnclave> {
    const slot = this.#nextSlot++
    const token = randomBytes(16)
    this.tell({ type: 'slot', slot, token })
    const socket = connect(join(this.folder, 'enclaves.sock'))
    socket.write(token)
    await this.next('introduced')
    const enclave = new FakeEnclave(slot, socket, onFrame)
    this.tell({ type: 'enclave', slot, name, enclaveId: `i-0-enc${slot}` })
    return enclave
  }

  async stop(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exit = once(this.process, 'exit')
      this.process.kill('SIGKILL')
      await exit
    }
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class FakeEnclave {
  readonly slot: number
  readonly socket: Socket
  acknowledges = true
  readonly #reader = new FrameReader(MAX_RELAY_PAYLOAD)

  constructor(slot: number, socket: Socket, onFrame: (frame: Frame, enclave: FakeEnclave) => void) {
    this.slot = slot
    this.socket = socket
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      let handled = 0
      for (const frame of this.#reader.push(chunk as Buffer)) {
        handled++
        onFrame(frame, this)
      }
      if (this.acknowledges && handled > 0) this.acknowledge(handled)
    })
  }

  acknowledge(frames: number): void {
    const count = Buffer.alloc(4)
    count.writeUInt32BE(frames)
    this.send(RELAY_ACK, 0, count)
  }

  send(type: number, session: number, payload: Uint8Array): void {
    this.socket.write(encodeFrame(type, session, payload))
  }
}
