// `npm run timing [-- --samples N] [subject…]`: whether the release module's time depends on secrets, as dudect tests it. |t| below 4.5 says
// that these samples do not show that it does. A compare that leaks is measured with the rest: if it is not caught, the run is void.
import { parseArgs } from 'node:util'
import { loadCore } from '../../host/core/index.ts'
import { tagCompare } from '../kit/leaky.ts'
import { measure, type Subject, type Verdict } from './measure.ts'
import { compareSubject, subjectsOf } from './subjects.ts'

/** dudect's and the ISO 17825 bound: a chance below 1 in 100,000 for one test of two equal classes. */
const BOUND = 4.5
const SAMPLES = 1_000_000

const { values, positionals } = parseArgs({ options: { samples: { type: 'string' } }, allowPositionals: true })
const samples = Number(values.samples ?? SAMPLES)
if (!Number.isInteger(samples) || samples < 1000) {
  process.stderr.write(`--samples ${values.samples}: a whole number from 1,000\n`)
  process.exit(2)
}
// A refusal to open is an error; its stack would be most of what is timed.
Error.stackTraceLimit = 0

const leaky = compareSubject('a leaky compare (planted)', await tagCompare('leaky'))
const even = compareSubject('its constant-time twin', await tagCompare('even'))
const all = [leaky, even, ...subjectsOf(await loadCore())]
const wanted = (subject: Subject) =>
  subject === leaky || positionals.length === 0 || positionals.some((word) => subject.name.includes(word))

process.stdout.write(`${samples.toLocaleString('en')} samples each; |t| below ${BOUND} is no sign of a leak\n\n`)
const verdicts: Verdict[] = []
for (const subject of all.filter(wanted)) {
  process.stderr.write(`… ${subject.name}\n`)
  const verdict = measure(subject, samples)
  verdicts.push(verdict)
  const { t, errorNs } = verdict
  const sign = Math.abs(t) < BOUND ? ' ' : '!'
  const seen = `${(BOUND * errorNs).toFixed(1)} ns would show`
  process.stdout.write(
    `${sign} t ${t.toFixed(2).padStart(8)}  ${subject.name.padEnd(33)} ${subject.classes}; ${seen}\n`,
  )
}

const caught = Math.abs(verdicts[0]?.t ?? 0) > BOUND
const suspicious = verdicts.slice(1).filter(({ t }) => Math.abs(t) >= BOUND)
process.stdout.write(
  caught
    ? `\nThe planted leak was caught. ${suspicious.length === 0 ? 'No other shows.' : `To look at: ${suspicious.map(({ subject }) => subject.name).join(', ')}. Run again, on a quiet core, before you believe it.`}\n`
    : '\nThe instrument is blind: it did not see the planted leak. Take more samples, or a quieter machine; the rest says nothing.\n',
)
process.exit(!caught ? 2 : suspicious.length === 0 ? 0 : 1)
