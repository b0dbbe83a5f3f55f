// The keys behind a cluster's etcd encryption: KMS v2's three calls and what their owner does with the keys, under /v1/keys/NAME. The keys
// are made here and leave in no answer; the plugin (host/kms-plugin) relays. Users may `status`, `encrypt` and `decrypt`; only owners may
// `rotate`, `retire` and list. The name `default` has a key from the start; a release of other code rotates every key once, because
// a key_id names the code that made it. Every failure to open is one code and one message.
import { ROLE_OWNER } from '../../abi/channel'
import { STATUS_AGAIN, STATUS_OK, STATUS_QUOTA } from '../../abi/status'
import { zeroise } from '../../mem/bytes'
import { collect } from '../../sdk/entry'
import { Request } from '../../sdk/request'
import { answer, answerError, outcome } from '../../sdk/response'
import { Span } from '../../sdk/span'
import { Scan } from '../../sdk/store'
import { eraseOpened, holdsSelfTest, open, seal } from './envelope'
import { parseKeyId } from './key-id'
import { MAX_CIPHERTEXT_BYTES, MAX_NAME_BYTES, MAX_NAMES, MAX_PLAINTEXT_BYTES } from '../../abi/kms-provider'
import { keyHeaders, listNames, listVersions, showEntry } from './listing'
import { askMeasurement, isMeasured, isOurs, learnMeasurement } from './measurement'
import { closeRing, currentEntry, Entry, findEntry, isDue, nameOf, openRing, retire, ringPrefix, ROTATE_FULL, rotate } from './ring'

export { allocate, wasmclave_abi } from '../../sdk/entry'

const ROOT = '/v1/keys'
const KEY_ID = 'kms-key-id'
const BYTES = 'content-type: application/octet-stream\n'
const DEFAULT_NAME = memory.data<u8>([0x64, 0x65, 0x66, 0x61, 0x75, 0x6c, 0x74]) // "default"
const DEFAULT_NAME_BYTES: usize = 7

const SCAN_BATCH = 8

/** Every key was made by this code, or could not be made anew. */
let settled = false

export function handle(request: u32, pointer: usize, length: usize): i32 {
  collect()
  const status = route(new Request(request, pointer))
  closeRing()
  return outcome(status)
}

export function attested(ticket: u32, pointer: usize, length: usize): void {
  collect()
  if (learnMeasurement(ticket, pointer, length)) settle()
  closeRing()
}

export function tick(): i32 {
  collect()
  const status = isMeasured() ? settle() : STATUS_OK
  askMeasurement()
  closeRing()
  return status
}

function route(request: Request): i32 {
  const id = request.id
  const path = request.path
  if (!path.begins(ROOT)) return notFound(id)
  const rest = path.cut(ROOT.length, path.length)
  if (rest.length == 0) return showNames(request)
  if (load<u8>(rest.at) != 0x2f) return notFound(id)
  const behind = rest.cut(1, rest.length)
  const slash = behind.find(0x2f)
  const name = slash < 0 ? behind : behind.cut(0, slash)
  if (!isName(name)) return answerError(id, 400, 'ERR_KEY_NAME', 'a name has 1 to 63 letters a to z, digits and hyphens')
  const verb = slash < 0 ? new Span(0, 0) : behind.cut(slash + 1, behind.length)
  if (slash < 0 || verb.is('status')) {
    if (!request.method.is('GET')) return wrongMethod(id, 'GET')
    if (verb.length > 0) return showStatus(id, name)
    return isOwner(request) ? showVersions(id, name) : ownerOnly(id)
  }
  const owners = verb.is('rotate') || verb.is('retire')
  if (!owners && !verb.is('encrypt') && !verb.is('decrypt')) return notFound(id)
  if (!request.method.is('POST')) return wrongMethod(id, 'POST')
  if (!owners) return verb.is('encrypt') ? encrypt(request, name) : decrypt(request, name)
  if (!isOwner(request)) return ownerOnly(id)
  return verb.is('rotate') ? rotateKey(id, name) : retireKey(request, name)
}

function showNames(request: Request): i32 {
  if (!request.method.is('GET')) return wrongMethod(request.id, 'GET')
  return isOwner(request) ? listNames(request.id) : ownerOnly(request.id)
}

function encrypt(request: Request, name: Span): i32 {
  const id = request.id
  const body = request.body
  if (body.length < 1 || body.length > <usize>MAX_PLAINTEXT_BYTES) return answerError(id, 400, 'ERR_PLAINTEXT_LENGTH', 'a plaintext has 1 to 995 bytes')
  if (openRing(name) == 0) return unknownName(id)
  // A plugin names the key that it has told its cluster, so that a rotation in between changes nothing under its feet.
  const wanted = request.header(KEY_ID)
  const entry = wanted === null ? currentEntry() : entryOf(wanted)
  if (entry === null) return unknownKey(id)
  if (!entry.isUsable) return retired(id)
  if (wanted === null && !isOurs(entry.measurement)) return unsettled(id)
  const ciphertext = seal(entry, body)
  zeroise(body.at, body.length)
  return answer(id, 200, BYTES + keyHeaders(entry), ciphertext.at, ciphertext.length)
}

function decrypt(request: Request, name: Span): i32 {
  const id = request.id
  const body = request.body
  const wanted = request.header(KEY_ID)
  if (wanted === null) return answerError(id, 400, 'ERR_KEY_ID_MISSING', 'the header kms-key-id names the key')
  if (body.length < 1 || body.length > <usize>MAX_CIPHERTEXT_BYTES) return answerError(id, 400, 'ERR_CIPHERTEXT_LENGTH', 'a ciphertext has 1 to 1024 bytes')
  if (openRing(name) == 0) return unknownName(id)
  const entry = entryOf(wanted)
  if (entry === null) return unknownKey(id)
  if (!entry.isUsable) return retired(id)
  const plaintext = open(entry, body)
  if (plaintext === null) return answerError(id, 400, 'ERR_OPEN_FAILED', 'the ciphertext does not open')
  const status = answer(id, 200, BYTES, plaintext.at, plaintext.length)
  eraseOpened()
  return status
}

