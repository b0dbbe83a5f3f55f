import t from 'tap'
import { runCli } from '../kit/host.ts'

// Each call starts two processes: on a busy machine that takes its time.
t.setTimeout(170_000)

const COLUMNS = 100
const env = { ...process.env, COLUMNS: String(COLUMNS) }
const overview = await runCli(['--help'], { env })
const verbs = [...overview.stdout.matchAll(/^ {2}([a-z][a-z-]+) /gm)]
  .map((match) => match[1] as string)
  .filter((verb) => verb !== 'help')

t.test('names every verb of nitro-cli and its own', async (t) => {
  for (const verb of [
    ...['run-enclave', 'describe-enclaves', 'terminate-enclave', 'build-enclave', 'describe-eif', 'sign-eif', 'pcr'],
    ...['console', 'explain', 'up', 'host', 'grant', 'attest', 'verify', 'proxy'],
  ])
    t.ok(verbs.includes(verb), verb)
})

t.test('shows an example for every verb, in 100 columns', async (t) => {
  const pages = await inPairs(verbs, (verb) => runCli([verb, '--help'], { env }))
  for (const [index, verb] of verbs.entries()) {
    const { code, stdout } = pages[index] as (typeof pages)[0]
    t.equal(code, 0, `${verb} --help`)
    const [, examples] = stdout.split(/^Examples?:$/m)
    t.match(examples, new RegExp(`^ {2}(wasmclave ${verb}|npm start)`, 'm'), `${verb} has an example`)
    const wide = stdout.split('\n').filter((line) => [...line].length > COLUMNS)
    t.same(wide, [], `${verb} fits`)
  }
})

t.test('ends with 2 where arguments do not parse, for every verb', async (t) => {
  const answers = await inPairs(verbs, (verb) => runCli([verb, '--no-such-flag']))
  for (const [index, verb] of verbs.entries()) {
    const { code, stdout, stderr } = answers[index] as (typeof answers)[0]
    t.equal(code, 2, verb)
    t.equal(stdout, '')
    t.match(stderr, /^error: /, verb)
  }
  for (const args of [['no-such-verb'], ['describe-eif'], ['explain'], ['explain', '--error-code']])
    t.equal((await runCli(args)).code, 2, args.join(' '))
})

/** Two processes at a time: most of a start is waiting. */
async function inPairs<T, R>(items: T[], run: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let at = 0; at < items.length; at += 2)
    results.push(...(await Promise.all(items.slice(at, at + 2).map((item) => run(item)))))
  return results
}
