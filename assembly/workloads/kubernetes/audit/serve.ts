// GET /audit/events?after=N: what is held behind event N, for an owner's own channel alone: no role, token or impersonation opens it. One JSON
// object a line: the head, then segments as they lie, each from its first batch on, up to about a megabyte; the client asks on behind what it has.
import { ROLE_OWNER } from '../../../abi/channel'
import { STATUS_QUOTA } from '../../../abi/status'
import { Request } from '../../../sdk/request'
import { TextWriter } from '../../../sdk/text-writer'
import { isImpersonated, subject } from '../auth/asker'
import { fail, failMethod } from '../http/failure'
import { decimal, query } from '../http/query'
import { body, send, sendFailure } from '../http/response'
import { batchNow, writeHash } from './batches'
import { waitingCount } from './entries'
import { head, readHead } from './head'
import { auditRefusal, auditRequest } from './index'
import { storeReads, waitingReads } from './reads'
import { readSegment, segmentAfter, segmentText } from './segments'

export const AUDIT_PATH = '/audit/events'
const PAGE_BYTES: usize = 1048576

export function serveAudit(request: Request): i32 {
  if (!isOwner(request)) {
    auditRequest(request, 'get', null)
    auditRefusal(true)
    fail(403, 'Forbidden', 'forbidden: User "' + subject().name + '" cannot get path "' + AUDIT_PATH + '": it is for owners, by a channel of their own').emptyDetails()
    return sendFailure(request.id)
  }
  if (!request.method.is('GET')) {
    failMethod()
    return sendFailure(request.id)
  }
  const asked = query(request, 'after')
  const after = asked ? decimal(asked) : 0
  if (after < 0) {
    fail(400, 'BadRequest', 'after is the number of an event')
    return sendFailure(request.id)
  }
  // What was acknowledged before this is in it
  const stored = storeReads()
  if (stored < 0 && stored != STATUS_QUOTA) return stored
  const made = batchNow()
  if (made < 0) return made
  readHead()
  writeAudit(body.clear(), <u64>after)
  return send(request.id, 200, 'application/x-ndjson', body.at, body.length)
}

function isOwner(request: Request): bool {
  return request.role == ROLE_OWNER && !request.header('authorization') && !isImpersonated()
}

function writeAudit(out: TextWriter, after: u64): void {
  out.ascii('{"events":').number(head.events).ascii(',"hash":"')
  writeHash(out, head.hash)
  out.ascii('","dropped":').number(head.dropped).ascii(',"droppedHash":"')
  writeHash(out, head.droppedHash)
  // Entries that a batch has taken by now are counted too: a client that asks once more learns that
  out.ascii('","waiting":').number(<u64>waitingCount() + (waitingReads() > 0 ? 1 : 0)).ascii('}\n')
  for (let number = segmentBehind(after); number < head.next && out.length < PAGE_BYTES; number++) {
    if (!readSegment(number)) continue
    out.span(segmentText())
  }
}

// The last segment that begins at or before it, the first that is held where none does: they are in the order of their events.
function segmentBehind(after: u64): u64 {
  if (after >= head.events) return head.next
  let low = head.first
  let high = head.next
  while (high - low > 1) {
    const middle = low + ((high - low) >> 1)
    if (readSegment(middle) && segmentAfter() <= after) low = middle
    else high = middle
  }
  return low
}
