// Vectors made by others: where they are, and that as many ran as there are.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'

const FOLDER = process.env.WASMCLAVE_VECTORS ?? '../shared/vectors'

export const vectorsPresent = existsSync(FOLDER)
export const vectorPath = (name: string): string => join(FOLDER, name)

export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(vectorPath(name), 'utf8')) as T
}

/** Runs a suite, or says that it cannot. */
export function vectorTest(t: Test, name: string, run: (t: Test) => Promise<void>): void {
  if (vectorsPresent) t.test(name, run)
  else t.comment(`vectors not present: skipped (${name})`)
}

/** Asserts that executed and out of scope add up to the table, and reports both. */
export function account(t: Test, suite: string, counts: { executed: number; outOfScope: number; total: number }): void {
  t.equal(
    counts.executed + counts.outOfScope,
    counts.total,
    `${suite}: ${counts.executed} executed + ${counts.outOfScope} out of scope`,
  )
  const report = process.env.WASMCLAVE_VECTOR_REPORT
  if (report !== undefined) appendFileSync(report, `${JSON.stringify({ suite, ...counts })}\n`)
}

export const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'))
