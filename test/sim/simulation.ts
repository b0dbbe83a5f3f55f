// One run: kernels (kernel.wasm with all its cryptography), a parent that keeps their store, a KMS that keeps its register, and clients, under
// a scheduler that takes every step from one seed. Messages are delayed, lost, doubled and put out of order; commits fail, or fail and are there
// all the same; enclaves die at any step and are started again, also beside one that lives. A hostile parent moreover changes the store, puts it
// back, and puts the KMS's register back with it: then clients' head tokens are all there is.
import { KIND_ACCEPTED, KIND_HEAD } from '../../assembly/abi/channel.ts'
import { FAULT_FENCED, FAULT_STORE } from '../../assembly/abi/fault.ts'
import { PHASE_MEASURED, PHASE_SERVING, PHASE_STALE } from '../../assembly/abi/phase.ts'
import { STORE_RELEASED } from '../../assembly/abi/store.ts'
import {
  RELAY_KMS,
  RELAY_KMS_ANSWER,
  RELAY_STORE_COMMIT,
  RELAY_STORE_COMMITTED,
  RELAY_STORE_LOADED,
  RELAY_STORE_RECORDS,
} from '../../assembly/abi/wire.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import { encodeFrame, type Frame } from '../../host/wire/frame.ts'
import { concat, type PeerFrame, readResponse, readVerdict } from '../kit/channel-peer.ts'
import { type Handled, KernelUnderTest, owner, PeerSession } from '../kit/kernel.ts'
import { type RegisterState, refused } from '../kit/store-kms.ts'
import type { Stored } from '../kit/store-parent.ts'
import { u64 } from '../kit/store-records.ts'
import { STORE_ID, StoreWorld } from '../kit/store-world.ts'
import { type Cell, StoreModel, Violation, type Write } from './model.ts'
import { SeededRandom } from './random.ts'

const KEYS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
/** An enclave that is superseded may serve for as long as it believes the register, and until its next tick. */
const SUPERSEDED_MS = 5000 + 2500
const MAX_OPEN_REQUESTS = 6

type Operation =
  | { write: Write }
  | { keys: string[]; floors: ReturnType<StoreModel['floors']> }
  | { call: (status: number, body: Buffer, headers: [string, string][]) => void }

class Node {
  readonly under: KernelUnderTest
  alive = true
  session: PeerSession | undefined
  operations = new Map<number, Operation>()
  /** What it said to the parent: that arrives in its order, even after its death. */
  outbox: Frame[] = []
  inbox: Uint8Array[] = []
  supersededAt = Number.POSITIVE_INFINITY
  accepting = false

  readonly connection: number

  constructor(under: KernelUnderTest, connection: number) {
    this.under = under
    this.connection = connection
  }
}

export type SimulationOptions = { seed: number; steps: number; wasm?: Uint8Array; hostile?: boolean }
export type SimulationResult = {
  steps: number
  boots: number
  acknowledged: number
  reads: number
  epitaphs: Record<number, number>
  accepted: number
}

export class Simulation {
  readonly #random: SeededRandom
  readonly #options: SimulationOptions
  readonly #world: StoreWorld
  readonly #model = new StoreModel()
  readonly #nodes: Node[] = []
  readonly #kmsQueue: { node: Node; frame: Frame }[] = []
  /** States of the store as they were, for a parent that puts them back. Whole: nobody had changed anything by then. */
  readonly #past: { stored: Stored; register: RegisterState | undefined; whole: boolean }[] = []
  /** Frames that a kernel got, for a parent that repeats them. */
  readonly #heard: Uint8Array[] = []
  readonly result: SimulationResult = { steps: 0, boots: 0, acknowledged: 0, reads: 0, epitaphs: {}, accepted: 0 }
  #token: Buffer | undefined
  #now = 1000
  /** No more faults: what was begun must come to an end. */
  #calm = false
  /** The parent has changed what lies there: an enclave may end over it. */
  #tampered = false

  constructor(options: SimulationOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#world = new StoreWorld(`simulation ${options.seed}`)
    this.#world.wasm = options.wasm
  }

  /** @throws Violation */
  run(): SimulationResult {
    for (let i = 0; i < this.#options.steps; i++) {
      this.result.steps++
      this.#step()
    }
    this.#finish()
    return this.result
  }

