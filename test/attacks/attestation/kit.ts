// One set of keys and one policy for the attacks on evidence; every attack names the code that it must meet.
import { X509Certificate } from 'node:crypto'
import type { Test } from 'tap'
import { CASES, MAX_AGE_SECONDS, Maker } from '../../../host/cli/bad-documents/index.ts'
import { type AppraisalPolicy, appraise, parseAttestationDocument } from '../../../host/verifier/index.ts'

export const maker = new Maker(Date.now())
export const at = new Date(maker.atMs)
export const root = new X509Certificate(maker.chains.root).toString()
export const pcr = (index: number): string =>
  Buffer.from(maker.facts.pcrs.find(([number]) => number === index)?.[1] as Uint8Array).toString('hex')
export const policy: AppraisalPolicy = {
  root,
  nonce: maker.facts.nonce,
  pcrs: { 0: pcr(0) },
  maxAgeSeconds: MAX_AGE_SECONDS,
}

/** `accepted`, or the code of the refusal. What is no refusal of ours is thrown on. */
export async function verdict(bytes: Uint8Array, changes: Partial<AppraisalPolicy> = {}, now = at): Promise<string> {
  try {
    await appraise(parseAttestationDocument(bytes), { ...policy, ...changes }, now)
    return 'accepted'
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === undefined || !code.startsWith('ERR_')) throw error
    return code
  }
}

/** Cases of the kit of bad documents by name, each refused as it says and its twin accepted. */
export async function tryCases(t: Test, names: string[]): Promise<void> {
  for (const name of names) {
    const found = CASES.find((each) => each.name === name)
    if (found === undefined) throw new Error(`no case ${name}`)
    const twin = CASES.find((each) => each.name === found.twin)
    t.equal(await verdict(found.make(maker)), found.verdict, found.fault)
    if (found.verdict !== 'accepted')
      t.equal(await verdict((twin as typeof found).make(maker)), 'accepted', `and its twin: ${twin?.fault}`)
  }
}

export const good = (): Uint8Array => maker.document()
