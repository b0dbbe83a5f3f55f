// Answers: whole, as JSON errors, or begun and streamed. Each returns a status of the kernel.
import { STATUS_CLOSED } from '../abi/status'
import { respond } from './calls'

/** Headers are "name: value\n" lines, names lower-case. */
export function answer(request: u32, status: i32, headers: string, body: usize, length: usize): i32 {
  return begin(request, status, headers, body, length, true)
}

export function answerText(request: u32, status: i32, headers: string, text: string): i32 {
  const body = String.UTF8.encode(text)
  return answer(request, status, headers, changetype<usize>(body), body.byteLength)
}

/** {"error": code, "message": message}; both are the workload's own words. */
export function answerError(request: u32, status: i32, code: string, message: string, headers: string = ''): i32 {
  return answerText(request, status, headers + 'content-type: application/json\n', '{"error":"' + code + '","message":"' + message + '"}\n')
}

/** Sends a head and first bytes; `stream` goes on with it until its end. */
export function begin(request: u32, status: i32, headers: string, body: usize, length: usize, end: bool): i32 {
  const head = String.UTF8.encode(headers)
  return respond(request, status, changetype<usize>(head), head.byteLength, body, length, end ? 1 : 0)
}

/** What `handle` returns for the status of an answer: a client that has gone undoes nothing, an answer that could not be given does. */
export function outcome(status: i32): i32 {
  return status == STATUS_CLOSED ? 0 : min(status, 0)
}
