/**
 * The audit of a Kubernetes enclave, as its owner reads it (assembly/workloads/kubernetes/audit/): events in batches, each with the SHA-256 of
 * the one before, up to a head that is as fresh as the enclave's store is. A chain that verifies is whole and in order between its ends; that
 * it is the enclave's own word is what the session says, and a copy that lies in a file says of itself only that it fits together.
 */
import { RefusedError } from '../errors.ts'
import type { Enclave } from './connect.ts'

/** A place in the chain: behind so many events it has this hash, hex. */
export type AuditPoint = { events: number; hash: string }
/** Having one means that it follows the batch before it. `bytes` are all of it, `lines` its events. */
export type AuditBatch = { after: number; lines: string[]; bytes: Uint8Array; hash: string }

/** @param after begins behind this point, which has to be in the chain; absent: with the oldest event that is held
 *  @param points have to be in the chain too, where it is still held */
export type AuditQuestion = { after?: AuditPoint; points?: AuditPoint[] }

const PATH = '/audit/events'
/** More pages than the largest audit has (assembly/workloads/kubernetes/limits.ts), each with at least one segment. */
const MAX_PAGES = 2000
/** Answers without anything new, while the enclave says that something is on its way. */
const MAX_IDLE = 4
const NEWLINE = 0x0a
/** Of a batch's head line, and of the answer's. */
const MAX_HEAD_BYTES = 512

type Head = AuditPoint & { dropped: AuditPoint; waiting: number }

/** A chain as far as it has been followed. */
export class AuditChain {
  #end: AuditPoint

  constructor(from: AuditPoint) {
    this.#end = from
  }

  get end(): AuditPoint {
    return this.#end
  }

  /** @throws RefusedError ERR_AUDIT_CHAIN naming what differs */
  async follow(batch: ParsedBatch): Promise<AuditBatch> {
    const { events, hash } = this.#end
    if (batch.after !== events)
      throw new RefusedError(
        'ERR_AUDIT_CHAIN',
        `a batch begins behind event ${batch.after} where the chain is behind event ${events}`,
      )
    if (batch.previous !== hash)
      throw new RefusedError(
        'ERR_AUDIT_CHAIN',
        `the batch behind event ${events} follows ${batch.previous}, and the one before it has ${hash}`,
      )
    const own = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', batch.bytes as Uint8Array<ArrayBuffer>)))
    this.#end = { events: events + batch.lines.length, hash: own }
    return { after: batch.after, lines: batch.lines, bytes: batch.bytes, hash: own }
  }
}

export type ParsedBatch = { after: number; previous: string; lines: string[]; bytes: Uint8Array }

/** Reads batches, one behind the other; their hashes are not looked at. @throws RefusedError ERR_AUDIT_ANSWER */
export function parseAuditBatches(bytes: Uint8Array): ParsedBatch[] {
  const batches: ParsedBatch[] = []
  const text = new TextDecoder('utf-8', { fatal: true })
  for (let at = 0; at < bytes.length; ) {
    const start = at
    const head = bytes.indexOf(NEWLINE, at)
    if (head < 0 || head - at > MAX_HEAD_BYTES) throw syntax(`no head of a batch at byte ${at}`)
    const { after, events, previous } = object(text, bytes.subarray(at, head))
    if (!isCount(after) || !isCount(events) || events === 0 || !isHash(previous))
      throw syntax(`no head of a batch at byte ${at}`)
    const lines: string[] = []
    at = head + 1
    while (lines.length < events) {
      const end = bytes.indexOf(NEWLINE, at)
      if (end < 0) throw syntax(`the batch behind event ${after} has ${lines.length} of ${events} events`)
      lines.push(decode(text, bytes.subarray(at, end)))
      at = end + 1
    }
    batches.push({ after, previous, lines, bytes: bytes.subarray(start, at) })
  }
  return batches
}

/** Verifies a copy by itself. @returns where it begins and ends; nothing for an empty one @throws RefusedError ERR_AUDIT_CHAIN, ERR_AUDIT_ANSWER */
export async function verifyAuditCopy(bytes: Uint8Array): Promise<{ from: AuditPoint; to: AuditPoint } | undefined> {
  const batches = parseAuditBatches(bytes)
  const first = batches[0]
  if (first === undefined) return undefined
  const from = { events: first.after, hash: first.previous }
  const chain = new AuditChain(from)
  for (const batch of batches) await chain.follow(batch)
  return { from, to: chain.end }
}

/**
 * Reads and verifies what is held, up to all that was acknowledged before the last answer.
 * @param take is given each batch behind `after`, once it has been verified
 * @returns the head, and those points that lie before what is still held
 * @throws RefusedError ERR_AUDIT_CHAIN, ERR_AUDIT_INCOMPLETE, ERR_AUDIT_BEHIND, ERR_AUDIT_GAP, ERR_AUDIT_ANSWER, ERR_AUDIT_REFUSED
 */
