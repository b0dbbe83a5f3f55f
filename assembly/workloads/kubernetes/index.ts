// A Kubernetes API server for Namespaces, ConfigMaps, Secrets, ServiceAccounts, Events, Leases and roles, as kubectl and client libraries ask
// it: https://kubernetes.io/docs/reference/using-api/api-concepts. Who asks is who opened the channel, or whom a token of this very server
// names (auth/asker.ts).
import { STATUS_AGAIN, STATUS_OK, STATUS_TOO_LARGE } from '../../abi/status'
import { random, time } from '../../sdk/calls'
import { collect } from '../../sdk/entry'
import { Request } from '../../sdk/request'
import { outcome } from '../../sdk/response'
import { aggregateRoles } from './auth/aggregation'
import { addDefaultRoles } from './auth/defaults'
import { makeSigningKey } from './auth/signing-key'
import './schema/kinds'
import { cleanUpDefinitions } from './custom/cleanup'
import { refreshDefinitions } from './custom/registry'
import { collectGarbage } from './garbage/collect'
import { clearFailure, fail, failTooMany } from './http/failure'
import { clearIssues } from './http/issues'
import { body, clearWarnings, sendFailure } from './http/response'
import { resetArena } from './json/arena'
import { seedHash } from './json/parser'
import { addFirstNamespaces } from './namespaces/content'
import { emptyNamespaces } from './namespaces/emptying'
import { route } from './route'
import { beginTransaction, countAsSeen, hasWritten } from './storage/store'
import { auditTick, beginAudit, openAudit } from './audit/index'
import { auditHasWritten } from './audit/entries'
import { makeTokenKey } from './verbs/continue'
import { continueJobs, dropJob } from './verbs/delete-collection'
import { dropSpool, flushSpools } from './verbs/spool'
import { clearChanges } from './watch/changes'
import { resets, settleHistory } from './watch/history'
import { dropWatcher, publish, pump, tickWatchers } from './watch/watchers'

export { allocate, wasmclave_abi } from '../../sdk/entry'

/** What every store begins with is there; `readyResets`: unless it came to nothing. */
let ready = false
let readyResets = 0

export function init(): i32 {
  const seed = memory.data(4, 4)
  random(seed, 4)
  seedHash(load<u32>(seed))
  return STATUS_OK
}

export function handle(id: u32, pointer: usize, length: usize): i32 {
  begin()
  const request = new Request(id, pointer)
  let madeFirst = false
  if (!ready || readyResets != resets) {
    if (time() == 0) {
      fail(503, 'ServiceUnavailable', 'the enclave does not know the time yet')
      return outcome(sendFailure(id))
    }
    settleHistory()
    const opened = openAudit()
    if (opened < 0) return opened
    if (!makeTokenKey() || !makeSigningKey() || !addFirstNamespaces() || !addDefaultRoles()) return STATUS_AGAIN
    countAsSeen()
    madeFirst = hasWritten()
  }
  let status = outcome(route(request))
  if (status == STATUS_TOO_LARGE && !hasWritten()) {
    // The kernel holds as much as it may
    failTooMany('too many answers are under way, please try again later')
    status = outcome(sendFailure(id))
  }
  if (status < 0) return status
  // Until they are durable others do not see the first namespaces: they write them too, and so run again behind this one.
  ready = !madeFirst
  readyResets = resets
  publish()
  if (!hasWritten() && !auditHasWritten()) {
    flushSpools()
    pump()
  }
  return STATUS_OK
}

export function tick(): i32 {
  begin()
  settleHistory()
  let status = emptyNamespaces()
  if (status == STATUS_OK && !hasWritten()) status = cleanUpDefinitions()
  if (status == STATUS_OK && !hasWritten()) status = continueJobs()
  if (status == STATUS_OK && !hasWritten()) status = aggregateRoles()
  if (status == STATUS_OK && !hasWritten()) status = collectGarbage()
  if (status < 0) return status
  publish()
  if (hasWritten()) return STATUS_OK
  status = auditTick()
  if (status < 0) return status
  // Where the audit writes, what is sent waits for that: bookmarks and ends of watches may, and go with it should it come to nothing
  if (!auditHasWritten()) {
    flushSpools()
    pump()
  }
  tickWatchers()
  return STATUS_OK
}

export function closed(request: u32): void {
  dropWatcher(request)
  dropSpool(request)
  dropJob(request)
}

/** A reader has made room: what waits for it goes on. */
export function drained(request: u32): void {
  begin()
  flushSpools()
  pump()
}

function begin(): void {
  collect()
  resetArena()
  refreshDefinitions()
  clearFailure()
  clearIssues()
  clearWarnings()
  clearChanges()
  beginTransaction()
  beginAudit()
  body.shrink()
}
