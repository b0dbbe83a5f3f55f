/** Why an enclave ended: kind and blame of assembly/abi/fault.ts, and counters. Never content. */
import {
  BLAME_KERNEL,
  BLAME_NITRO,
  BLAME_PARENT,
  BLAME_WORKLOAD,
  FAULT_BAD_CALL,
  FAULT_BAD_HANDLE,
  FAULT_BAD_REGION,
  FAULT_BOOT,
  FAULT_DEADLINE,
  FAULT_FENCED,
  FAULT_KERNEL,
  FAULT_MEMORY,
  FAULT_NO_MATCHING_ROUTE,
  FAULT_NSM,
  FAULT_PROTOCOL,
  FAULT_STORE,
  FAULT_TRAP,
} from '../../../assembly/abi/fault.ts'

export type Epitaph = { kind: number; blame: number; counters: number[] }

const KINDS: Record<number, string> = {
  [FAULT_BAD_REGION]: 'a region outside of its memory',
  [FAULT_BAD_HANDLE]: 'a handle that it does not have',
  [FAULT_BAD_CALL]: 'a call in the wrong place',
  [FAULT_NO_MATCHING_ROUTE]: 'a call of another phase',
  [FAULT_TRAP]: 'a trap',
  [FAULT_MEMORY]: 'its memory is used up',
  [FAULT_DEADLINE]: 'its deadline',
  [FAULT_PROTOCOL]: 'broken framing',
  [FAULT_NSM]: 'an answer of the NSM that does not fit',
  [FAULT_BOOT]: 'a launch that does not fit the image',
  [FAULT_KERNEL]: 'an invariant of the kernel',
  [FAULT_STORE]: 'its store is not what head and register say, or the KMS refuses the key',
  [FAULT_FENCED]: 'fenced: another enclave has taken the store',
}
const BLAMES: Record<number, string> = {
  [BLAME_WORKLOAD]: 'the workload',
  [BLAME_KERNEL]: 'the kernel',
  [BLAME_PARENT]: "the parent's side",
  [BLAME_NITRO]: 'nitro',
}

/** For people; programs read the numbers. */
export function describeEpitaph({ kind, blame }: Epitaph): string {
  return `fault ${kind}, ${KINDS[kind] ?? 'unknown'}; blame ${blame}, ${BLAMES[blame] ?? 'unknown'}`
}

/** What a child says of its end, read as hostile. @throws SyntaxError */
export function parseEpitaph(payload: Uint8Array): Epitaph | undefined {
  const value = JSON.parse(Buffer.from(payload).toString('utf8')) as Partial<Epitaph>
  if (!Number.isInteger(value.kind) || !Number.isInteger(value.blame) || !Array.isArray(value.counters))
    return undefined
  return { kind: value.kind as number, blame: value.blame as number, counters: value.counters.slice(0, 16).map(Number) }
}
