// DELETE of a collection: answers the list of what was deleted. What does not fit one transaction goes on in ticks, and the answer comes
// when all is done.
import { STATUS_AGAIN, STATUS_OK } from '../../../abi/status'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { auditBegun, auditEnded } from '../audit/index'
import { Unfinished } from '../audit/event'
import { Call } from '../http/call'
import { failTooMany } from '../http/failure'
import { writeObject } from '../http/render'
import { body, JSON_TYPE, sendFailure } from '../http/response'
import { Resource } from '../resources/table'
import { readSelectors, Selectors } from '../select/selectors'
import { collectionPrefix } from '../storage/key'
import { currentResourceVersion, hasWritten, mustRetry } from '../storage/store'
import { resets } from '../watch/history'
import { readDeleteOptions } from './delete-options'
import { sendLong } from './spool'
import { Sweep } from './sweep'

const MAX_JOBS = 16
/** Of {"kind":"","apiVersion":"", */
const HEAD_CHARACTERS = 27

class Job {
  after: Uint8Array = new Uint8Array(0)
  items: TextWriter = new TextWriter()
  resets: i32 = resets
  audit: Unfinished | null = null
  policy: string = ''
  constructor(public request: u32, public resource: Resource, public prefix: Uint8Array, public selectors: Selectors) {}
}

let jobs: Job[] = []

export function deleteCollection(call: Call): i32 {
  const options = readDeleteOptions(call)
  const selectors = new Selectors()
  if (!options || !readSelectors(call, selectors)) return sendFailure(call.id)
  const prefix = collectionPrefix(call.resource, call.namespace)
  const sweep = new Sweep()
  sweep.policy = options.policy
  sweep.run(call.resource, prefix, new Span(0, 0), selectors, call.dryRun)
  if (sweep.failed) return mustRetry ? STATUS_AGAIN : hasWritten() ? -1 : sendFailure(call.id)
  if (!sweep.more) {
    const items = new TextWriter()
    writeItems(items, call.resource, sweep)
    return answer(call.id, call.resource, items)
  }
  if (jobs.length >= MAX_JOBS) {
    // Nothing may stay of it: the transaction is dropped with a negative answer, so the client is told to come again
    if (call.dryRun) {
      failTooMany('other collections are being deleted')
      return sendFailure(call.id)
    }
    return -1
  }
  const job = new Job(call.id, call.resource, copyOf(prefix), call.dryRun ? new Selectors() : selectors)
  writeItems(job.items, call.resource, sweep)
  if (call.dryRun) return answer(call.id, call.resource, job.items)
  job.audit = auditBegun()
  if (!job.audit) return STATUS_AGAIN
  job.after = copyOf(sweep.last)
  job.policy = options.policy
  jobs.push(job)
  return STATUS_OK
}

export function hasJobs(): bool {
  return jobs.length > 0
}

/** A tick's share of the oldest job. @returns a negative status where the tick's transaction cannot go on */
export function continueJobs(): i32 {
  if (jobs.length == 0) return STATUS_OK
  const job = jobs[0]
  if (job.resets != resets) {
    // Some of it may have come to nothing: from the beginning
    job.resets = resets
    job.after = new Uint8Array(0)
  }
  const sweep = new Sweep()
  sweep.policy = job.policy
  sweep.run(job.resource, Span.of(job.prefix), Span.of(job.after), job.selectors, false)
  if (sweep.failed) return -1
  const audit = job.audit
  if (audit && !sweep.more && auditEnded(audit) < 0) return -1
  writeItems(job.items, job.resource, sweep)
  job.after = copyOf(sweep.last)
  if (sweep.more) return STATUS_OK
  jobs.shift()
  answer(job.request, job.resource, job.items)
  return STATUS_OK
}

/** The client has gone: what is done is done. */
export function dropJob(request: u32): void {
  for (let i = 0; i < jobs.length; i++) {
    if (jobs[i].request != request) continue
    heap.free(jobs[i].items.at)
    jobs.splice(i, 1)
    return
  }
}

function writeItems(out: TextWriter, resource: Resource, sweep: Sweep): void {
  const head = <usize>(HEAD_CHARACTERS + resource.kind.length + resource.groupVersion.length)
  for (let i = 0; i < sweep.records.length; i++) {
    out.byte(out.length > 0 ? 0x2c : 0x20)
    if (resource.custom) {
      writeObject(out, sweep.records[i], resource)
      continue
    }
    out.byte(0x7b)
    sweep.records[i].writeFrom(out, head)
  }
}

function answer(request: u32, resource: Resource, items: TextWriter): i32 {
  body.clear().ascii('{"kind":"' + resource.listKind + '","apiVersion":"' + resource.groupVersion + '","metadata":{"resourceVersion":"').number(currentResourceVersion())
  body.ascii('"},"items":[').raw(items.at, items.length).ascii(']}\n')
  heap.free(items.at)
  return sendLong(request, 200, JSON_TYPE, body, true)
}

function copyOf(span: Span): Uint8Array {
  const copy = new Uint8Array(<i32>span.length)
  memory.copy(copy.dataStart, span.at, span.length) // SAFETY: of that length
  return copy
}
