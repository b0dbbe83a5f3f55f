// The definitions that are served: made from the store when the workload begins, and again whenever a definition has changed and that is
// durable. Until then others see the old ones; what comes to nothing was never seen.
import { STATUS_AGAIN } from '../../../abi/status'
import { put } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { Scan } from '../../../sdk/store'
import { TextWriter } from '../../../sdk/text-writer'
import { resetArena } from '../json/arena'
import { parse } from '../json/parser'
import { definitions as resource, Resource, setCustomResources } from '../resources/table'
import { collectionPrefix, keyName } from '../storage/key'
import { RecordView, versionOf } from '../storage/record'
import { lostVersion, refresh, settledVersion } from '../storage/store'
import { resets } from '../watch/history'
import { beginReads } from './object'
import { buildDefinition, Definition } from './definition'
import { compareVersions } from './version-order'

/** In the order of their names. */
export let definitions: Definition[] = []

let isLoaded = false
/** Newest transaction that wrote a definition, while its fate is not known. */
let pending: u64 = 0
let knownLost: u64 = 0
let knownResets = 0

/** A definition has been written, in a transaction that may still come to nothing. */
export function definitionsChanged(resourceVersion: u64): void {
  pending = max(pending, versionOf(resourceVersion))
}

/** To be called when a call of the workload begins: it uses the arena, and gives back what schemas took. */
export function refreshDefinitions(): void {
  beginReads()
  if (isLoaded && pending == 0 && knownResets == resets) return
  refresh()
  if (isLoaded && knownResets == resets && settledVersion < pending && lostVersion == knownLost) return
  if (settledVersion >= pending) pending = 0
  knownLost = lostVersion
  knownResets = resets
  isLoaded = true
  load_()
}

const text = new TextWriter()
/** All that is needed from one definition to the next: the collector knows no stack, and nobody above has made anything yet. */
let found: Definition[] = []
let scan: Scan = new Scan(new Span(0, 0), new Span(0, 0), 1)
const record = new RecordView()

// What has not changed stays as it is.
function load_(): void {
  found = []
  scan = new Scan(collectionPrefix(resource, new Span(0, 0)), new Span(0, 0), 4)
  while (scan.next()) {
    record.read(scan.value.at, scan.value.length, scan.version)
    const known = find(keyName(scan.key, resource).text())
    if (known && known.resourceVersion == record.resourceVersion) {
      found.push(known)
      continue
    }
    record.write(text.clear())
    const root = parse(text.at, text.length)
    if (root) found.push(buildDefinition(root, record.resourceVersion, text.length))
    resetArena()
    // What schemas are made from is much more than what is left of them
    __collect()
  }
  text.shrink()
  for (let i = 0; i < definitions.length; i++) if (!found.includes(definitions[i])) definitions[i].retire()
  definitions = found
  found = []
  announce()
}

function find(name: string): Definition | null {
  for (let i = 0; i < definitions.length; i++) if (definitions[i].name == name) return definitions[i]
  return null
}

// By group; within it the version that clients prefer comes first.
function announce(): void {
  const served: Resource[] = []
  const stored: Resource[] = []
  for (let i = 0; i < definitions.length; i++) {
    stored.push(definitions[i].stored)
    for (let j = 0; j < definitions[i].served.length; j++) served.push(definitions[i].served[j])
  }
  served.sort((a, b) => {
    if (a.group != b.group) return a.group < b.group ? -1 : 1
    if (a.version != b.version) return compareVersions(a.version, b.version)
    return a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0
  })
  setCustomResources(served, stored)
}

/** What the others take: as text and compiled. */
export function bytesBesides(name: string, compiled: bool): usize {
  let bytes: usize = 0
  for (let i = 0; i < definitions.length; i++)
    if (definitions[i].name != name) bytes += compiled ? definitions[i].region.bytes : definitions[i].textBytes
  return bytes
}

/** Of the store: no resource has the id 0. */
const LOCK_NAME = memory.data<u8>([0, 0x64]) // "d"

/** Definitions are written one at a time: which names are free, and how much room there is, nobody else decides meanwhile. @returns false where the call is to run again */
export function lockDefinitions(): bool {
  return put(LOCK_NAME, 2, LOCK_NAME, 1) != STATUS_AGAIN
}
