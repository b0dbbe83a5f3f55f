/**
 * A cluster by the list of its members: one is asked until it fails, then the next, with growing pauses. Each is asked for its version and
 * its cluster before it is used; a token is fetched anew when the cluster forgets it. No lock, lease or watch: nothing here is relied on for
 * more than availability.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { RefusedError, UnavailableError, UsageError, WasmclaveError } from '../../../errors.ts'
import type { EtcdSettings } from '../settings.ts'
import { address, CallFailure, Member } from './member.ts'
import type { Calls } from './protocol.ts'

/** Txn with compare on several targets, and deletions in it, as used here: etcd 3.4's. */
export const MIN_VERSION = '3.4'
/** Of one attempt to read. A member that is cut off from its leader answers only when the leader is there again. */
const READ_ATTEMPT_MS = 2_000
/** Of a read with all its attempts: longer than an election. */
const READ_MS = 12_000
/** Of the first one: below what nitro gives a parent to start. */
const CONNECT_MS = 5_000
const CHECK_MS = 2_000
const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 1_000

export class Cluster {
  readonly #settings: EtcdSettings
  readonly #members: Member[]
  #at = 0
  #clusterId: string | undefined
  #token: Promise<string> | undefined
  #closed = false

  /**
   * @returns a cluster of which one member at least answers
   * @throws UsageError ERR_STORE_VERSION, ERR_STORE_AUTH; RefusedError ERR_STORE_CLUSTER; UnavailableError ERR_STORE_UNAVAILABLE
   */
  static async connect(settings: EtcdSettings): Promise<Cluster> {
    const members: Member[] = []
    for (const endpoint of settings.endpoints) {
      const found = await address(endpoint).catch((error: Error) => {
        throw unavailable(error.message)
      })
      members.push(new Member(endpoint, found, settings))
    }
    const cluster = new Cluster(settings, members)
    try {
      await cluster.read('Status', {}, CONNECT_MS)
    } catch (error) {
      cluster.close()
      throw error
    }
    return cluster
  }

  private constructor(settings: EtcdSettings, members: Member[]) {
    this.#settings = settings
    this.#members = members
  }

  /** A call that may be repeated. @throws UnavailableError, UsageError, RefusedError; CallFailure where etcd refuses it */
  async read<Name extends keyof Calls>(name: Name, request: Calls[Name][0], ms = READ_MS): Promise<Calls[Name][1]> {
    const until = Date.now() + ms
    for (let pause = PAUSE_MIN_MS; ; pause = Math.min(2 * pause, PAUSE_MAX_MS)) {
      const left = until - Date.now()
      try {
        return await this.#attempt(name, request, Math.min(READ_ATTEMPT_MS, Math.max(left, 1)))
      } catch (error) {
        if (!(error instanceof CallFailure) || error.withoutEffect || error.isTooLarge) throw error
        if (this.#closed || Date.now() + pause > until) throw unavailable(error.message)
        this.#next()
        // Each member once, before it is waited for.
        if (this.#at === 0 || pause > PAUSE_MIN_MS) await wait(pause)
      }
    }
  }

  /** A call that is tried once. @throws CallFailure, and what `read` throws */
  async write<Name extends keyof Calls>(
    name: Name,
    request: Calls[Name][0],
    deadlineMs: number,
  ): Promise<Calls[Name][1]> {
    try {
      return await this.#attempt(name, request, deadlineMs)
    } catch (error) {
      if (error instanceof CallFailure && !error.withoutEffect) this.#next()
      throw error
    }
  }

  close(): void {
    this.#closed = true
    for (const member of this.#members) member.close()
  }

  async #attempt<Name extends keyof Calls>(name: Name, request: Calls[Name][0], ms: number): Promise<Calls[Name][1]> {
    if (this.#closed) throw unavailable('it is closed')
    const member = this.#members[this.#at] as Member
    if (member.clusterId === undefined) await this.#check(member)
    try {
      return await member.call(name, request, ms, await this.#authenticated(member))
    } catch (error) {
      if (!(error instanceof CallFailure && error.isTokenRefused) || this.#settings.auth === undefined) throw error
      this.#token = undefined
      return await member.call(name, request, ms, await this.#authenticated(member))
    }
  }

  /** It is new enough, and of the same cluster as the others. */
  async #check(member: Member): Promise<void> {
    const token = await this.#authenticated(member)
    const { version, header } = await member.call('Status', {}, CHECK_MS, token)
    if (!atLeast(version, MIN_VERSION))
      throw new UsageError(
        'ERR_STORE_VERSION',
        `${member.endpoint} is etcd ${version}; at least ${MIN_VERSION} is needed`,
      )
    this.#clusterId ??= header.clusterId
    if (this.#clusterId !== header.clusterId)
      throw new RefusedError(
        'ERR_STORE_CLUSTER',
        `${member.endpoint} is of cluster ${header.clusterId}, the others are of ${this.#clusterId}`,
      )
    member.clusterId = header.clusterId
  }

  /** @throws UsageError ERR_STORE_AUTH */
  async #authenticated(member: Member): Promise<string | undefined> {
    const { auth } = this.#settings
    if (auth === undefined) return undefined
    this.#token ??= member
      .call('Authenticate', { name: auth.user, password: auth.password }, CHECK_MS)
      .then(({ token }) => token)
    try {
      return await this.#token
    } catch (error) {
      this.#token = undefined
      if (error instanceof CallFailure && error.withoutEffect)
        throw new UsageError('ERR_STORE_AUTH', `etcd does not know this user: ${error.message}`)
      throw error
    }
  }

  #next(): void {
    this.#at = (this.#at + 1) % this.#members.length
  }
}

function atLeast(version: string, wanted: string): boolean {
  const [a, b] = [version, wanted].map((text) => text.split('.').map(Number)) as [number[], number[]]
  const [major = 0, minor = 0] = a
  const [wantedMajor = 0, wantedMinor = 0] = b
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)
}

/** An error of ours, whatever it was. */
export function failure(error: unknown): WasmclaveError {
  if (error instanceof WasmclaveError) return error
  if (!(error instanceof CallFailure)) throw error
  if (error.isFull) return new UnavailableError('ERR_STORE_FULL', `etcd has no room left: ${error.message}`)
  return unavailable(error.message)
}

export function unavailable(reason: string): UnavailableError {
  return new UnavailableError('ERR_STORE_UNAVAILABLE', `etcd cannot be used now: ${reason}`)
}
