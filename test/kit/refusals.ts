// Rows of calls that the command line refuses, each with its exit code and its error code.
import { spawn } from 'node:child_process'
import type { Test } from 'tap'

export type Row = [name: string, args: string[], exit: number, code?: string]

/** How many calls are under way at a time: each starts a process. */
const AT_A_TIME = 2

/** The command line as it is shipped, without the search for the pinned Node: these tests run on that one. */
function run(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', 'dist/host/cli/index.js', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (chunk) => {
        output[stream] += chunk
      })
    child.once('close', (code) => resolve({ code: code ?? 1, ...output }))
  })
}

/** Each row is a refusal; those of one group differ by one thing from a call that is accepted beside them. */
export async function refuses(t: Test, rows: Row[]): Promise<void> {
  const waiting = [...rows]
  const next = async (): Promise<void> => {
    const row = waiting.shift()
    if (row === undefined) return
    const [name, args, exit, code] = row
    const { code: status, stdout, stderr } = await run(args)
    t.equal(status, exit, `${name}: exit code`)
    t.equal(stdout, '', `${name}: nothing on stdout`)
    if (code !== undefined) {
      const text = stderr.trimEnd().split('\n').at(-1) as string
      t.match(text, new RegExp(`(^|[ ])${code}: `), `${name}: ${code}`)
      const nitro = /^\[ E(\d\d) \] /.exec(text)?.[1]
      if (nitro !== undefined) t.equal(Number(nitro), exit, `${name}: the exit code is the number of the error`)
    }
    t.notMatch(stderr, /\n {4}at /, `${name}: no stack`)
    await next()
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, next))
}

/** What an accepted call prints. */
export async function json(...args: string[]) {
  const { code, stdout, stderr } = await run(args)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}
