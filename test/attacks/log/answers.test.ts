// A parent between a caller and the control plane that alters, forges, swaps, repeats and drops answers (groups E and F): nothing that
// the log does not say is shown as true.
import t from 'tap'
import { logKeyOf } from '../../../host/cli/kept-checkpoint.ts'
import { verifyAnswer } from '../../../host/client/log/answer.ts'
import type { Request } from '../../../host/control/actions.ts'
import { requestDigest } from '../../../host/control/request.ts'
import type { AdminAnswer } from '../../../host/wire/admin.ts'
import { keyHex, newKey } from '../../kit/genesis.ts'
import { auditor, codeOf, digest, log, operator, PlaneUnderTest } from '../../kit/plane.ts'

t.setTimeout(170_000)

const under = new PlaneUnderTest()
t.teardown(() => under.close())
under.effect = async () => ({ result: { EnclaveName: 'echo', Terminated: true } })
const stop: Request = { action: 'terminate-enclave', parameters: { name: 'echo' } }

/** A request's answer as it leaves the host, and how its caller judges what arrives. */
async function answered(key = operator, kept?: Uint8Array, since = 0) {
  const jws = await under.sign(stop, key)
  const answer = await under.plane.answer(jws, { connection: 1, request: 1, since })
  const asked = { request: requestDigest(jws), action: stop.action, kept }
  const judge = (message: unknown, by = log) => verifyAnswer(by, asked, message)
  return { answer: structuredClone(answer) as Loose, judge }
}
// biome-ignore lint/suspicious/noExplicitAny: what a parent does to an answer has no type
type Loose = any
const flipped = (base64: string) => {
  const bytes = Buffer.from(base64, 'base64')
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
  return bytes.toString('base64')
}

t.test('refuses an answer that was altered anywhere', async (t) => {
  const other = (await answered()).answer
  const rows: [name: string, change: (answer: Loose) => void, code: string][] = [
    ['another result', (a) => (a.result.value.Terminated = false), 'ERR_ADMIN_ANSWER'],
    ['a field more', (a) => (a.result.value.hidden = 1), 'ERR_ADMIN_ANSWER'],
    ['an error instead', (a) => forgeError(a, a.result.proof), 'ERR_ADMIN_ANSWER'],
    ['no proof', (a) => delete a.result.proof, 'ERR_ADMIN_ANSWER'],
    ['the proof of another request', (a) => (a.result.proof = other.result.proof), 'ERR_ADMIN_ANSWER'],
    ['an entry altered', (a) => (a.result.proof.entry = flipped(a.result.proof.entry)), ''],
    ['another place', (a) => a.result.proof.index--, 'ERR_LOG_INCLUSION'],
    ['beyond the tree', (a) => (a.result.proof.index = 2 ** 40), 'ERR_LOG_INCLUSION'],
    [
      'a hash altered',
      (a) => (a.result.proof.inclusion[0] = flipped(a.result.proof.inclusion[0])),
      'ERR_LOG_INCLUSION',
    ],
    ['a hash less', (a) => a.result.proof.inclusion.pop(), 'ERR_LOG_INCLUSION'],
    ['a hash more', (a) => a.result.proof.inclusion.push(a.result.proof.inclusion[0]), 'ERR_LOG_INCLUSION'],
    ['an older checkpoint', (a) => (a.result.proof.checkpoint = other.result.proof.checkpoint), 'ERR_LOG_INCLUSION'],
    [
      'a checkpoint altered',
      (a) => (a.result.proof.checkpoint = a.result.proof.checkpoint.replace(/\n\d+\n/, '\n9\n')),
      'ERR_LOG_SIGNATURE',
    ],
    ['nothing', (a) => delete a.result, 'ERR_ADMIN_ANSWER'],
  ]
  for (const [name, change, code] of rows) {
    const { answer, judge } = await answered()
    change(answer)
    t.throws(() => judge(answer), code === '' ? { code: /^ERR_/ } : { code }, name)
  }
  const { answer, judge } = await answered()
  t.same(judge(answer).answered, { result: { EnclaveName: 'echo', Terminated: true } }, 'the twin of all of them')
  t.throws(() => judge(answer, logKeyOf(keyHex(newKey()), digest)), { code: 'ERR_LOG_SIGNATURE' }, 'another log')
})

function forgeError(answer: Loose, proof: unknown): void {
  delete answer.result
  answer.error = { code: -32000, message: 'no', data: { code: 'ERR_ADMIN_ROLE', proof } }
}

t.test('shows a refusal as the log has it, and one that the parent made up as proven by nobody', async (t) => {
  const refused = await answered(auditor)
  const { proven } = refused.judge(refused.answer)
  t.match(proven?.entry, { kind: 'refused', code: 'ERR_ADMIN_ROLE' })
  const milder = structuredClone(refused.answer)
  milder.error.message = 'try again later'
  t.throws(() => refused.judge(milder), { code: 'ERR_ADMIN_ANSWER' })
  const other = structuredClone(refused.answer)
  other.error.data.code = 'ERR_ADMIN_EXPIRED'
  t.throws(() => refused.judge(other), { code: 'ERR_ADMIN_ANSWER' })
  const done = await answered()
  forgeError(done.answer, undefined)
  const forged = done.judge(done.answer)
  t.equal(codeOf(forged), 'ERR_ADMIN_ROLE')
  t.equal(forged.proven, undefined)
  for (const code of ['x', 'ERR_\u001b[2J', 'ERR_'.padEnd(80, 'A')]) {
    done.answer.error.data.code = code
    t.throws(() => done.judge(done.answer), { code: 'ERR_ADMIN_ANSWER' }, 'no code of ours')
  }
})

t.test('believes no answer that does not continue what the caller has seen', async (t) => {
  const first = await answered()
  const kept = first.judge(first.answer).proven?.checkpoint as Uint8Array
  const since = Number(first.judge(first.answer).proven?.size)
  const without = await answered(operator, kept)
  t.throws(() => without.judge(without.answer), { code: 'ERR_LOG_CONSISTENCY' }, 'no proof came')
  const next = await answered(operator, kept, since)
  t.ok(next.judge(next.answer).proven, 'the twin')
  next.answer.result.proof.consistency[0] = flipped(next.answer.result.proof.consistency[0])
  t.throws(() => next.judge(next.answer), { code: 'ERR_LOG_CONSISTENCY' })
  t.throws(() => verifyAnswer(log, { request: '', action: '', kept }, first.answer), { code: 'ERR_ADMIN_ANSWER' })
})

t.test('E17: escapes what would reach a terminal, and keeps an entry one line', async (t) => {
  const name = 'x\n\u001b[2J\u202e\u0000\ud800'.padEnd(1_000_000, 'y')
  const jws = await under.sign({ action: name, parameters: {} } as never)
  const tooLong = await under.send(jws, name)
  t.equal(codeOf(tooLong), 'ERR_ADMIN_SYNTAX')
  const short = await under.sign({ action: name.slice(0, 200), parameters: {} } as never)
  const answer: AdminAnswer = await under.plane.answer(short, { connection: 1, request: 1, since: 0 })
  t.match(answer, { error: { data: { code: 'ERR_ADMIN_ACTION' } } })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  t.notMatch('error' in answer ? answer.error.message : '', /[\u0000-\u001f\u007f-\u009f\u202e]/)
  const entry = under.log.entry(under.log.size - 1) as Uint8Array
  t.equal(Buffer.from(entry).includes('\n'), false)
  t.equal(under.entries.at(-1)?.kind === 'refused', true)
  t.ok(entry.length < 1000, `${entry.length} bytes`)
})
