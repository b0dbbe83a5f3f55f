/**
 * kill -9 of the whole host under 1,000 writes, with an informer and a plain watch at it: nothing that was acknowledged is lost, no event
 * comes twice or out of order, and what the watch did not deliver a list did.
 */
import { type CoreApi, type KubeObject, loadLibrary, statusOf } from './library.ts'
import { type KubernetesServer, sleep } from './server.ts'
import type { Tally } from './tally.ts'

const SUITE = 'restart'
const namespace = 'restart'
const WRITES = 1000
const OBJECTS = 100
const WRITERS = 8
const KILL_AFTER = 400
const PATH = `/api/v1/namespaces/${namespace}/configmaps`
const GONE = 410

type Acknowledged = { version: bigint; value: number }

export async function restartSuite(path: string, server: KubernetesServer, tally: Tally): Promise<void> {
  const library = await loadLibrary(path)
  const config = new library.KubeConfig()
  config.loadFromFile(server.kubeconfig)
  const core = config.makeApiClient(library.CoreV1Api)
  await core.createNamespace({ body: { metadata: { name: namespace } } })

  const watch = new ResumedWatch(new library.Watch(config), core)
  const watching = watch.run()
  const informed = library.makeInformer(config, PATH, () => core.listNamespacedConfigMap({ namespace }))
  // What the library's own documentation says to do with its errors.
  informed.on('error', () => void setTimeout(() => void informed.start().catch(() => {}), 500))
  await informed.start()

  const writes = new Writes(core)
  const writing = writes.run()
  while (writes.acknowledged < KILL_AFTER) await sleep(20)
  await server.kill()
  const before = writes.acknowledged
  await server.start()
  await writing
  process.stdout.write(
    `     ${before} writes acknowledged before the kill, ${writes.acknowledged} in all, ${writes.unknown} of unknown fate\n`,
  )
  tally.note(writes.acknowledged + writes.unknown >= WRITES, SUITE, `all of ${WRITES} writes come to an end`)

  const list = await core.listNamespacedConfigMap({ namespace })
  const last = BigInt(list.metadata.resourceVersion)
  for (let i = 0; i < 300 && watch.version < last; i++) await sleep(100)
  watch.stop()
  await watching
  const stored = new Map(list.items.map((each) => [each.metadata.name, each]))
  checkStored(writes, stored, tally)
  checkEvents(writes, watch, tally)
  for (let i = 0; i < 200 && !sameVersions(informed.list(namespace), stored); i++) await sleep(100)
  tally.note(sameVersions(informed.list(namespace), stored), SUITE, "an informer's cache is what the server has")
  await informed.stop()
}

function checkStored(writes: Writes, stored: Map<string, KubeObject>, tally: Tally): void {
  const lost: string[] = []
  for (const [name, acknowledged] of writes.latest) {
    const found = Number(stored.get(name)?.data?.n ?? -1)
    // Behind the last acknowledged write there may be one of unknown fate.
    if (found !== acknowledged.value && !writes.attempted.get(name)?.has(found))
      lost.push(`${name}: ${found}, not ${acknowledged.value}`)
    else if (found < acknowledged.value) lost.push(`${name}: ${found}, before ${acknowledged.value}`)
  }
  tally.equal(lost, [], SUITE, 'nothing acknowledged is lost')
}

function checkEvents(writes: Writes, watch: ResumedWatch, tally: Tally): void {
  const versions = watch.events.map(({ version }) => version)
  const disorder = versions.filter((version, i) => i > 0 && version <= (versions[i - 1] as bigint))
  tally.equal(disorder.map(String), [], SUITE, 'no event comes twice or out of order')
  const seen = new Set(versions)
  const missed = writes.all.filter(
    ({ version }) => !seen.has(version) && !watch.relisted.some(({ from, to }) => version > from && version <= to),
  )
  tally.equal(
    missed.map(({ version }) => String(version)),
    [],
    SUITE,
    'every acknowledged write is an event, or lies in what a list brought',
  )
  tally.note(watch.events.length > KILL_AFTER / 2, SUITE, 'events come', `${watch.events.length} events`)
}

