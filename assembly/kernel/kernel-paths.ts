// What the kernel answers itself, under /.wasmclave/: the owner's enrolment of users, and what an owner may see and decide of the store. The
// workload never sees these paths.
import { ROLE_OWNER } from '../abi/channel'
import { STATUS_AGAIN, STATUS_NOT_FOUND, STATUS_QUOTA } from '../abi/status'
import { Writer } from '../codec/writer'
import { space } from './calls'
import { trackRequest } from './dispatch'
import { BODY_LENGTH_AT, REQUEST_HEADER_BYTES, tokenAt, writeResponseHead } from './heads'
import { Held, HELD_END, HELD_HEAD } from './held'
import { hasStore } from './launch'
import { submit } from './store/commit'
import { acceptHead, isStale, showHeads } from './store/stale'
import { writeToken } from './store/token'
import { endStream, Stream } from './stream'
import { dismiss, enrol, listUsers } from './users'

const PREFIX = '/.wasmclave/'
const USERS = '/.wasmclave/users'
const HEADS = '/.wasmclave/store/heads'
const ACCEPT = '/.wasmclave/store/accept'
const KEY_BYTES: usize = 32
const KEY_HEX: usize = 64
const HEADERS_LENGTH_AT: usize = 8

const key = memory.data(32, 16)
const head = new Writer(512)
const body = new Writer(1024)
const keys = new Writer(1024)
const jsonHeader = new Writer(64)
jsonHeader.ascii('content-type: application/json\n')

/** @returns whether the path was the kernel's; then it is answered, or will be */
export function handleKernelPath(stream: Stream): bool {
  const buffer = stream.buffer
  if (!buffer) return false
  const methodLength = <usize>load<u32>(buffer.at)
  const pathLength = <usize>load<u32>(buffer.at, 4)
  const method = buffer.at + REQUEST_HEADER_BYTES
  const path = method + methodLength
  if (!begins(path, pathLength, PREFIX)) return false
  // Who brings an Authorization is whom that names, not who opened the channel (PROTOCOLS 8); here nobody but the channel has a name
  const headers = path + pathLength
  if (stream.session.role != ROLE_OWNER || hasAuthorization(headers, headers + <usize>load<u32>(buffer.at, HEADERS_LENGTH_AT))) answerError(stream, 403, 'ERR_OWNER_ONLY', 'these paths are for owners')
  else if (is(path, pathLength, HEADS)) {
    if (!is(method, methodLength, 'GET')) answerError(stream, 405, 'ERR_METHOD', 'GET shows the heads')
    else if (!hasStore) noStore(stream)
    else showHeads(stream, body)
  } else if (is(path, pathLength, ACCEPT)) {
    if (!is(method, methodLength, 'POST')) answerError(stream, 405, 'ERR_METHOD', 'POST accepts a head')
    else if (!hasStore) noStore(stream)
    else acceptHead(stream, path + pathLength + <usize>load<u32>(buffer.at, HEADERS_LENGTH_AT), <usize>load<u32>(buffer.at, BODY_LENGTH_AT))
  } else users(stream, method, methodLength, path, pathLength)
  return true
}

// Lines "name: value\n", names lower-case.
function hasAuthorization(at: usize, end: usize): bool {
  while (at < end) {
    if (begins(at, end - at, 'authorization:')) return true
    while (at < end && load<u8>(at) != 0x0a) at++ // SAFETY: at < end
    at++
  }
  return false
}

/** A JSON error, and the end of the stream. */
export function answerError(stream: Stream, status: u32, code: string, message: string): void {
  body.clear()
  body.ascii('{"error":"' + code + '","message":"' + message + '"}')
  answerJson(stream, status, body)
}

/** JSON, and the end of the stream; with the token of the head as it stands, where a write is acknowledged. */
export function answerJson(stream: Stream, status: u32, json: Writer, withToken: bool = false): void {
  writeResponseHead(head, status, jsonHeader.at, jsonHeader.length, withToken)
  if (withToken) writeToken(head.at + tokenAt)
  stream.sendHead(head.at, head.length, json.at, json.length, true)
  endStream(stream)
}

