// Answers: whole, as JSON errors, or begun and streamed.
import { respond, stream } from './calls'

/** Headers are "name: value\n" lines, names lower-case. @returns a status of the kernel */
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

/** Sends a head and first bytes; `more` goes on with it until its end. */
export function begin(request: u32, status: i32, headers: string, body: usize, length: usize, end: bool): i32 {
  const head = String.UTF8.encode(headers)
  return respond(request, status, changetype<usize>(head), head.byteLength, body, length, end ? 1 : 0)
}

export function more(request: u32, text: string, end: bool): i32 {
  const body = String.UTF8.encode(text)
  return stream(request, changetype<usize>(body), body.byteLength, end ? 1 : 0)
}