  #step(): void {
    const r = this.#random
    const alive = this.#nodes.filter((node) => node.alive)
    const roll = r.next()
    if (alive.length === 0 || (alive.length === 1 && roll < 0.003)) return this.#boot()
    if (roll < 0.009) return this.#crash(r.pick(alive))
    if (roll < 0.05) return this.#tick(10 + r.below(r.chance(0.1) ? 6000 : 1500))
    if (roll < 0.07) return this.#disturb()
    if (this.#options.hostile && roll < 0.078) return this.#attack()
    if (roll < 0.3) return this.#client(r.pick(alive))
    this.#deliver()
  }

  // A message of somebody's goes one hop.
  #deliver(): void {
    const r = this.#random
    const hops: (() => void)[] = []
    for (const node of this.#nodes) {
      if (node.outbox.length > 0) hops.push(() => this.#toParent(node))
      if (!node.alive) continue
      if (node.inbox.length > 0) hops.push(() => this.#toKernel(node))
      if (node.under.signing.length > 0) hops.push(() => this.#run(node, () => node.under.sign()))
    }
    if (this.#kmsQueue.length > 0) hops.push(() => this.#toKms())
    if (hops.length === 0) return this.#tick(100)
    r.pick(hops)()
  }

  #toParent(node: Node): void {
    const r = this.#random
    const frame = node.outbox.shift() as Frame
    if (frame.type === RELAY_KMS) {
      if (!this.#calm && r.chance(0.03)) return
      this.#kmsQueue.push({ node, frame })
      if (!this.#calm && r.chance(0.03)) this.#kmsQueue.push({ node, frame })
      return
    }
    if (frame.type !== RELAY_STORE_COMMIT || this.#calm)
      return void node.inbox.push(...this.#world.parent.receive(frame, node.connection))
    const fate = r.next()
    const failure = [encodeFrame(RELAY_STORE_COMMITTED, frame.id, Buffer.from([1]))]
    // Failed; failed and yet persisted; persisted and never answered; neither
    if (fate < 0.05) this.#world.parent.forget(frame.id, node.connection)
    const persisted =
      fate < 0.05 || (fate >= 0.14 && fate < 0.17) ? undefined : this.#world.parent.receive(frame, node.connection)
    if (fate < 0.1) node.inbox.push(...failure)
    else if (fate >= 0.17 && persisted !== undefined) node.inbox.push(...persisted)
    if (this.#options.hostile && r.chance(0.2))
      this.#past.push({
        stored: this.#world.parent.snapshot(),
        register: this.#world.kms.snapshot(),
        whole: !this.#tampered,
      })
  }

  #toKms(): void {
    const at = this.#random.chance(0.2) ? this.#random.below(this.#kmsQueue.length) : 0
    const [{ node, frame }] = this.#kmsQueue.splice(at, 1) as [{ node: Node; frame: Frame }]
    const busy = !this.#calm && this.#random.chance(0.02)
    const answer = busy ? refused(14) : this.#world.kms.receive(frame.payload)
    if (answer[0] === STORE_RELEASED) {
      // Who takes the store last holds it, whoever was started last
      for (const each of this.#nodes) each.supersededAt = Math.min(each.supersededAt, this.#now)
      node.supersededAt = Number.POSITIVE_INFINITY
    }
    if (node.alive) node.inbox.push(encodeFrame(RELAY_KMS_ANSWER, frame.id, answer))
  }

  #toKernel(node: Node): void {
    const r = this.#random
    const movable = (frame: Uint8Array | undefined) => this.#options.hostile === true || !isOfLoad(frame)
    let at = !this.#calm && r.chance(0.05) ? r.below(node.inbox.length) : 0
    if (!node.inbox.slice(0, at + 1).every(movable)) at = 0
    const [frame] = node.inbox.splice(at, 1) as [Uint8Array]
    if (!this.#calm && r.chance(0.02) && movable(frame)) node.inbox.splice(r.below(node.inbox.length + 1), 0, frame)
    if (this.#options.hostile && this.#heard.length < 200) this.#heard.push(frame)
    this.#run(node, () => node.under.step(frame))
  }

  // Something on its way is lost.
  #disturb(): void {
    const r = this.#random
    const node = r.pick(this.#nodes)
    const at = r.below(Math.max(1, node.inbox.length))
    if (r.chance(0.5) && (this.#options.hostile === true || !isOfLoad(node.inbox[at]))) node.inbox.splice(at, 1)
    else if (this.#kmsQueue.length > 0) this.#kmsQueue.splice(r.below(this.#kmsQueue.length), 1)
  }

  #tick(ms: number): void {
    this.#now += ms
    for (const node of this.#nodes) if (node.alive) this.#run(node, () => node.under.tick(this.#now))
  }

  #boot(): void {
    const under = new KernelUnderTest(this.#options.wasm)
    under.randomName = `seed ${this.#options.seed} boot ${this.result.boots++}`
    under.now = this.#now
    under.handle = (request) => handle(under, request)
    const node = new Node(under, this.result.boots)
    this.#nodes.push(node)
    // The dead are kept while what they have said is on its way
    const gone = this.#nodes.findIndex((each) => !each.alive && each.outbox.length === 0)
    if (gone >= 0) this.#nodes.splice(gone, 1)
    this.#run(node, () => {
      under.boot(this.#world.launchRecords())
      return under.run()
    })
  }

  #crash(node: Node): void {
    node.alive = false
    node.inbox = []
    for (const operation of node.operations.values()) if ('write' in operation) this.#model.lost(operation.write)
    node.operations.clear()
  }

  #client(node: Node): void {
    const { under } = node
    const phase = under.exports.phase()
    if (phase !== PHASE_SERVING && phase !== PHASE_STALE) return this.#deliver()
    if (node.session === undefined || node.session.closed !== undefined) return this.#connect(node)
    if (phase === PHASE_STALE) return this.#accept(node)
    if (node.operations.size >= MAX_OPEN_REQUESTS) return this.#deliver()
    const r = this.#random
    if (r.chance(0.5)) {
      const keys = KEYS.filter(() => r.chance(0.25))
      if (keys.length === 0) keys.push(r.pick(KEYS))
      const write = this.#model.begin(keys, () => r.chance(0.15))
      // A removal of what is not there is answered otherwise: each of ours puts first
      this.#request(node, '/', { put: [...write.puts] }, { write })
    } else this.#read(node)
  }

  #read(node: Node): void {
    this.#request(node, '/', { get: KEYS }, { keys: KEYS, floors: this.#model.floors() })
  }

  #connect(node: Node): void {
    this.#forget(node)
    const token = this.#token
    const name = `seed ${this.#options.seed} session ${this.result.steps}`
    this.#run(node, () => {
      const offered = node.under.offered(owner, name, {
        plaintext: (plaintext) => {
          if (token === undefined) return
          plaintext[96] = 1
          plaintext.set(token, 97)
        },
      })
      const session = new PeerSession(node.under, offered.session, offered.peer)
      const frames = session.read(node.under.message(offered.session, offered.peer.m3))
      if (frames[0]?.kind !== KIND_ACCEPTED) throw new Violation('an owner is refused')
      node.session = session
      const [, , head] = readVerdict(frames[0]) as [string, number[], [Buffer, number, Buffer, Buffer]]
      // An enclave that serves has judged the token before: its own replaces it
      if (node.under.exports.phase() === PHASE_SERVING) this.#token = concat(head[0], u64(head[1]), head[2], head[3])
      return []
    })
  }

  // What was asked on a session that has ended is never answered.
  #forget(node: Node): void {
    for (const operation of node.operations.values()) if ('write' in operation) this.#model.lost(operation.write)
    node.operations.clear()
    node.accepting = false
  }

  #request(node: Node, path: string, body: unknown, operation: Operation, method = 'POST'): void {
    const session = node.session as PeerSession
    const frame = session.peer.request(method, path, Buffer.from(JSON.stringify(body)))
    node.operations.set(session.peer.lastStream, operation)
    this.#run(node, () => node.under.message(session.id, frame))
  }

