// What nitro launched this kernel with: who owns the enclave, and the records whose digests go to PCR16-18. Read once, at boot.
import { STORE_ID_BYTES } from '../abi/store'
import { CborReader } from '../codec/cbor-reader'
import { jsonField, jsonHex, JsonSpan, jsonStringAt, jsonStringCount } from '../codec/json'
import { Writer } from '../codec/writer'
import { ed25519Verify } from '../crypto/ed25519'
import { copy } from '../mem/bytes'
import { LABEL_GRANT } from './labels'
import { storeId } from './store/keys'

const MAX_GRANTS = 1000
const MAX_OWNERS = 16
const OWNER_BYTES: usize = 32

export let grantChain: usize = 0
export let grantChainLength: usize = 0
export let admissionRecord: usize = 0
export let admissionRecordLength: usize = 0
export let bootRecord: usize = 0
export let bootRecordLength: usize = 0
export let attestCallerKey: bool = false
export let enclaveId: usize = 0
export let enclaveIdLength: usize = 0
export let grantVersion: u64 = 0
export let securityVersion: u64 = 0
/** The grant names a KMS: what is written is sealed and kept. Without one, it lives in this memory and ends with it. */
export let hasStore: bool = false
/** Ed25519, of the KMS that the newest grant names. */
export const kmsKey = memory.data(32, 16)

const owners = memory.data(512, 16) // MAX_OWNERS keys
let ownerCount = 0

/**
 * Reads [enclave id, image manifest, grant chain, admission record, boot record]; what is kept is copied.
 * @returns false unless it parses, the grants are signed by their owners, and the image is of the workload that was granted
 */
export function readLaunch(at: usize, length: usize): bool {
  const reader = new CborReader(at, at + length)
  reader.array(5)
  reader.text()
  enclaveIdLength = reader.length
  enclaveId = kept(reader)
  reader.bytes()
  const manifest = reader.at
  const manifestLength = reader.length
  reader.bytes()
  grantChainLength = reader.length
  grantChain = kept(reader)
  reader.bytes()
  admissionRecordLength = reader.length
  admissionRecord = kept(reader)
  reader.bytes()
  bootRecordLength = reader.length
  bootRecord = kept(reader)
  if (!reader.done()) return false
  const security = jsonField(admissionRecord, admissionRecordLength, 'securityVersion')
  if (security !== null && security.uint() > 0) securityVersion = <u64>security.uint()
  const caller = jsonField(manifest, manifestLength, 'attestCallerKey')
  attestCallerKey = caller !== null && caller.isTrue()
  return readGrants(manifest, manifestLength)
}

/** Whether this Ed25519 key is an owner's, by the newest grant. */
export function isOwner(key: usize): bool {
  for (let i = 0; i < ownerCount; i++) if (memory.compare(owners + <usize>i * OWNER_BYTES, key, OWNER_BYTES) == 0) return true // public keys
  return false
}

export function recordsLength(): usize {
  return grantChainLength + admissionRecordLength + bootRecordLength
}

/** The three preimages of PCR16-18, as they travel in B2 and with evidence. */
export function writeRecords(out: Writer): void {
  out.cborBytes(grantChain, grantChainLength)
  out.cborBytes(admissionRecord, admissionRecordLength)
  out.cborBytes(bootRecord, bootRecordLength)
}

function kept(reader: CborReader): usize {
  const at = heap.alloc(reader.length)
  copy(at, reader.at, reader.length)
  return at
}

// Version 1 is signed by one of its own owners, each later one by an owner of the version before (PROTOCOLS 2).
function readGrants(manifest: usize, manifestLength: usize): bool {
  const reader = new CborReader(grantChain, grantChain + grantChainLength)
  const count = reader.arrayUpTo(MAX_GRANTS)
  if (count == 0) return false
  for (let i = 0; i < count; i++) {
    reader.array(2)
    reader.bytes()
    const grant = reader.at
    const grantLength = reader.length
    reader.bytesOf(64)
    if (reader.failed) return false
    if (i == 0 && !readOwners(grant, grantLength)) return false
    if (!signedByOwner(grant, grantLength, reader.at)) return false
    if (!readOwners(grant, grantLength)) return false
    const version = jsonField(grant, grantLength, 'version')
    if (version === null || version.uint() != i + 1) return false
    if (i + 1 < count) continue
    grantVersion = <u64>count
    if (!grantsWorkload(grant, grantLength, manifest, manifestLength) || !grantsStore(grant, grantLength)) return false
  }
  return reader.done()
}

function readOwners(grant: usize, length: usize): bool {
  const list = jsonField(grant, length, 'owners')
  if (list === null) return false
  const count = jsonStringCount(list)
  if (count < 1 || count > MAX_OWNERS) return false
  ownerCount = count
  for (let i = 0; i < count; i++) {
    const key = jsonStringAt(list, i)
    if (key === null || !jsonHex(key, owners + <usize>i * OWNER_BYTES, OWNER_BYTES)) return false // SAFETY: i < MAX_OWNERS
  }
  return true
}

function signedByOwner(grant: usize, length: usize, signature: usize): bool {
  const message = new Writer(length + 32)
  message.ascii(LABEL_GRANT)
  message.raw(grant, length)
  let valid = false
  for (let i = 0; i < ownerCount && !valid; i++)
    valid = ed25519Verify(owners + <usize>i * OWNER_BYTES, message.at, message.length, signature)
  message.free()
  return valid
}

// Without a KMS there is no store: on a development host alone, which nitro and every client see to.
function grantsStore(grant: usize, length: usize): bool {
  const field = jsonField(grant, length, 'kmsKey')
  if (field === null) return true
  const text = field.text()
  if (text === null) return field.length == 4 // null
  const id = jsonField(grant, length, 'storeId')
  if (id === null) return false
  const idText = id.text()
  if (idText === null || !jsonHex(text, kmsKey, 32) || !jsonHex(idText, storeId, STORE_ID_BYTES)) return false
  hasStore = true
  return true
}

function grantsWorkload(grant: usize, grantLength: usize, manifest: usize, manifestLength: usize): bool {
  const granted = jsonField(grant, grantLength, 'workloadName')
  const workload = jsonField(manifest, manifestLength, 'workload')
  if (granted === null || workload === null) return false
  const name = jsonField(workload.at, workload.length, 'name')
  return name !== null && (<JsonSpan>granted).equals(<JsonSpan>name)
}
