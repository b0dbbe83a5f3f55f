/**
 * etcd on loopback: one member or three, data in a folder of their own, peers joined through relays that can be cut. A test that wants it
 * says `{ skip: noEtcd }`. Etcd's own administration goes by its JSON gateway, so that the engine's client is not tried by itself.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const BINARY = 'etcd'
const version = spawnSync(BINARY, ['--version'], { encoding: 'utf8' })
/** Why tests with etcd cannot run here, or false. */
export const noEtcd: string | false = version.status !== 0 && 'no etcd here (Debian: apt-get install etcd-server)'

const START_MS = 30_000

export type MemberOptions = { flags?: string[]; scheme?: 'http' | 'https' }

export class EtcdMember {
  readonly name: string
  readonly folder: string
  readonly clientPort: number
  readonly peerPort: number
  readonly relay: Relay
  process: ChildProcess | undefined

  constructor(name: string, folder: string, clientPort: number, peerPort: number, relay: Relay) {
    this.name = name
    this.folder = folder
    this.clientPort = clientPort
    this.peerPort = peerPort
    this.relay = relay
  }

  get pid(): number {
    return this.process?.pid ?? 0
  }

  start(cluster: string, state: 'new' | 'existing', { flags = [], scheme = 'http' }: MemberOptions): void {
    const client = `${scheme}://127.0.0.1:${this.clientPort}`
    this.process = spawn(
      BINARY,
      [
        ...['--name', this.name, '--data-dir', this.folder, '--logger', 'zap', '--log-level', 'fatal'],
        ...['--listen-client-urls', client, '--advertise-client-urls', client],
        ...['--listen-peer-urls', `http://127.0.0.1:${this.peerPort}`],
        ...['--initial-advertise-peer-urls', this.relay.url],
        ...[
          '--initial-cluster',
          cluster,
          '--initial-cluster-state',
          state,
          '--initial-cluster-token',
          'wasmclave-test',
        ],
        ...['--heartbeat-interval', '100', '--election-timeout', '1000'],
        ...flags,
      ],
      { stdio: 'ignore', env: { ETCD_UNSUPPORTED_ARCH: 'arm64' } },
    )
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { process } = this
    if (process === undefined || process.exitCode !== null || process.signalCode !== null) return
    process.kill('SIGCONT')
    process.kill(signal)
    await once(process, 'exit')
  }
}

export class EtcdCluster {
  readonly root = mkdtempSync(join(tmpdir(), 'wasmclave-etcd-'))
  readonly members: EtcdMember[] = []
  readonly #options: MemberOptions

  private constructor(options: MemberOptions) {
    this.#options = options
  }

  static async start(size: number, options: MemberOptions = {}): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(options)
    const ports = await freePorts(2 * size)
    for (let n = 0; n < size; n++) {
      const [client, peer] = ports.slice(2 * n) as [number, number]
      const relay = await Relay.listen(peer)
      cluster.members.push(new EtcdMember(`m${n}`, join(cluster.root, `m${n}`), client, peer, relay))
    }
    for (const member of cluster.members) member.start(cluster.#initial(), 'new', options)
    await cluster.healthy()
    return cluster
  }

  get endpoints(): string[] {
    return this.members.map((member) => `${this.#options.scheme ?? 'http'}://127.0.0.1:${member.clientPort}`)
  }