/** Appends lower-case hex. */
export function hexOf(out: Writer, at: usize, length: usize): void {
  for (let i: usize = 0; i < length; i++) {
    const value = load<u8>(at + i)
    out.byte(digit(value >> 4))
    out.byte(digit(value & 15))
  }
}

function noStore(stream: Stream): void {
  answerError(stream, 404, 'ERR_STORE_NONE', 'this enclave has no store')
}

function users(stream: Stream, method: usize, methodLength: usize, path: usize, pathLength: usize): void {
  const behind = pathLength - <usize>USERS.length
  if (!begins(path, pathLength, USERS) || (behind > 0 && load<u8>(path + USERS.length) != 0x2f))
    return answerError(stream, 404, 'ERR_PATH_NOT_FOUND', 'the kernel has no such path')
  if (isStale()) return answerError(stream, 503, 'ERR_STORE_STALE', 'the store may not be the newest; an owner must accept it')
  if (behind == 0) {
    if (!is(method, methodLength, 'GET')) return answerError(stream, 405, 'ERR_METHOD', 'GET lists the users')
    return showUsers(stream)
  }
  if (behind != KEY_HEX + 1 || !readKey(path + USERS.length + 1))
    return answerError(stream, 400, 'ERR_USER_KEY', 'a user is an Ed25519 key of 64 hex digits')
  let version: i64
  if (is(method, methodLength, 'PUT')) version = enrol(key)
  else if (is(method, methodLength, 'DELETE')) version = dismiss(key)
  else return answerError(stream, 405, 'ERR_METHOD', 'PUT enrols a user, DELETE removes one')
  if (version < 0) {
    space.rollback()
    if (version == STATUS_NOT_FOUND) return answerError(stream, 404, 'ERR_USER_NOT_FOUND', 'no such user')
    if (version == STATUS_AGAIN) return answerError(stream, 503, 'ERR_STORE_BUSY', 'the same is being written; try again')
    if (version == STATUS_QUOTA) return answerError(stream, 507, 'ERR_QUOTA', 'the store is full')
    return answerError(stream, 507, 'ERR_USER_COUNT', 'there are as many users as there may be')
  }
  answerWhenWritten(stream)
}

// 204, as soon as what is written in the open transaction is durable.
function answerWhenWritten(stream: Stream): void {
  const request = trackRequest(stream)
  const transaction = space.take()
  if (!transaction) return
  writeResponseHead(head, 204, 0, 0, hasStore)
  const held = new Held()
  held.add(request, HELD_HEAD | HELD_END, tokenAt, head.at, head.length, 0, 0)
  transaction.held = held
  stream.headClaimed = true
  stream.endClaimed = true
  stream.hold(0)
  stream.releaseRequest()
  submit(transaction, request)
}

function showUsers(stream: Stream): void {
  keys.clear()
  listUsers(keys)
  body.clear()
  body.ascii('{"users":[')
  for (let at: usize = 0; at < keys.length; at += KEY_BYTES) {
    body.ascii(at == 0 ? '"' : ',"')
    hexOf(body, keys.at + at, KEY_BYTES)
    body.ascii('"')
  }
  body.ascii(']}')
  answerJson(stream, 200, body)
}

function digit(value: u8): u32 {
  return value < 10 ? 0x30 + value : 0x61 + value - 10
}

function readKey(at: usize): bool {
  for (let i: usize = 0; i < 32; i++) {
    const high = nibble(load<u8>(at + 2 * i))
    const low = nibble(load<u8>(at + 2 * i + 1))
    if ((high | low) < 0) return false
    store<u8>(key + i, <u8>((high << 4) | low))
  }
  return true
}

function nibble(c: u8): i32 {
  if (c >= 0x30 && c <= 0x39) return c - 0x30
  if (c >= 0x61 && c <= 0x66) return c - 0x61 + 10
  return -1
}

function begins(at: usize, length: usize, text: string): bool {
  return length >= <usize>text.length && is(at, text.length, text)
}

function is(at: usize, length: usize, text: string): bool {
  if (length != <usize>text.length) return false
  for (let i = 0; i < text.length; i++) if (load<u8>(at + i) != <u8>text.charCodeAt(i)) return false // SAFETY: i < length
  return true
}
