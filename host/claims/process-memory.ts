/** The search for a canary in what a process has in memory: for root, as nobody else can open it. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { type Canary, holdsCanary } from './canary.ts'

const WINDOW_BYTES = 4 * 1_048_576
/** Twice as long as any form of the canary: what lies across two windows is found too. */
const OVERLAP_BYTES = 512
/** A mapping above it is address space that Node reserves and does not use; what it uses of it is read. */
const MAX_MAPPING_BYTES = 2 ** 31

export type MemorySearch = {
  searchedBytes: number
  /** Where it was found, hexadecimal. */
  at?: string
  /** Code of the error, where the memory does not open. */
  refusal?: string
}

export function searchProcessMemory(pid: number, canary: Canary): MemorySearch {
  let file: number
  try {
    file = openSync(`/proc/${pid}/mem`, 'r')
  } catch (error) {
    return { searchedBytes: 0, refusal: (error as NodeJS.ErrnoException).code ?? String(error) }
  }
  const window = Buffer.alloc(WINDOW_BYTES)
  let searchedBytes = 0
  try {
    for (const { start, end } of mappings(pid))
      for (let at = start; at < end; at += WINDOW_BYTES - OVERLAP_BYTES) {
        let length: number
        try {
          length = readSync(file, window, 0, Math.min(WINDOW_BYTES, end - at), at)
        } catch {
          break // not backed
        }
        searchedBytes += length
        if (holdsCanary(window.subarray(0, length), canary)) return { searchedBytes, at: at.toString(16) }
      }
  } finally {
    closeSync(file)
  }
  return { searchedBytes }
}

function mappings(pid: number): { start: number; end: number }[] {
  return readFileSync(`/proc/${pid}/maps`, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
      if (from === undefined || to === undefined || /\[v(sys|var|dso)/.test(line)) return []
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)]
      return end - start > MAX_MAPPING_BYTES ? [] : [{ start, end }]
    })
}
