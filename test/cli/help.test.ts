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
  for (const verb of verbs) {
    const { code, stdout } = await runCli([verb, '--help'], { env })
    t.equal(code, 0, `${verb} --help`)
    const [, examples] = stdout.split(/^Examples?:$/m)
    t.match(examples, new RegExp(`^ {2}(wasmclave ${verb}|npm start)`, 'm'), `${verb} has an example`)
    const wide = stdout.split('\n').filter((line) => [...line].length > COLUMNS)
    t.same(wide, [], `${verb} fits`)
  }
})

t.test('ends with 2 where arguments do not parse, for every verb', async (t) => {
  for (const verb of verbs) {
    const { code, stdout, stderr } = await runCli([verb, '--no-such-flag'])
    t.equal(code, 2, verb)
    t.equal(stdout, '')
    t.match(stderr, /^error: /, verb)
  }
  for (const args of [['no-such-verb'], ['describe-eif'], ['explain'], ['explain', '--error-code']])
    t.equal((await runCli(args)).code, 2, args.join(' '))
})
