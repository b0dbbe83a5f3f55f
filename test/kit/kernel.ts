// kernel.wasm without its process, driven event by event: a played nitro answers its NSM, a played workload its requests. Nothing is
// random: the same events give the same bytes. For vectors and exact tests.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { KIND_ACCEPTED } from '../../assembly/abi/channel.ts'
import { MAX_RELAY_PAYLOAD } from '../../assembly/abi/limits.ts'
import {
  RELAY_ACK,
  RELAY_CLOSE,
  RELAY_CLOSED,
  RELAY_MESSAGE,
  RELAY_OPENED,
  RELAY_STORE_HEAD,
} from '../../assembly/abi/wire.ts'
import { Kernel } from '../../host/enclave/kernel.ts'
import { encodeCanonicalJson, type Json } from '../../host/wire/canonical-json.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { encodeFrame, type Frame, FrameReader } from '../../host/wire/frame.ts'
import { ChannelPeer, concat, type PeerFrame, PeerIdentity, sha384, type Tampering } from './channel-peer.ts'

export const KERNEL_WASM = join(import.meta.dirname, '../../assembly/kernel/kernel.wasm')
const NOTHING = new Uint8Array(0)

/** Bytes that look random and are the same in every run: SHA-256(name ‖ counter). */
export function fixed(name: string, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let i = 0; blocks.length * 32 < length; i++) blocks.push(createHash('sha256').update(`${name} ${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

export const owner = new PeerIdentity(fixed('owner', 32))
export const secondOwner = new PeerIdentity(fixed('second owner', 32))
export const user = new PeerIdentity(fixed('user', 32))
export const stranger = new PeerIdentity(fixed('stranger', 32))

export type Grant = { grant: Json; signer: PeerIdentity; signature?: Uint8Array }
/** What nitro launches the kernel with. */
export type LaunchRecords = { manifest: Json; grants: Grant[]; admission: Json; boot: Json }

export function grantOf(version: number, owners: PeerIdentity[], workloadName = 'echo'): Json {
  return { owners: owners.map((each) => each.publicKey.toString('hex')), version, workloadName }
}

export function launchRecords(changes: Partial<LaunchRecords> = {}): LaunchRecords {
  return {
    manifest: { attestCallerKey: false, workload: { name: 'echo', version: '1.0.0' } },
    grants: [{ grant: grantOf(1, [owner]), signer: owner }],
    admission: { development: true },
    boot: { isolation: [] },
    ...changes,
  }
}

/** What `boot` reads. */
export function bootInput({ manifest, grants, admission, boot }: LaunchRecords): Uint8Array {
  const chain = grants.map(({ grant, signer, signature }): Cbor => {
    const bytes = encodeCanonicalJson(grant)
    return [bytes, signature ?? signer.sign(concat('wasmclave/grant\0', bytes))]
  })
  return encodeCbor([
    'i-0-enc1',
    encodeCanonicalJson(manifest),
    encodeCbor(chain),
    encodeCanonicalJson(admission),
    encodeCanonicalJson(boot),
  ])
}

/** What a played NSM says instead of the honest answer. */
export type NsmLie = (call: string, index: number, honest: Cbor) => Cbor
/** An attestation that waits for its signature. */
export type Asked = { ticket: number; userData: Buffer; nonce: Buffer | null; publicKey: Buffer | null }
export type Handled = {
  id: number
  method: string
  path: string
  headers: string
  body: Buffer
  role: number
  key: Buffer
}
/** What a played workload does with a request: an answer, or the status that `handle` returns. */
export type Answer = { status: number; headers?: string; body?: Uint8Array; end?: boolean } | number

export class KernelUnderTest {
  readonly kernel: Kernel
  now = 1000
  readonly signing: Asked[] = []
  readonly pcrs = new Map<number, Buffer>()
  readonly locked = new Set<number>()
  readonly handled: Handled[] = []
  readonly closedRequests: number[] = []
  readonly attested: { ticket: number; document: Buffer }[] = []
  ticks = 0
  handle: (request: Handled) => Answer = (request) => ({ status: 200, body: request.body })
  lie: NsmLie = (_call, _index, honest) => honest
  /** Frames for the parent's store and the KMS, where nobody answers them at once. */
  readonly storeFrames: Frame[] = []
  /** Who answers them at once: frames for the kernel. */
  store: ((frame: Frame) => Uint8Array[]) | undefined
  /** GetRandom's bytes; a kernel that is booted again must get others. */
  randomName = 'nsm random'
  #nextTicket = 1
  #randoms = 0
  #nextSession = 1

  constructor(wasm: Uint8Array = readFileSync(KERNEL_WASM)) {
    this.kernel = new Kernel(wasm)
  }

  /** A kernel that serves. @throws EnclaveFault */
  static serving(records: LaunchRecords = launchRecords(), wasm?: Uint8Array): KernelUnderTest {
    const under = new KernelUnderTest(wasm)
    under.boot(records)
    under.kernel.check(under.exports.workloadReady())
    return under
  }

  get exports() {
    return this.kernel.exports
  }

  boot(records: LaunchRecords = launchRecords()): void {
    this.bootFrom(bootInput(records))
  }

  bootFrom(input: Uint8Array): void {
    this.kernel.check(this.exports.boot(this.kernel.put(input), this.now))
    this.submit()
  }

  /** Answers what the kernel asks of its NSM, as nitro does: at once, but for attestation. */
  submit(): void {
    while (this.exports.nsmLength() > 0) {
      const at = this.exports.nsm() >>> 0
      const requests = Buffer.from(this.kernel.view.slice(at, at + this.exports.nsmLength()))
      this.exports.nsmTaken()
      for (let from = 0; from < requests.length; ) {
        const length = requests.readUInt32BE(from)
        this.#call(requests.subarray(from + 4, from + 4 + length))
        from += 4 + length
      }
    }
  }

  /** The document that a played nitro signs: as long as a real one, and naming what was asked. */
  static document({ userData, nonce, publicKey }: Omit<Asked, 'ticket'>): Buffer {
    const named = encodeCbor([userData, nonce, publicKey])
    return concat(named, fixed('signature', 4600 - named.length))
  }

  /** Signs what waits, the oldest by default. */
  sign(index = 0, document?: Uint8Array): Frame[] {
    const [asked] = this.signing.splice(index, 1)
    if (asked === undefined) throw new Error('nobody waits for a signature')
    return this.answer(
      asked.ticket,
      new Map([['Attestation', new Map([['document', document ?? KernelUnderTest.document(asked)]])]]),
    )
  }

  /** Any answer of the NSM to a ticket. */
  answer(ticket: number, response: Cbor): Frame[] {
    this.kernel.check(this.exports.answer(ticket, this.kernel.put(encodeCbor(response)), this.now))
    return this.run()
  }

  /** Frames of the parent in one step, and what follows of them. */
  step(...frames: Uint8Array[]): Frame[] {
    this.kernel.check(this.exports.step(this.kernel.put(Buffer.concat(frames)), this.now))
    return this.run()
  }

  tick(nowMs: number): Frame[] {
    this.now = nowMs
    this.kernel.check(this.exports.tick(nowMs))
    return this.run()
  }

  open(): number {
    const session = this.#nextSession++
    if (this.step(encodeFrame(RELAY_OPENED, session, NOTHING)).length > 0) throw new Error('no more sessions')
    return session
  }

  close(session: number): Frame[] {
    return this.step(encodeFrame(RELAY_CLOSED, session, NOTHING))
  }

  message(session: number, payload: Uint8Array): Frame[] {
    return this.step(encodeFrame(RELAY_MESSAGE, session, payload))
  }

  /** What the shell does after each event: NSM, requests and notices, until there is nothing left. @returns all but the ACKs */
  run(): Frame[] {
    this.submit()
    this.#dispatch()
    this.submit()
    const length = this.exports.outLength()
    const at = this.exports.out() >>> 0
    const bytes = this.kernel.view.slice(at, at + length)
    this.exports.outTaken()
    const frames = [...new FrameReader(2 * MAX_RELAY_PAYLOAD).push(bytes)].filter(({ type }) => type !== RELAY_ACK)
    const outputs = frames.filter(({ type }) => type < RELAY_STORE_HEAD)
    for (const frame of frames) {
      if (frame.type < RELAY_STORE_HEAD) continue
      if (this.store === undefined) this.storeFrames.push(frame)
      else for (const answer of this.store(frame)) outputs.push(...this.step(answer))
    }
    return outputs
  }

  /** Arguments into the kernel's scratch, one behind the other, as the shell does it. */
  copyIn(...parts: Uint8Array[]): number[] {
    let at = this.exports.scratch(parts.reduce((sum, part) => sum + part.length, 0)) >>> 0
    return parts.map((part) => {
      this.kernel.view.set(part, at)
      at += part.length
      return at - part.length
    })
  }

  respond(id: number, status: number, headers: string, body: Uint8Array, end = true): number {
    const [h = 0, b = 0] = this.copyIn(Buffer.from(headers), body)
    return this.exports.callRespond(id, status, h, Buffer.byteLength(headers), b, body.length, end ? 1 : 0)
  }

  stream(id: number, data: Uint8Array, end = false): number {
    const [at = 0] = this.copyIn(data)
    return this.exports.callStream(id, at, data.length, end ? 1 : 0)
  }

  /** A handshake up to M3, which is made and not sent. */
  offered(
    identity: PeerIdentity = owner,
    name = 'peer',
    tampering: Tampering = {},
    rekeyInterval?: bigint,
  ): { session: number; peer: ChannelPeer } {
    const session = this.open()
    const peer = new ChannelPeer(identity, fixed(`${name} nonce`, 32))
    this.message(session, peer.m1)
    const [m2] = this.sign(this.signing.length - 1)
    peer.receiveEvidence((m2 as Frame).payload)
    peer.makeKeys(fixed(`${name} ephemeral`, 32), tampering, rekeyInterval)
    return { session, peer }
  }

  /** A whole handshake, and what came of M3. */
  handshake(
    identity: PeerIdentity = owner,
    name = 'peer',
    tampering: Tampering = {},
    rekeyInterval?: bigint,
  ): { session: PeerSession; frames: PeerFrame[] } {
    const { session, peer } = this.offered(identity, name, tampering, rekeyInterval)
    const open = new PeerSession(this, session, peer)
    return { session: open, frames: open.read(this.message(session, peer.m3)) }
  }

  /** A session that is open. */
  session(identity: PeerIdentity = owner, name = 'peer', rekeyInterval?: bigint): PeerSession {
    const { session, frames } = this.handshake(identity, name, {}, rekeyInterval)
    if (frames[0]?.kind !== KIND_ACCEPTED) throw new Error('the kernel does not accept')
    return session
  }

  #call(bytes: Uint8Array): void {
    const request = decodeCbor(bytes)
    const [call, fields] =
      request instanceof Map ? ([...request][0] as [string, Map<string, Cbor>]) : [request as string, new Map()]
    if (call === 'Attestation') {
      const field = (name: string) => {
        const value = fields.get(name) as Uint8Array | null
        return value === null ? null : Buffer.from(value)
      }
      const ticket = this.#nextTicket++
      const userData = field('user_data') as Buffer
      const asked = { ticket, userData, nonce: field('nonce'), publicKey: field('public_key') }
      this.kernel.check(this.exports.pending(ticket))
      // A document for the KMS is signed at once where its answer is given at once
      if (this.store !== undefined && userData.toString('latin1').startsWith('wasmclave/key-release\0'))
        this.#vouch(asked)
      else this.signing.push(asked)
      return
    }
    const index = (fields.get('index') as number | undefined) ?? 0
    const honest = this.#instant(call, index, fields.get('data') as Uint8Array | undefined)
    this.kernel.check(this.exports.answer(0, this.kernel.put(encodeCbor(this.lie(call, index, honest))), this.now))
  }

  #vouch(asked: Asked): void {
    const response = new Map([['Attestation', new Map([['document', KernelUnderTest.document(asked)]])]])
    this.kernel.check(this.exports.answer(asked.ticket, this.kernel.put(encodeCbor(response)), this.now))
  }

  #instant(call: string, index: number, data: Uint8Array | undefined): Cbor {
    const value = this.pcrs.get(index) ?? Buffer.alloc(48)
    switch (call) {
      case 'GetRandom':
        return new Map([[call, new Map([['random', fixed(`${this.randomName} ${this.#randoms++}`, 256)]])]])
      case 'ExtendPCR': {
        const extended = sha384(value, data as Uint8Array)
        this.pcrs.set(index, extended)
        return new Map([[call, new Map([['data', extended]])]])
      }
      case 'LockPCR':
        this.locked.add(index)
        return call
      default: {
        const described: [Cbor, Cbor][] = [
          ['data', value],
          ['lock', this.locked.has(index)],
        ]
        return new Map([[call, new Map(described)]])
      }
    }
  }

  #dispatch(): void {
    const { exports, kernel } = this
    for (let id = exports.nextRequest(); id !== 0; id = exports.nextRequest()) {
      const request = this.#request(id)
      this.handled.push(request)
      const answer = this.handle(request)
      if (typeof answer === 'number') kernel.check(exports.requestDone(answer))
      else {
        const { status, headers = '', body = NOTHING, end = true } = answer
        kernel.check(this.respond(id, status, headers, body, end))
        kernel.check(exports.requestDone(0))
      }
    }
    for (let notice = exports.nextNotice(); notice !== 0; notice = exports.nextNotice()) {
      if (notice === 1) this.closedRequests.push(exports.noticeId())
      else if (notice === 2) {
        const at = exports.noticePointer() >>> 0
        const document = Buffer.from(kernel.view.slice(at, at + exports.noticeLength()))
        this.attested.push({ ticket: exports.noticeId(), document })
      } else this.ticks++
      kernel.check(exports.noticeDone(0))
    }
  }

  // The layout of abi/README.md
  #request(id: number): Handled {
    const at = this.exports.requestPointer() >>> 0
    const bytes = Buffer.from(this.kernel.view.slice(at, at + this.exports.requestLength()))
    let from = 52
    const [method, path, headers, body] = [0, 4, 8, 12].map((field) => {
      const length = bytes.readUInt32LE(field)
      from += length
      return bytes.subarray(from - length, from)
    }) as [Buffer, Buffer, Buffer, Buffer]
    if (from !== bytes.length) throw new Error('the lengths of a request do not add up')
    return {
      id,
      method: method.toString(),
      path: path.toString(),
      headers: headers.toString(),
      body,
      role: bytes.readUInt32LE(16),
      key: bytes.subarray(20, 52),
    }
  }
}

/** A session as the peer's end sees it. */
export class PeerSession {
  readonly under: KernelUnderTest
  readonly id: number
  readonly peer: ChannelPeer
  /** The reason of the CLOSE, once there was one. */
  closed: number | undefined

  constructor(under: KernelUnderTest, id: number, peer: ChannelPeer) {
    this.under = under
    this.id = id
    this.peer = peer
  }

  /** Sends frames as one channel message. @returns the frames that come back on this session */
  send(...frames: Uint8Array[]): PeerFrame[] {
    return this.read(this.under.message(this.id, Buffer.concat(frames)))
  }

  read(outputs: Frame[]): PeerFrame[] {
    const frames: PeerFrame[] = []
    for (const { type, id, payload } of outputs) {
      if (id !== this.id) continue
      if (type === RELAY_MESSAGE) frames.push(...this.peer.incoming.open(payload))
      else if (type === RELAY_CLOSE) this.closed = payload[0]
    }
    return frames
  }
}
