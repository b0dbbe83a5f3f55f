// kill -9 before and after every durable step of a KMS that makes, advances, rewraps and hands on a store, until no step is left. What
// was answered is there; what was not is absent or whole.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { STORE_FRAME_ANSWER, STORE_FRAME_REQUEST, STORE_MESSAGE_MAX, STORE_TAKE } from '../../assembly/abi/store.ts'
import { encodeFrame, FrameReader } from '../../host/wire/frame.ts'
import { GENESIS, head, KernelPeer, NO_HEAD, Side } from './kit.ts'

t.setTimeout(170_000)
const SCRIPT = join(import.meta.dirname, 'killed.ts')

/** A KMS in a process of its own. `ask` gives nothing once it is dead. */
class Victim {
  readonly #child: ChildProcess
  readonly #reader = new FrameReader(STORE_MESSAGE_MAX)
  readonly #waiting = new Map<number, (answer: Uint8Array | undefined) => void>()
  readonly died: Promise<boolean>
  #dead = false
  #ticket = 0

  constructor(side: Side, dieAt: number, after: boolean) {
    const settings = {
      folder: join(side.folder, 'store-keys'),
      rootKey: Buffer.from(side.rootKey).toString('hex'),
      root: side.pki.rootFingerprint,
      genesisDigest: GENESIS,
      nowMs: side.nowMs + 10_000,
      dieAt,
      after,
    }
    this.#child = spawn(process.execPath, [
      '--no-warnings',
      // As the KMS runs: what the permission model takes away must not be missed.
      '--permission',
      `--allow-fs-read=${join(import.meta.dirname, '../..')}`,
      `--allow-fs-read=${side.folder}`,
      `--allow-fs-write=${side.folder}`,
      SCRIPT,
      JSON.stringify(settings),
    ])
    this.#child.stdin?.on('error', () => {})
    this.#child.stdout?.on('data', (chunk: Uint8Array) => {
      for (const { type, id, payload } of this.#reader.push(chunk))
        if (type === STORE_FRAME_ANSWER) this.#waiting.get(id)?.(payload.slice())
    })
    this.died = new Promise((resolve) => {
      this.#child.on('exit', (_code, signal) => {
        this.#dead = true
        for (const waiter of this.#waiting.values()) waiter(undefined)
        resolve(signal === 'SIGKILL')
      })
    })
  }

  /** Hex of its key, or nothing where it died before it had one to tell. */
  publicKey(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#child.stderr?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
      this.#child.on('exit', () => resolve(undefined))
    })
  }

  ask(message: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#dead) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const ticket = ++this.#ticket
      this.#waiting.set(ticket, resolve)
      this.#child.stdin?.write(encodeFrame(STORE_FRAME_REQUEST, ticket, message))
    })
  }

  end(): void {
    this.#child.stdin?.end()
  }
}

/** @returns whether the kill fired, the scenario having steps enough */
async function scenario(t: Test, dieAt: number, after: boolean): Promise<boolean> {
  const side = new Side(t)
  const name = `killed ${after ? 'after' : 'before'} step ${dieAt}`
  const victim = new Victim(side, dieAt, after)
  let dek: Buffer | undefined
  /** Answered, and asked for without an answer. */
  let acknowledged = 0
  let attempted = 0
  const kmsKey = await victim.publicKey()
  if (kmsKey !== undefined) {
    side.kmsKey = kmsKey
    const peer = await KernelPeer.boot(side)
    const answer = await victim.ask(peer.k1)
    if (answer !== undefined) {
      dek = peer.open(answer).dek
      const steps: (() => Promise<boolean>)[] = [0, 1].map((generation) => async () => {
        attempted = generation + 1
        const done = await victim.ask(
          peer.advance(generation, generation === 0 ? NO_HEAD : head(generation), head(generation + 1)),
        )
        if (done === undefined) return false
        acknowledged = Number(peer.answered(done).generation)
        return true
      })
      steps.push(async () => {
        const wrapped = await victim.ask(peer.rewrap())
        return wrapped !== undefined && peer.answered(wrapped).wrapped.length === 65
      })
      steps.push(async () => {
        side.pass(1)
        const next = await KernelPeer.boot(side, { mode: STORE_TAKE })
        const taken = await victim.ask(next.k1)
        return taken !== undefined && next.open(taken).dek.equals(dek as Buffer)
      })
      for (const step of steps) if (!(await step())) break
    }
  }
  victim.end()
  const killed = await victim.died
  // From bytes: a new process, and a new enclave.
  const keys = await side.open()
  if (kmsKey !== undefined) t.equal(keys.publicKey, kmsKey, `${name}: the same KMS key`)
  side.pass(1000)
  const peer = await KernelPeer.boot(side, { mode: acknowledged > 0 ? STORE_TAKE : 1 })
  const answer = await keys.handle(peer.k1)
  // `create` of a store that was advanced although nobody was told
  const opened = answer[0] === 2 ? peer.open(answer) : await retaken(side, keys)
  if (dek !== undefined) t.same(opened.dek, dek, `${name}: the same key`)
  t.ok(
    [acknowledged, attempted].includes(opened.generation),
    `${name}: generation ${opened.generation}, acknowledged ${acknowledged}`,
  )
  t.same(opened.head, opened.generation === 0 ? NO_HEAD : head(opened.generation))
  return killed
}

async function retaken(side: Side, keys: Awaited<ReturnType<Side['open']>>) {
  side.pass(1000)
  return (await KernelPeer.boot(side, { mode: STORE_TAKE })).release(keys)
}

for (const after of [false, true])
  t.test(`survives kill -9 ${after ? 'after' : 'before'} every durable step`, async (t) => {
    let dieAt = 0
    while (await scenario(t, ++dieAt, after)) if (dieAt > 100) t.fail('it never ends')
    // Identity and create: three steps each. Two advances, rewrap, take: one each
    t.equal(dieAt, 11, 'ten steps, and then none')
  })
