// One subject measured: classes drawn at random, inputs copied into the same place whichever the class, so that nothing but their bytes
// differs; a sample is a batch of calls where one is short beside the timer.
import { randomBytes } from 'node:crypto'
import { timerResolutionNs } from '../../host/bench/clock.ts'
import { CroppedTests } from './welch.ts'

export type Subject = {
  name: string
  /** What the two classes are. */
  classes: string
  inputBytes: number
  /** Class 0 gives the same bytes again and again, or bytes of one kind; class 1 fresh ones, or of the other kind. */
  fill(label: 0 | 1, input: Uint8Array): void
  /** Does the work on the input. */
  call(input: Uint8Array): void
}

/** The t that says most, and the error in nanoseconds a call of the sharpest test. */
export type Verdict = { subject: Subject; t: number; errorNs: number; batch: number }

const PILOT = 2000
const WARM_UP_MS = 300
/** A batch is so many times the timer's step. A leak adds up in a batch; so there is no need of more. */
const STEPS = 20
/** Inputs are made this many at a time, outside of what is timed. */
const BLOCK = 256

export function measure(subject: Subject, samples: number): Verdict {
  const batch = batchOf(subject)
  const pilot: number[] = []
  run(subject, batch, PILOT, (_label, ns) => pilot.push(ns))
  const tests = new CroppedTests(pilot)
  run(subject, batch, samples, (label, ns) => tests.add(label, ns))
  return { subject, t: tests.strongest.t, errorNs: tests.error, batch }
}

function batchOf({ fill, call, inputBytes }: Subject): number {
  const input = new Uint8Array(inputBytes)
  let fastest = Number.POSITIVE_INFINITY
  for (const end = performance.now() + WARM_UP_MS; performance.now() < end; ) {
    fill(1, input)
    const start = performance.now()
    call(input)
    const ms = performance.now() - start
    if (ms > 0) fastest = Math.min(fastest, ms)
  }
  return Math.max(1, Math.ceil((STEPS * timerResolutionNs()) / (fastest * 1e6)))
}

function run(subject: Subject, batch: number, samples: number, take: (label: 0 | 1, ns: number) => void): void {
  const { fill, call, inputBytes } = subject
  const inputs = new Uint8Array(BLOCK * inputBytes)
  const input = new Uint8Array(inputBytes)
  for (let done = 0; done < samples; done += BLOCK) {
    const labels = randomBytes(BLOCK)
    for (let i = 0; i < BLOCK; i++) fill(bit(labels, i), inputs.subarray(i * inputBytes, (i + 1) * inputBytes))
    for (let i = 0; i < BLOCK; i++) {
      input.set(inputs.subarray(i * inputBytes, (i + 1) * inputBytes))
      const start = performance.now()
      for (let n = 0; n < batch; n++) call(input)
      take(bit(labels, i), ((performance.now() - start) * 1e6) / batch)
    }
  }
}

function bit(labels: Uint8Array, i: number): 0 | 1 {
  return ((labels[i] as number) & 1) as 0 | 1
}
