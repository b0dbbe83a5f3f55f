// What passed and what failed, said as it happens.

export class Tally {
  passed = 0
  failed = 0

  /** @param found what was found instead, where it failed */
  note(ok: boolean, suite: string, what: string, found = ''): void {
    if (ok) this.passed++
    else {
      this.failed++
      const shown = found.length > 1200 ? `${found.slice(0, 1200)}…` : found
      process.stdout.write(`FAIL ${suite}: ${what}\n${shown.replace(/^/gm, '     | ')}\n`)
    }
  }

  equal(found: unknown, wanted: unknown, suite: string, what: string): void {
    const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
    this.note(a === b, suite, what, `found  ${a}\nwanted ${b}`)
  }
}
