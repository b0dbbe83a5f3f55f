// A store of which nobody can say that it is the newest (PROTOCOLS 5): put back, forked, or ahead of a register that was put back. Nothing is
// served; an owner may look at the heads and accept the one that lies here, by a signature over both. Loss before leak.
import { BLAME_KERNEL, FAULT_KERNEL } from '../../abi/fault'
import { PHASE_MEASURED, PHASE_SERVING, PHASE_STALE } from '../../abi/phase'
import { STORE_ID_BYTES } from '../../abi/store'
import { CLOSE_GONE } from '../../abi/wire'
import { jsonField, jsonHex, JsonSpan } from '../../codec/json'
import { Writer } from '../../codec/writer'
import { ed25519Verify } from '../../crypto/ed25519'
import { requests, trackRequest } from '../dispatch'
import { fault } from '../faults'
import { answerError, answerJson, hexOf } from '../kernel-paths'
import { LABEL_ACCEPT } from '../labels'
import { current, enter } from '../phases'
import { endSession, Session, sessions, STATE_OPEN } from '../session'
import { Stream } from '../stream'
import { commitAcceptance, isIdle, refuseAll } from './commit'
import { head } from './current'
import { HASH_BYTES } from './head'
import { storeId } from './keys'
import { register } from './register'
import { tokenGeneration, tokenLineage } from './token'

/** The highest generation that a valid token has shown. */
let tokenSeen: u64 = 0
/** And the highest history. */
let lineageSeen: u64 = 0
/** The workload was made before the store became stale. */
let wasServing = false
/** Handle of the request that waits for its acceptance. */
let acceptance: u32 = 0

const signatureBytes = memory.data(64)
const named = memory.data(32)
const statement = new Writer(256)
const accepted = new Writer(1024)

export function isStale(): bool {
  return current == PHASE_STALE
}

/** At boot: store and register do not fit. */
export function openedStale(): void {
  enter(PHASE_STALE)
}

/** A client has shown a token of a head that is not here. From now on nobody is served, but for owners who decide. */
export function tokenIsAhead(token: usize, shownBy: Session): void {
  tokenSeen = max(tokenSeen, tokenGeneration(token))
  lineageSeen = max(lineageSeen, tokenLineage)
  if (current != PHASE_SERVING) return
  wasServing = true
  enter(PHASE_STALE)
  refuseAll('ERR_STORE_STALE', 'a client knows a newer state of this store')
  const all = sessions.values()
  for (let i = 0; i < all.length; i++) if (all[i] != shownBy && all[i].state == STATE_OPEN) endSession(all[i], CLOSE_GONE)
}

/** GET /.wasmclave/store/heads. */
export function showHeads(stream: Stream, out: Writer, withToken: bool = false): void {
  out.clear()
  out.ascii('{"stale":' + (isStale() ? 'true' : 'false') + ',"storeId":"')
  hexOf(out, storeId, STORE_ID_BYTES)
  out.ascii('","register":{"generation":' + register.generation.toString() + ',"head":"')
  hexOf(out, register.hash, HASH_BYTES)
  out.ascii('"},"offered":{"generation":' + head.generation.toString() + ',"head":"')
  hexOf(out, head.hash, HASH_BYTES)
  out.ascii('","previous":"')
  hexOf(out, head.previous, HASH_BYTES)
  out.ascii('","records":' + head.count.toString() + '},"tokenGeneration":' + tokenSeen.toString() + ',"accepted":[')
  for (let i = 0; i < head.marks.length; i++) {
    const mark = head.marks[i]
    out.ascii((i == 0 ? '' : ',') + '{"generation":' + mark.generation.toString() + ',"offered":{"generation":' + mark.offeredGeneration.toString() + ',"head":"')
    hexOf(out, mark.offeredHash, HASH_BYTES)
    out.ascii('"},"register":{"generation":' + mark.registerGeneration.toString() + ',"head":"')
    hexOf(out, mark.registerHash, HASH_BYTES)
    out.ascii('"},"lineage":' + mark.lineage.toString() + '}')
  }
  out.ascii(']}')
  answerJson(stream, 200, out, withToken)
}

/** POST /.wasmclave/store/accept {"offered","register","signature"}, in hex: the caller's own, over both heads. */
export function acceptHead(stream: Stream, body: usize, length: usize): void {
  if (!isStale()) return answerError(stream, 409, 'ERR_STORE_NOT_STALE', 'this store is the newest; there is nothing to accept')
  if (acceptance != 0 || !isIdle()) return answerError(stream, 409, 'ERR_STORE_BUSY', 'a commit is under way')
  if (!names(body, length, 'offered', head.hash) || !names(body, length, 'register', register.hash))
    return answerError(stream, 409, 'ERR_STORE_HEADS', 'these are not the heads that are shown now')
  const signature = hexField(body, length, 'signature')
  statement.clear()
  statement.ascii(LABEL_ACCEPT)
  statement.raw(storeId, STORE_ID_BYTES)
  statement.u64(register.generation)
  statement.raw(register.hash, HASH_BYTES)
  statement.u64(head.generation)
  statement.raw(head.hash, HASH_BYTES)
  const signed =
    signature !== null && jsonHex(<JsonSpan>signature, signatureBytes, 64) && ed25519Verify(stream.session.user, statement.at, statement.length, signatureBytes)
  if (!signed) return answerError(stream, 403, 'ERR_STORE_SIGNATURE', 'the acceptance is not signed by the owner who sends it')
  acceptance = trackRequest(stream)
  commitAcceptance(max(lineageSeen, head.lineage()) + 1)
}

/** The commit of an acceptance has ended. */
export function acceptanceEnded(written: bool): void {
  const request = acceptance
  acceptance = 0
  if (written) enter(wasServing ? PHASE_SERVING : PHASE_MEASURED)
  else if (current != PHASE_STALE) fault(FAULT_KERNEL, BLAME_KERNEL)
  if (!requests.has(request)) return
  const stream = requests.get(request)
  if (written) showHeads(stream, accepted, true)
  else answerError(stream, 503, 'ERR_STORE_NOT_WRITTEN', 'the store did not take it; nothing is accepted')
}

function names(body: usize, length: usize, field: string, hash: usize): bool {
  const value = hexField(body, length, field)
  return value !== null && jsonHex(<JsonSpan>value, named, HASH_BYTES) && memory.compare(named, hash, HASH_BYTES) == 0 // public
}

function hexField(body: usize, length: usize, field: string): JsonSpan | null {
  const value = jsonField(body, length, field)
  return value === null ? null : (<JsonSpan>value).text()
}
