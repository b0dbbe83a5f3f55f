// What is told of keys: headers of a ciphertext, one version as JSON, and the owner's lists. Nothing of a KEK is here.
import { zeroise } from '../../mem/bytes'
import { answer } from '../../sdk/response'
import { Span } from '../../sdk/span'
import { Scan } from '../../sdk/store'
import { TextWriter } from '../../sdk/text-writer'
import { keyIdOf, writeHex } from './key-id'
import { MEASUREMENT_BYTES } from './measurement'
import { currentEntry, Entry, nameOf, ringPrefix, versionsIn } from './ring'

const JSON_TYPE = 'content-type: application/json\n'
const SCAN_BATCH = 8

const text = new TextWriter()
const hex = memory.data(96)

/** `kms-key-id`, `kms-key-version` and `kms-measurement`, the hex of PCR0. */
export function keyHeaders(entry: Entry): string {
  const keyId = keyIdOf(entry.hash).text()
  return 'kms-key-id: ' + keyId + '\nkms-key-version: ' + entry.version.toString() + '\nkms-measurement: ' + measurementOf(entry).text() + '\n'
}

export function showEntry(id: u32, status: i32, entry: Entry): i32 {
  text.clear()
  writeEntry(entry)
  text.ascii('\n')
  return answer(id, status, JSON_TYPE, text.at, text.length)
}

/** All versions of the ring that is open, oldest first. */
export function listVersions(id: u32, count: usize): i32 {
  text.clear().ascii('{"versions":[')
  for (let i: usize = 0; i < count; i++) {
    if (i > 0) text.ascii(',')
    writeEntry(new Entry(i))
  }
  text.ascii(']}\n')
  return answer(id, 200, JSON_TYPE, text.at, text.length)
}

export function listNames(id: u32): i32 {
  const scan = new Scan(ringPrefix(), new Span(0, 0), SCAN_BATCH)
  text.clear().ascii('{"keys":[')
  let first = true
  while (scan.next()) {
    text.ascii(first ? '{"name":"' : ',{"name":"').span(nameOf(scan.key)).ascii('","versions":').number(versionsIn(scan.value)).ascii('}')
    zeroise(scan.value.at, scan.value.length)
    first = false
  }
  text.ascii(']}\n')
  return answer(id, 200, JSON_TYPE, text.at, text.length)
}

function writeEntry(entry: Entry): void {
  const state = !entry.isUsable ? 'retired' : entry.version == currentEntry().version ? 'current' : 'previous'
  text.ascii('{"keyId":"').span(keyIdOf(entry.hash)).ascii('","version":').number(entry.version).ascii(',"state":"' + state + '"')
  text.ascii(',"createdMs":').number(entry.createdMs).ascii(',"measurement":"').span(measurementOf(entry)).ascii('"}')
}

function measurementOf(entry: Entry): Span {
  writeHex(hex, entry.measurement, MEASUREMENT_BYTES)
  return new Span(hex, 2 * MEASUREMENT_BYTES)
}