function showStatus(id: u32, name: Span): i32 {
  if (openRing(name) == 0) return isMeasured() ? unknownName(id) : unsettled(id)
  const entry = currentEntry()
  if (!entry.isUsable) return retired(id)
  if (!isOurs(entry.measurement)) return unsettled(id)
  if (!holdsSelfTest(entry)) return answerError(id, 500, 'ERR_KEY_SELF_TEST', 'the key does not open what it sealed')
  return showEntry(id, 200, entry)
}

function showVersions(id: u32, name: Span): i32 {
  const count = openRing(name)
  return count == 0 ? unknownName(id) : listVersions(id, count)
}

function rotateKey(id: u32, name: Span): i32 {
  if (!isMeasured()) return unsettled(id)
  if (openRing(name) == 0 && namesAreFull()) return answerError(id, 409, 'ERR_KEY_NAMES', 'as many names are there as there may be')
  const version = rotate(name)
  if (version == ROTATE_FULL) return answerError(id, 409, 'ERR_KEY_VERSIONS', 'as many versions are there as there may be: retire one')
  if (version < 0) return notWritten(id, version)
  return showEntry(id, 201, currentEntry())
}

function retireKey(request: Request, name: Span): i32 {
  const id = request.id
  const wanted = request.header(KEY_ID)
  if (wanted === null) return answerError(id, 400, 'ERR_KEY_ID_MISSING', 'the header kms-key-id names the key')
  if (openRing(name) == 0) return unknownName(id)
  const entry = entryOf(wanted)
  if (entry === null) return unknownKey(id)
  if (entry.version == currentEntry().version && request.parameter('current') === null)
    return answerError(id, 409, 'ERR_KEY_CURRENT', 'the key is current: rotate first, or say so')
  const version = retire(name, entry)
  settled = false // there may be room now for a version that could not be made
  return version < 0 ? notWritten(id, version) : showEntry(id, 200, entry)
}

// One name a call: the first key of `default`, then a new version of whatever other code made. A key that its owner has retired stays so.
function settle(): i32 {
  if (settled) return STATUS_OK
  const first = new Span(DEFAULT_NAME, DEFAULT_NAME_BYTES)
  let due: Span | null = openRing(first) == 0 ? first : null
  const scan = new Scan(ringPrefix(), new Span(0, 0), SCAN_BATCH)
  while (due === null && scan.next()) {
    if (isDue(scan.value)) due = nameOf(scan.key)
    zeroise(scan.value.at, scan.value.length)
  }
  if (due === null) {
    settled = true
    return STATUS_OK
  }
  openRing(due)
  return rotate(due) < 0 ? STATUS_AGAIN : STATUS_OK
}

// Whether names are as many as there may be.
function namesAreFull(): bool {
  const scan = new Scan(ringPrefix(), new Span(0, 0), SCAN_BATCH)
  let names = 0
  while (scan.next()) {
    zeroise(scan.value.at, scan.value.length)
    names++
  }
  return names >= MAX_NAMES
}

function entryOf(keyId: Span): Entry | null {
  const hash = parseKeyId(keyId)
  return hash == 0 ? null : findEntry(hash)
}

function isName(name: Span): bool {
  if (name.length < 1 || name.length > <usize>MAX_NAME_BYTES) return false
  for (let i: usize = 0; i < name.length; i++) {
    const c = load<u8>(name.at + i) // SAFETY: i < length
    const hyphen = c == 0x2d && i > 0 && i + 1 < name.length
    if (!hyphen && !(c >= 0x61 && c <= 0x7a) && !(c >= 0x30 && c <= 0x39)) return false
  }
  return true
}

function isOwner(request: Request): bool {
  return request.role == ROLE_OWNER
}

function notFound(id: u32): i32 {
  return answerError(id, 404, 'ERR_NOT_FOUND', 'keys are under /v1/keys/NAME')
}

function wrongMethod(id: u32, allowed: string): i32 {
  return answerError(id, 405, 'ERR_METHOD', 'this path takes ' + allowed, 'allow: ' + allowed + '\n')
}

function ownerOnly(id: u32): i32 {
  return answerError(id, 403, 'ERR_OWNER_ONLY', 'owners alone may do this')
}

function unknownName(id: u32): i32 {
  return answerError(id, 404, 'ERR_KEY_NAME_UNKNOWN', 'no key has this name')
}

function unknownKey(id: u32): i32 {
  return answerError(id, 404, 'ERR_KEY_UNKNOWN', 'no version of this name has this key_id')
}

function retired(id: u32): i32 {
  return answerError(id, 409, 'ERR_KEY_RETIRED', 'the key version is retired')
}

function unsettled(id: u32): i32 {
  if (settled) return answerError(id, 409, 'ERR_KEY_VERSIONS', 'other code made the key, and there is no room for a new version: retire one')
  return answerError(id, 503, 'ERR_KEY_UNSETTLED', 'the key is still to be made by this code')
}

function notWritten(id: u32, version: i64): i32 {
  if (version == STATUS_AGAIN) return STATUS_AGAIN // another request is writing it: this one runs again, behind it
  if (version == STATUS_QUOTA) return answerError(id, 507, 'ERR_QUOTA', 'the store is full')
  return answerError(id, 500, 'ERR_KEY_WRITE', 'the key was not written')
}
