// Welch's t-test on two classes of measurements, kept as running sums (Welford), and the crops that dudect makes of them: what a leak
// changes is often the fast measurements, which the slow ones of a busy machine would drown (Reparaz, Balasch, Verbauwhede 2017).
export class Welch {
  readonly #count = [0, 0]
  readonly #mean = [0, 0]
  readonly #squares = [0, 0]

  add(label: 0 | 1, value: number): void {
    const count = ++(this.#count as [number, number])[label]
    const mean = this.#mean as [number, number]
    const delta = value - mean[label]
    mean[label] += delta / count
    ;(this.#squares as [number, number])[label] += delta * (value - mean[label])
  }

  get samples(): number {
    return (this.#count[0] as number) + (this.#count[1] as number)
  }

  /** Of class 1 above class 0, in the values' unit. */
  get difference(): number {
    return (this.#mean[1] as number) - (this.#mean[0] as number)
  }

  /** 0 until both classes have enough to tell. */
  get t(): number {
    const { error } = this
    return error === 0 ? 0 : this.difference / error
  }

  /** Of the difference. */
  get error(): number {
    const [a, b] = this.#count as [number, number]
    if (a < 2 || b < 2) return 0
    const [va, vb] = this.#squares.map((squares, label) => squares / ((this.#count[label] as number) - 1)) as [
      number,
      number,
    ]
    return Math.sqrt(va / a + vb / b)
  }
}

/** dudect's crops, fewer: each test more makes a false alarm more likely, and these overlap. */
const KEPT = [0.5, 0.75, 0.9, 0.99]

export class CroppedTests {
  readonly #tests: { below: number; welch: Welch }[]

  /** @param pilot measurements of both classes, from which the crops are taken; they are not part of any test */
  constructor(pilot: readonly number[]) {
    const sorted = Float64Array.from(pilot).sort()
    const limits = KEPT.map((share) => sorted[Math.floor((sorted.length - 1) * share)] as number)
    this.#tests = [...limits, Number.POSITIVE_INFINITY].map((below) => ({ below, welch: new Welch() }))
  }

  add(label: 0 | 1, value: number): void {
    for (const { below, welch } of this.#tests) if (value <= below) welch.add(label, value)
  }

  /** The test that says most. */
  get strongest(): Welch {
    return this.#tests.map(({ welch }) => welch).reduce((a, b) => (Math.abs(b.t) > Math.abs(a.t) ? b : a))
  }

  /** The error of the sharpest test: a difference of a few times this would have been seen. */
  get error(): number {
    return Math.min(...this.#tests.map(({ welch }) => welch.error).filter((error) => error > 0))
  }
}
