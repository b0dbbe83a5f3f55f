// What the kernel answers itself, under /.wasmclave/: the owner's enrolment of users. The workload never sees these paths.
import { ROLE_OWNER } from '../abi/channel'
import { Writer } from '../codec/writer'
import { store32 } from '../mem/bytes'
import { REQUEST_HEADER_BYTES } from './heads'
import { endSessionsOf } from './session'
import { endStream, Stream } from './stream'
import { dismiss, enrol, userAt, userCount } from './users'

const PREFIX = '/.wasmclave/'
const USERS = '/.wasmclave/users'
const KEY_HEX: usize = 64

const key = memory.data(32, 16)
const head = new Writer(256)
const body = new Writer(1024)

/** @returns whether the path was the kernel's; then it is answered */
export function handleKernelPath(stream: Stream): bool {
  const buffer = stream.buffer
  if (!buffer) return false
  const methodLength = <usize>load<u32>(buffer.at)
  const pathLength = <usize>load<u32>(buffer.at, 4)
  const method = buffer.at + REQUEST_HEADER_BYTES
  const path = method + methodLength
  if (!begins(path, pathLength, PREFIX)) return false
  const behind = pathLength - <usize>USERS.length
  if (!begins(path, pathLength, USERS) || (behind > 0 && load<u8>(path + USERS.length) != 0x2f))
    answerError(stream, 404, 'ERR_PATH_NOT_FOUND', 'the kernel has no such path')
  else if (stream.session.role != ROLE_OWNER) answerError(stream, 403, 'ERR_OWNER_ONLY', 'users are enrolled by an owner')
  else if (behind == 0) {
    if (!is(method, methodLength, 'GET')) answerError(stream, 405, 'ERR_METHOD', 'GET lists the users')
    else listUsers(stream)
  } else users(stream, method, methodLength, path + USERS.length, behind)
  return true
}

/** A JSON error, and the end of the stream. */
export function answerError(stream: Stream, status: u32, code: string, message: string): void {
  body.clear()
  body.ascii('{"error":"' + code + '","message":"' + message + '"}')
  answer(stream, status)
}

function users(stream: Stream, method: usize, methodLength: usize, rest: usize, restLength: usize): void {
  if (restLength != KEY_HEX + 1 || !readKey(rest + 1))
    return answerError(stream, 400, 'ERR_USER_KEY', 'a user is an Ed25519 key of 64 hex digits')
  if (is(method, methodLength, 'PUT')) {
    if (!enrol(key)) return answerError(stream, 507, 'ERR_USER_COUNT', 'there are as many users as there may be')
  } else if (is(method, methodLength, 'DELETE')) {
    if (!dismiss(key)) return answerError(stream, 404, 'ERR_USER_NOT_FOUND', 'no such user')
    endSessionsOf(key)
  } else return answerError(stream, 405, 'ERR_METHOD', 'PUT enrols a user, DELETE removes one')
  body.clear()
  answer(stream, 204)
}

function listUsers(stream: Stream): void {
  body.clear()
  body.ascii('{"users":[')
  for (let i = 0; i < userCount(); i++) {
    body.ascii(i == 0 ? '"' : ',"')
    for (let j = 0; j < 32; j++) hexByte(load<u8>(userAt(i) + j))
    body.ascii('"')
  }
  body.ascii(']}')
  answer(stream, 200)
}

function answer(stream: Stream, status: u32): void {
  head.clear()
  head.grow(4)
  head.cborArray(2)
  head.cborUint(status)
  if (body.length == 0) head.cborArray(0)
  else {
    head.cborArray(1)
    head.cborArray(2)
    head.cborAscii('content-type')
    head.cborAscii('application/json')
  }
  store32(head.at, <u32>(head.length - 4))
  stream.sendHead(head.at, head.length, body.at, body.length, true)
  endStream(stream)
}

function hexByte(value: u8): void {
  body.byte(digit(value >> 4))
  body.byte(digit(value & 15))
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