function sameVersions(cached: readonly KubeObject[], stored: Map<string, KubeObject>): boolean {
  return (
    cached.length === stored.size &&
    cached.every(({ metadata }) => stored.get(metadata.name)?.metadata.resourceVersion === metadata.resourceVersion)
  )
}

/** A watch that goes on from its last event, and lists anew where that is too old. */
class ResumedWatch {
  readonly events: { version: bigint }[] = []
  /** What lists brought instead of events: versions above `from`, up to `to`. */
  readonly relisted: { from: bigint; to: bigint }[] = []
  version = 0n
  readonly #watch: InstanceType<Awaited<ReturnType<typeof loadLibrary>>['Watch']>
  readonly #core: CoreApi
  #stopped = false
  #abort: AbortController | undefined

  constructor(watch: InstanceType<Awaited<ReturnType<typeof loadLibrary>>['Watch']>, core: CoreApi) {
    this.#watch = watch
    this.#core = core
  }

  stop(): void {
    this.#stopped = true
    this.#abort?.abort()
  }

  async run(): Promise<void> {
    let list = true
    while (!this.#stopped) {
      try {
        if (list) await this.#relist()
        list = await this.#follow()
      } catch {
        await sleep(200)
      }
    }
  }

  async #relist(): Promise<void> {
    const { metadata } = await this.#core.listNamespacedConfigMap({ namespace })
    const to = BigInt(metadata.resourceVersion)
    this.relisted.push({ from: this.version, to })
    this.version = to
  }

  /** @returns whether a list is due */
  #follow(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let expired = false
      const query = { resourceVersion: String(this.version), allowWatchBookmarks: true }
      const take = (phase: string, object: KubeObject & { code?: number }) => {
        if (phase === 'ERROR') expired = object.code === GONE
        else {
          const version = BigInt(object.metadata.resourceVersion)
          if (phase !== 'BOOKMARK') this.events.push({ version })
          if (version > this.version) this.version = version
        }
      }
      const done = (error: unknown) => {
        if (expired || statusOf(error) === GONE) resolve(true)
        else setTimeout(() => resolve(false), 200)
      }
      this.#watch.watch(PATH, query, take, done).then((abort) => {
        this.#abort = abort
        if (this.#stopped) abort.abort()
      }, reject)
    })
  }
}

/** Writers with an object of their own each at a time, so that every acknowledged value has one place in one object's order. */
class Writes {
  acknowledged = 0
  unknown = 0
  readonly all: Acknowledged[] = []
  readonly latest = new Map<string, Acknowledged>()
  /** Values that were sent and whose fate is not known. */
  readonly attempted = new Map<string, Set<number>>()
  readonly #core: CoreApi
  #next = 0

  constructor(core: CoreApi) {
    this.#core = core
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)))
  }

  async #write(writer: number): Promise<void> {
    while (this.#next < WRITES) {
      const value = this.#next++
      // A writer's objects are its own: it writes them in turn.
      const name = `w${writer}-${value % Math.floor(OBJECTS / WRITERS)}`
      await this.#put(name, value)
    }
  }

  async #put(name: string, value: number): Promise<void> {
    const body = { metadata: { name }, data: { n: String(value), filler: 'x'.repeat(200) } }
    for (let attempt = 0; attempt < 300; attempt++) {
      try {
        const made = this.latest.has(name)
          ? await this.#core.replaceNamespacedConfigMap({ namespace, name, body })
          : await this.#core.createNamespacedConfigMap({ namespace, body })
        const acknowledged = { version: BigInt(made.metadata.resourceVersion), value }
        this.acknowledged++
        this.all.push(acknowledged)
        this.latest.set(name, acknowledged)
        return
      } catch (error) {
        // 409: a create before whose answer was lost has made it.
        if (statusOf(error) === 409) this.latest.set(name, { version: 0n, value: -1 })
        else if (attempt === 0) this.#uncertain(name, value)
        await sleep(100)
      }
    }
    this.unknown++
  }

  #uncertain(name: string, value: number): void {
    const known = this.attempted.get(name) ?? new Set()
    this.attempted.set(name, known.add(value))
  }
}
