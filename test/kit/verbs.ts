// Verbs of the command line without a process each: parsed as they are typed, their JSON read, their refusals told by code.
import { Command } from 'commander'
import { addProposalVerbs } from '../../host/cli/admin-proposals.ts'
import { addReleaseVerbs } from '../../host/cli/release.ts'
import { errorCode } from '../../host/errors.ts'

/** What a call prints on stdout. */
async function captured(run: () => Promise<unknown>): Promise<string> {
  const { stdout, stderr } = process
  const [out, err] = [stdout.write, stderr.write]
  let text = ''
  stdout.write = ((chunk: string) => {
    text += chunk
    return true
  }) as never
  stderr.write = (() => true) as never
  try {
    await run()
  } finally {
    stdout.write = out
    stderr.write = err
  }
  return text
}

/** `wasmclave release …` and `wasmclave admin …`. @returns what was printed */
export async function verb(...argv: string[]): Promise<string> {
  const program = new Command('wasmclave').exitOverride().enablePositionalOptions()
  addReleaseVerbs(program.command('release'))
  addProposalVerbs(program.command('admin'))
  return captured(() => program.parseAsync(argv, { from: 'user' }))
}

export async function verbJson(...argv: string[]) {
  return JSON.parse(await verb(...argv))
}

/** The JSON that a function of the command line prints. */
export async function printed(run: () => Promise<unknown>) {
  return JSON.parse(await captured(run))
}

/** @returns the code of the refusal, or 'done' */
export async function refusal(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'done',
    (error) => errorCode(error) ?? String((error as Error).stack),
  )
}