  #accept(node: Node): void {
    if (!this.#options.hostile) {
      if (node.supersededAt === Number.POSITIVE_INFINITY) throw new Violation('stale, and nobody has put anything back')
      // Superseded, and a client showed it what its successor has written
      return this.#crash(node)
    }
    if (node.accepting) return this.#deliver()
    node.accepting = true
    this.#request(
      node,
      '/.wasmclave/store/heads',
      {},
      { call: (_status, body) => this.#sign(node, JSON.parse(body.toString())) },
      'GET',
    )
  }

  #sign(
    node: Node,
    shown: { register: { generation: number; head: string }; offered: { generation: number; head: string } },
  ): void {
    const { register, offered } = shown
    const signature = owner.sign(
      concat(
        'wasmclave/accept\0',
        STORE_ID,
        u64(register.generation),
        Buffer.from(register.head, 'hex'),
        u64(offered.generation),
        Buffer.from(offered.head, 'hex'),
      ),
    )
    const body = { offered: offered.head, register: register.head, signature: signature.toString('hex') }
    // From here on it may be accepted, whatever this client hears of it
    this.#model.forgive()
    this.#request(node, '/.wasmclave/store/accept', body, {
      call: (status, _body, headers) => {
        node.accepting = false
        if (status !== 200) return
        this.result.accepted++
        this.#token = tokenOf(headers)
      },
    })
  }

  // A parent that is no friend: it changes what lies there, puts it back, or says again what it once said.
  #attack(): void {
    const r = this.#random
    const { parent, kms } = this.#world
    const places = [...parent.stored.records.keys()]
    const kind = r.below(6)
    const past = this.#past.length === 0 ? undefined : r.pick(this.#past)
    const node = r.pick(this.#nodes)
    if (kind === 0 && this.#heard.length > 0) return void node.inbox.push(r.pick(this.#heard))
    this.#tampered = true
    parent.strict = false
    if (kind === 1 && past !== undefined) parent.restore(past.stored)
    else if (kind === 2 && past !== undefined) {
      // Store and register together, while everybody is away
      for (const each of this.#nodes) if (each.alive) this.#crash(each)
      parent.restore(past.stored)
      if (past.register !== undefined) kms.state = { ...past.register }
    } else if (kind === 3 && places.length > 0) parent.stored.records.delete(r.pick(places))
    else if (kind === 4 && places.length > 1)
      parent.stored.records.set(r.pick(places), parent.stored.records.get(r.pick(places)) as Buffer)
    else if (kind === 5 && past !== undefined && past.stored.records.size > 0) {
      const place = r.pick([...past.stored.records.keys()])
      parent.stored.records.set(place, past.stored.records.get(place) as Buffer)
    }
  }

  // One event of a kernel, and what follows of it.
  #run(node: Node, event: () => Frame[]): void {
    const { under } = node
    try {
      this.#outputs(node, event())
      if (under.exports.phase() === PHASE_MEASURED) {
        under.kernel.check(under.exports.workloadReady())
        this.#outputs(node, under.run())
      }
    } catch (error) {
      if (!(error instanceof EnclaveFault)) throw error
      if (error.kind !== FAULT_STORE && error.kind !== FAULT_FENCED)
        throw new Violation(`the kernel ends with fault ${error.kind}`)
      this.result.epitaphs[error.kind] = (this.result.epitaphs[error.kind] ?? 0) + 1
      node.outbox.push(...under.storeFrames.splice(0))
      this.#crash(node)
    }
  }

  #outputs(node: Node, outputs: Frame[]): void {
    node.outbox.push(...node.under.storeFrames.splice(0))
    const session = node.session
    if (session === undefined) return
    for (const frame of session.read(outputs)) if ((frame.kind & 0x7f) === KIND_HEAD) this.#answered(node, frame)
    if (session.closed !== undefined) this.#forget(node)
  }

  #answered(node: Node, frame: PeerFrame): void {
    const operation = node.operations.get(frame.stream)
    if (operation === undefined) throw new Violation('an answer to nothing')
    node.operations.delete(frame.stream)
    const { status, headers, body } = readResponse(frame)
    if ('call' in operation) return operation.call(status, body, headers)
    const code = status === 503 ? (JSON.parse(body.toString()) as { error: string }).error : undefined
    if ('write' in operation) {
      if (status === 200) {
        this.result.acknowledged++
        this.#model.acknowledged(operation.write, JSON.parse(body.toString()) as number)
        this.#token = tokenOf(headers)
      } else if (code === 'ERR_STORE_NOT_WRITTEN') this.#model.notWritten(operation.write)
      else if (code === 'ERR_STORE_STALE') this.#model.lost(operation.write)
      else throw new Violation(`a write is answered by ${status}`)
      return
    }
    if (code === 'ERR_STORE_STALE') return
    if (status !== 200) throw new Violation(`a read is answered by ${status}`)
    this.result.reads++
    const cells = new Map((JSON.parse(body.toString()) as Cell[]).map((cell, i) => [KEYS[i] as string, cell]))
    // LIMIT(C04): a read alone leaves its client no token; against a hostile parent it promises nothing to later ones
    if (node.supersededAt === Number.POSITIVE_INFINITY)
      return this.#model.read(cells, operation.floors, this.#options.hostile !== true)
    // Another has been started: this one may be behind for a moment (PROTOCOLS 5, LIMIT), and no longer
    if (this.#now > node.supersededAt + SUPERSEDED_MS)
      throw new Violation(`read from an enclave that was fenced ${this.#now - node.supersededAt} ms ago`)
  }

  // Faults end. What lies there must open, or say that it does not; after an owner's word it serves, and takes a write.
  #finish(): void {
    this.#calm = true
    const whole = this.#past.filter((each) => each.whole)
    for (const node of this.#nodes) if (node.alive) this.#crash(node)
    for (let attempt = 0; attempt < 12; attempt++) {
      this.#boot()
      const node = this.#nodes.at(-1) as Node
      if (this.#settle(node)) return
      if (!this.#tampered && node.alive) throw new Violation('it neither serves nor ends')
      // What a hostile parent has spoiled opens for nobody. An owner puts back what was whole once
      if (!node.alive && this.#tampered && whole.length > 0) this.#world.parent.restore(this.#random.pick(whole).stored)
      else if (!node.alive && !this.#tampered && attempt > 4)
        throw new Violation('it does not open, and nobody has touched it')
    }
    if (whole.length > 0) throw new Violation('it does not open again')
  }

  #settle(node: Node): boolean {
    let wrote = false
    for (let i = 0; i < 3000 && node.alive; i++) {
      const busy = node.outbox.length + node.inbox.length + node.under.signing.length + this.#kmsQueue.length > 0
      if (busy) {
        this.#deliver()
        continue
      }
      const phase = node.under.exports.phase()
      if (phase !== PHASE_SERVING && phase !== PHASE_STALE) {
        this.#tick(1000)
        continue
      }
      if (node.session === undefined || node.session.closed !== undefined || phase === PHASE_STALE) {
        this.#client(node)
        if (node.accepting) this.#tick(100)
        continue
      }
      if (wrote && node.operations.size === 0) return true
      if (node.operations.size > 0) {
        this.#tick(1000)
        continue
      }
      wrote = true
      this.#read(node)
      const write = this.#model.begin([...KEYS], () => false)
      this.#request(node, '/', { put: [...write.puts] }, { write })
      this.#read(node)
    }
    return false
  }
}

// A parent that is no enemy loses a stream of records whole or not at all: they come over one socket.
const isOfLoad = (frame: Uint8Array | undefined) =>
  frame !== undefined && (frame[4] === RELAY_STORE_RECORDS || frame[4] === RELAY_STORE_LOADED)

const tokenOf = (headers: [string, string][]) =>
  Buffer.from(new Map(headers).get('wasmclave-head') as string, 'base64url')

// The workload: a transaction of puts and removals, answered by its version, or a snapshot of keys.
function handle(under: KernelUnderTest, { body }: Handled) {
  const request = JSON.parse(body.toString()) as { put?: [string, string | null][]; get?: string[] }
  const { exports } = under
  let version = 0
  for (const [key, value] of request.put ?? []) {
    const [k = 0, v = 0] = under.copyIn(Buffer.from(key), Buffer.from(value ?? 'to be removed'))
    let written = Number(exports.callPut(k, key.length, v, (value ?? 'to be removed').length))
    if (written > 0 && value === null) written = Number(exports.callDelete(k, key.length))
    if (written === -4) return -4
    if (written < 0) throw new Violation(`a put is answered by ${written}`)
    version = written
  }
  const cells = (request.get ?? []).map((key): Cell => {
    const [k = 0] = under.copyIn(Buffer.from(key))
    const length = exports.callGet(k, key.length)
    if (length < 0) return null
    const bytes = Buffer.from(under.kernel.view.slice(exports.result() >>> 0, (exports.result() >>> 0) + length))
    return { value: bytes.toString('latin1', 8), version: Number(bytes.readBigUInt64LE(0)) }
  })
  return { status: 200, body: Buffer.from(JSON.stringify(request.put === undefined ? cells : version)) }
}

/** Whether a seed plays a hostile parent: every third does. */
export const isHostile = (seed: number): boolean => seed % 3 === 2
export const oneSeed = (seed: number, steps: number, wasm?: Uint8Array): SimulationResult =>
  new Simulation({ seed, steps, hostile: isHostile(seed), ...(wasm === undefined ? {} : { wasm }) }).run()

/** The first seed that breaks this kernel. */
export function findPlanted(
  wasm: Uint8Array,
  seeds: number,
  steps: number,
): { seed: number; message: string } | undefined {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      oneSeed(seed, steps, wasm)
    } catch (error) {
      if (error instanceof Violation) return { seed, message: error.message }
      throw error
    }
  }
  return undefined
}