  /** Waits until as many members as are needed answer a linearizable read. */
  async healthy(wanted = this.members.length): Promise<void> {
    if (this.#options.scheme === 'https') return void (await wait(1500))
    const until = Date.now() + START_MS
    for (;;) {
      const answers = await Promise.all(this.members.map((member) => this.#answers(member)))
      if (answers.filter(Boolean).length >= wanted) return
      if (Date.now() > until) throw new Error(`etcd does not answer: ${answers}`)
      await wait(100)
    }
  }

  /** @param besides one that may believe that it still is */
  async leader(besides?: EtcdMember): Promise<EtcdMember> {
    const until = Date.now() + START_MS
    for (; Date.now() < until; await wait(100))
      for (const member of this.members) {
        if (member === besides) continue
        const status = await gateway(member, 'maintenance/status', {}).catch(() => undefined)
        if (status?.leader !== undefined && status.leader === status.header.member_id) return member
      }
    throw new Error('no leader')
  }

  async restart(member: EtcdMember): Promise<void> {
    await member.kill()
    member.start(this.#initial(), 'existing', this.#options)
  }

  /** Cuts a member off from the others, both ways; clients still reach it. */
  cutOff(member: EtcdMember): void {
    const rest = this.members.filter((other) => other !== member)
    member.relay.cut(() => true)
    // Whose connection it is cannot always be told: then it is cut too, and tried again.
    for (const { relay } of rest) relay.cut((port) => !rest.some(({ pid }) => ownsPort(pid, port)))
  }

  join(): void {
    for (const { relay } of this.members) relay.cut(() => false)
  }

  /** A member loses its disk, is removed, and comes again as a new one. */
  async wipe(member: EtcdMember): Promise<void> {
    await member.kill()
    rmSync(member.folder, { recursive: true })
    const other = this.members.find((candidate) => candidate !== member) as EtcdMember
    const list = async (): Promise<{ ID: string; name?: string; peerURLs: string[] }[]> =>
      (await gateway(other, 'cluster/member/list', {})).members
    // An answer may get lost while they elect: so the list says whether it is done.
    await eventually(async () => {
      const old = (await list()).find(({ name }) => name === member.name)
      if (old !== undefined) await gateway(other, 'cluster/member/remove', { ID: old.ID })
    })
    await eventually(async () => {
      if (!(await list()).some(({ peerURLs }) => peerURLs.includes(member.relay.url)))
        await gateway(other, 'cluster/member/add', { peerURLs: [member.relay.url] })
    })
    member.start(this.#initial(), 'existing', this.#options)
  }

  /** All data as it lies there now, all members being stopped. */
  copyTo(name: string): void {
    for (const member of this.members) cpSync(member.folder, join(this.root, name, member.name), { recursive: true })
  }

  restoreFrom(name: string): void {
    for (const member of this.members) {
      rmSync(member.folder, { recursive: true })
      cpSync(join(this.root, name, member.name), member.folder, { recursive: true })
    }
  }

  async killAll(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
  }

  async startAll(): Promise<void> {
    for (const member of this.members) member.start(this.#initial(), 'existing', this.#options)
    await this.healthy()
  }

  async stop(): Promise<void> {
    await this.killAll()
    for (const { relay } of this.members) relay.close()
    rmSync(this.root, { recursive: true, force: true })
  }

  #initial(): string {
    return this.members.map(({ name, relay }) => `${name}=${relay.url}`).join()
  }

  async #answers(member: EtcdMember): Promise<boolean> {
    return gateway(member, 'kv/range', { key: 'AA==' }).then(
      () => true,
      () => false,
    )
  }
}

// biome-ignore lint/suspicious/noExplicitAny: etcd's JSON, as deep as a test looks
export async function gateway(member: EtcdMember, path: string, body: object, token?: string): Promise<any> {
  const response = await fetch(`http://127.0.0.1:${member.clientPort}/v3/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
    ...(token !== undefined && { headers: { authorization: token } }),
  })
  const answer = await response.json()
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
  return answer
}

export async function eventually<T>(work: () => Promise<T>, ms = START_MS): Promise<T> {
  for (const until = Date.now() + ms; ; await wait(200))
    try {
      return await work()
    } catch (error) {
      if (Date.now() > until) throw error
    }
}

/** Between peers: passes bytes on, or ends connections. */
class Relay {
  readonly url: string
  readonly #server: Server
  readonly #pairs = new Set<[from: Socket, to: Socket]>()
  #isCut: (clientPort: number) => boolean = () => false

  static async listen(target: number): Promise<Relay> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Relay(server, target)
  }

  private constructor(server: Server, target: number) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as { port: number }).port}`
    server.on('connection', (from) => {
      from.on('error', () => {})
      if (this.#isCut(from.remotePort as number)) return from.destroy()
      const to = connect(target, '127.0.0.1')
      const pair: [Socket, Socket] = [from, to]
      this.#pairs.add(pair)
      to.on('error', () => from.destroy())
      from.on('close', () => {
        to.destroy()
        this.#pairs.delete(pair)
      })
      to.on('close', () => from.destroy())
      from.pipe(to).pipe(from)
    })
  }

  cut(isCut: (clientPort: number) => boolean): void {
    this.#isCut = isCut
    for (const [from] of this.#pairs) if (from.remotePort !== undefined && isCut(from.remotePort)) from.destroy()
  }

  close(): void {
    this.#server.close()
    for (const [from] of this.#pairs) from.destroy()
  }
}

/** Whether a process has the socket with this local port: by its inode, proc(5). */
function ownsPort(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const line = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${hex}`) && fields[9] !== '0')
  if (line === undefined) return false
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === `socket:[${line[9]}]`
      } catch {
        return false
      }
    })
  } catch {
    return false
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
