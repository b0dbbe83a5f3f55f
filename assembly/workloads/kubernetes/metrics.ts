// Metrics in the Prometheus text format, for the owner alone: requests by verb, resource and code, watches, history and objects. Nothing is
// said of how long a request took: the clock of an enclave stands still during one.
import { Span } from '../../sdk/span'
import { Scan } from '../../sdk/store'
import { TextWriter } from '../../sdk/text-writer'
import { body, send } from './http/response'
import { auditedEvents } from './audit/index'
import { storedResources } from './resources/table'
import { collectionPrefix } from './storage/key'
import { historyBytes, nextSequence, oldest } from './watch/history'
import { watcherCount } from './watch/watchers'

/** By verb, resource and code: bounded by the table, for what is counted is known. */
const counts: Map<string, u64> = new Map()
const sums: Map<string, i64> = new Map()

export function countRequest(verb: string, resource: string, code: i32): void {
  const key = 'code="' + code.toString() + '",resource="' + resource + '",verb="' + verb + '"'
  counts.set(key, counts.has(key) ? counts.get(key) + 1 : 1)
}

export function sendMetrics(request: u32): i32 {
  const out = body.clear()
  family(out, 'apiserver_request_total', 'counter', 'Requests by verb, resource and code.')
  const keys = counts.keys()
  for (let i = 0; i < keys.length; i++) out.ascii('apiserver_request_total{' + keys[i] + '} ').number(counts.get(keys[i])).byte(0x0a)
  family(out, 'apiserver_longrunning_requests', 'gauge', 'Watches that are open.')
  out.ascii('apiserver_longrunning_requests{verb="WATCH"} ').number(watcherCount()).byte(0x0a)
  family(out, 'apiserver_watch_history_events', 'gauge', 'Events that a watch can resume from.')
  out.ascii('apiserver_watch_history_events ').number(nextSequence - oldest).byte(0x0a)
  family(out, 'apiserver_watch_history_bytes', 'gauge', 'What they take.')
  out.ascii('apiserver_watch_history_bytes ').number(historyBytes()).byte(0x0a)
  family(out, 'apiserver_audit_event_total', 'counter', 'Events of the audit.')
  out.ascii('apiserver_audit_event_total ').number(auditedEvents).byte(0x0a)
  family(out, 'apiserver_storage_objects', 'gauge', 'Objects in the store.')
  sums.clear()
  for (let i = 0; i < storedResources.length; i++) {
    const scan = new Scan(collectionPrefix(storedResources[i], new Span(0, 0)), new Span(0, 0), 256)
    let objects: i64 = 0
    let bytes: i64 = 0
    while (scan.next()) {
      objects++
      bytes += scan.key.length + scan.value.length
    }
    sums.set(storedResources[i].qualified, bytes)
    out.ascii('apiserver_storage_objects{resource="' + storedResources[i].qualified + '"} ').number(objects).byte(0x0a)
  }
  family(out, 'apiserver_storage_size_bytes', 'gauge', 'What they take in the store.')
  for (let i = 0; i < storedResources.length; i++)
    out.ascii('apiserver_storage_size_bytes{resource="' + storedResources[i].qualified + '"} ').number(sums.get(storedResources[i].qualified)).byte(0x0a)
  return send(request, 200, 'text/plain; version=0.0.4; charset=utf-8', out.at, out.length)
}

function family(out: TextWriter, name: string, type: string, help: string): void {
  out.ascii('# HELP ' + name + ' ' + help + '\n# TYPE ' + name + ' ' + type + '\n')
}
