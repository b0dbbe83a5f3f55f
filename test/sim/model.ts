// What clients may see of a store that keeps its promises. It knows requests and answers alone: what was acknowledged is there for all who ask
// later; what was answered as not written never is; the rest is there as a whole or not at all; nobody reads backwards.

export type Cell = { value: string; version: number } | null
export type Outcome = 'pending' | 'acknowledged' | 'not written' | 'unknown'
export type Write = { id: number; puts: Map<string, string | null>; outcome: Outcome; version: number }

/** The promise that was broken. */
export class Violation extends Error {}

/** What a client may rely on for a key: nothing older than this. */
type Floor = { version: number; removed: boolean }

export class StoreModel {
  readonly writes: Write[] = []
  readonly #byValue = new Map<string, Write>()
  #floors = new Map<string, Floor>()
  #nextValue = 1

  begin(keys: string[], isRemoval: (key: string) => boolean): Write {
    const write: Write = { id: this.writes.length, puts: new Map(), outcome: 'pending', version: 0 }
    for (const key of keys) {
      const value = isRemoval(key) ? null : `v${this.#nextValue++}`
      write.puts.set(key, value)
      if (value !== null) this.#byValue.set(value, write)
    }
    this.writes.push(write)
    return write
  }

  acknowledged(write: Write, version: number): void {
    if (write.version !== 0 && write.version !== version)
      throw new Violation(`write ${write.id} was read at version ${write.version} and acknowledged at ${version}`)
    write.outcome = 'acknowledged'
    write.version = version
    for (const [key, value] of write.puts) this.#raise(key, version, value === null)
  }

  notWritten(write: Write): void {
    if (write.version !== 0) throw new Violation(`write ${write.id} was read and then answered as not written`)
    write.outcome = 'not written'
  }

  /** Its enclave died, or would not say: both are possible from now on. */
  lost(write: Write): void {
    if (write.outcome === 'pending') write.outcome = 'unknown'
  }

  /** What a read that begins now may rely on. */
  floors(): Map<string, Floor> {
    return new Map(this.#floors)
  }

  /** A read of several keys at one moment, judged by what held when it began. `raise`: later reads may rely on it. */
  read(cells: Map<string, Cell>, floors: Map<string, Floor>, raise = true): void {
    for (const [key, cell] of cells) this.#readKey(key, cell, floors.get(key))
    for (const [key, cell] of cells) {
      if (cell === null) continue
      const write = this.#byValue.get(cell.value) as Write
      for (const [other, value] of write.puts) {
        const seen = cells.get(other)
        if (seen === undefined || other === key) continue
        // A removal, or another's later removal, leaves no version to compare
        if (seen === null ? value !== null && !this.#mayBeRemoved(other, write) : seen.version < cell.version)
          throw new Violation(
            `write ${write.id} is half there: ${key} at ${cell.version}, ${other} at ${JSON.stringify(seen)}`,
          )
      }
    }
    if (raise) for (const [key, cell] of cells) if (cell !== null) this.#raise(key, cell.version, false)
  }

  /** An owner has accepted an older state: what was promised before is promised no more. */
  forgive(): void {
    this.#floors = new Map()
    for (const write of this.writes) {
      if (write.outcome === 'acknowledged') write.outcome = 'unknown'
      this.lost(write)
    }
  }

  #readKey(key: string, cell: Cell, floor: Floor | undefined): void {
    if (cell === null) {
      if (floor === undefined || floor.removed || this.#removalMayBe(key, floor.version)) return
      throw new Violation(`${key} is gone, and was at version ${floor.version}`)
    }
    const write = this.#byValue.get(cell.value)
    if (write === undefined || write.puts.get(key) !== cell.value)
      throw new Violation(`${key} holds ${cell.value}, which nobody wrote there`)
    if (write.outcome === 'not written')
      throw new Violation(`write ${write.id} was answered as not written, and is there`)
    if (write.version !== 0 && write.version !== cell.version)
      throw new Violation(`write ${write.id} is at version ${cell.version}, and was at ${write.version}`)
    write.version = cell.version
    if (floor !== undefined && cell.version < floor.version)
      throw new Violation(`${key} is at version ${cell.version}, and was at ${floor.version}`)
  }

  // Whether a removal has happened since, or one may have whose fate nobody has told.
  #removalMayBe(key: string, since: number): boolean {
    return this.writes.some(
      ({ puts, outcome, version }) =>
        puts.get(key) === null &&
        (outcome === 'pending' || outcome === 'unknown' || (outcome === 'acknowledged' && version > since)),
    )
  }

  #mayBeRemoved(key: string, except: Write): boolean {
    return this.writes.some(
      (write) => write !== except && write.puts.get(key) === null && write.outcome !== 'not written',
    )
  }

  #raise(key: string, version: number, removed: boolean): void {
    const floor = this.#floors.get(key)
    if (floor === undefined || floor.version < version) this.#floors.set(key, { version, removed })
  }
}
