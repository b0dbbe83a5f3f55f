/** A run's account: progress on stderr while it lasts, then the table on stdout and the files that were asked for. */
import { writeFileSync } from 'node:fs'
import { UsageError } from '../errors.ts'
import { checksOf } from './goals.ts'
import { describeMachine } from './machine.ts'
import { resultPage } from './page.ts'
import { type BenchResult, type Machine, RESULT_FORMAT, type Row } from './result.ts'
import { resultTable } from './table.ts'

export type Outputs = { json?: string | undefined; html?: string | undefined }

const LINE = 90

export class Report {
  readonly machine: Machine = describeMachine()
  readonly #rows: Row[] = []
  readonly #quick: boolean
  readonly #outputs: Outputs
  readonly #startMs = performance.now()

  constructor(quick: boolean, outputs: Outputs) {
    this.#quick = quick
    this.#outputs = outputs
  }

  readonly add = (row: Row, done?: number, all?: number): void => {
    this.#rows.push(row)
    const part = done === undefined ? '' : ` ${done}/${all}`
    this.#progress(`${row.suite}${part}  ${row.subject}, ${row.label}`)
  }

  /** @throws UsageError ERR_FILE_WRITE */
  finish(): BenchResult {
    if (process.stderr.isTTY) process.stderr.write(`\r${' '.repeat(LINE)}\r`)
    const result: BenchResult = {
      format: RESULT_FORMAT,
      quick: this.#quick,
      machine: this.machine,
      rows: this.#rows,
      checks: checksOf({ rows: this.#rows }),
    }
    process.stdout.write(`${resultTable(result)}\n`)
    const { json, html } = this.#outputs
    if (json !== undefined) write(json, resultJson(result))
    if (html !== undefined) write(html, resultPage(result))
    for (const file of [json, html]) if (file !== undefined) process.stderr.write(`written: ${file}\n`)
    return result
  }

  // One line that is written over on a terminal; lines elsewhere.
  #progress(line: string): void {
    const text = `${((performance.now() - this.#startMs) / 1000).toFixed(0).padStart(4)} s  ${line}`.slice(0, LINE)
    process.stderr.write(process.stderr.isTTY ? `\r${text.padEnd(LINE)}` : `${text}\n`)
  }
}

/** One row a line, so that two results can be compared by eye and by diff. */
export function resultJson({ rows, checks, ...head }: BenchResult): string {
  const lines = (values: unknown[]) => values.map((value) => `    ${JSON.stringify(value)}`).join(',\n')
  const opening = JSON.stringify(head, null, 2).slice(0, -2)
  return `${opening},\n  "rows": [\n${lines(rows)}\n  ],\n  "checks": [\n${lines(checks)}\n  ]\n}\n`
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new UsageError('ERR_FILE_WRITE', `cannot write ${path}: ${(error as Error).message}`)
  }
}