export async function readKubernetesAudit(
  enclave: Pick<Enclave, 'fetch'>,
  { after, points = [] }: AuditQuestion,
  take: (batch: AuditBatch) => void,
): Promise<{ head: AuditPoint; dropped: AuditPoint; unchecked: AuditPoint[] }> {
  const known = after === undefined ? points : [after, ...points]
  let chain: AuditChain | undefined
  let idle = 0
  for (let page = 0; page < MAX_PAGES; page++) {
    const before: AuditPoint | undefined = chain?.end ?? after
    const { head, batches } = await readPage(enclave, before?.events ?? 0)
    checkHead(head, known)
    if (before !== undefined && before.events < head.dropped.events)
      throw new RefusedError(
        'ERR_AUDIT_GAP',
        `events ${before.events + 1} to ${head.dropped.events} are not held any more: what comes now does not continue event ${before.events}`,
      )
    chain ??= new AuditChain(beginning(head, batches[0], after))
    const reached = chain.end.events
    for (const batch of batches) {
      // Segments are sent whole: of one that is known in part the rest is new
      if (batch.after < chain.end.events) continue
      const followed = await chain.follow(batch)
      checkPoints(chain.end, followed, known)
      if (followed.after >= (after?.events ?? 0)) take(followed)
    }
    const { end } = chain
    if (end.events < head.events && end.events === reached)
      throw new RefusedError(
        'ERR_AUDIT_INCOMPLETE',
        `the head counts ${head.events} events, and behind event ${end.events} nothing came`,
      )
    if (end.events === head.events) {
      if (end.hash !== head.hash)
        throw new RefusedError(
          'ERR_AUDIT_CHAIN',
          `the head is ${head.hash}, and what came up to event ${end.events} has ${end.hash}`,
        )
      idle = end.events === reached ? idle + 1 : 0
      if (head.waiting === 0 || idle >= MAX_IDLE)
        return {
          head: { events: head.events, hash: head.hash },
          dropped: head.dropped,
          unchecked: known.filter(({ events }) => events < head.dropped.events),
        }
    }
  }
  throw new RefusedError('ERR_AUDIT_INCOMPLETE', `${MAX_PAGES} answers had no end`)
}

// Where the first answer begins: with the oldest that is held, with what is known, or with the segment that what is known lies in.
function beginning(head: Head, first: ParsedBatch | undefined, after: AuditPoint | undefined): AuditPoint {
  if (after === undefined) return head.dropped
  if (first === undefined || first.after >= after.events) return after
  return { events: first.after, hash: first.previous }
}

function checkHead(head: Head, known: AuditPoint[]): void {
  for (const point of known) {
    if (point.events > head.events)
      throw new RefusedError(
        'ERR_AUDIT_BEHIND',
        `the enclave has ${head.events} events, and ${point.events} were seen before`,
      )
    for (const at of [head, head.dropped])
      if (point.events === at.events && point.hash !== at.hash) throw contradicts(point, at.hash)
  }
}

function checkPoints(end: AuditPoint, batch: AuditBatch, known: AuditPoint[]): void {
  for (const point of known) {
    if (point.events === end.events && point.hash !== end.hash) throw contradicts(point, end.hash)
    if (point.events > batch.after && point.events < end.events)
      throw new RefusedError('ERR_AUDIT_CHAIN', `event ${point.events} ended a batch, and does not any more`)
  }
}

function contradicts(point: AuditPoint, hash: string): RefusedError {
  return new RefusedError(
    'ERR_AUDIT_CHAIN',
    `up to event ${point.events} the chain had ${point.hash}, and now it has ${hash}`,
  )
}

async function readPage(
  enclave: Pick<Enclave, 'fetch'>,
  after: number,
): Promise<{ head: Head; batches: ParsedBatch[] }> {
  const response = await enclave.fetch(`${PATH}?after=${after}`)
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (response.status !== 200)
    throw new RefusedError('ERR_AUDIT_REFUSED', `the enclave answered ${response.status} to ${PATH}`)
  const end = bytes.indexOf(NEWLINE)
  if (end < 0 || end > MAX_HEAD_BYTES) throw syntax('no head')
  const { events, hash, dropped, droppedHash, waiting } = object(
    new TextDecoder('utf-8', { fatal: true }),
    bytes.subarray(0, end),
  )
  if (!isCount(events) || !isHash(hash) || !isCount(dropped) || !isHash(droppedHash) || !isCount(waiting))
    throw syntax('no head')
  if (dropped > events) throw syntax('more is dropped than there was')
  return {
    head: { events, hash, dropped: { events: dropped, hash: droppedHash }, waiting },
    batches: parseAuditBatches(bytes.subarray(end + 1)),
  }
}

function object(text: TextDecoder, bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text.decode(bytes))
  } catch {
    throw syntax('a line is no JSON')
  }
  if (typeof value !== 'object' || value === null) throw syntax('a line is no object')
  return value as Record<string, unknown>
}

function decode(text: TextDecoder, bytes: Uint8Array): string {
  try {
    return text.decode(bytes)
  } catch {
    throw syntax('an event is no UTF-8')
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function syntax(message: string): RefusedError {
  return new RefusedError('ERR_AUDIT_ANSWER', `this is no audit of a Kubernetes enclave: ${message}`)
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
