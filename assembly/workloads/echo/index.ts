// Any body back, with its content type: for measuring.
import { STATUS_OK } from '../../abi/status'
import { respond } from '../../sdk/calls'

export { allocate, wasmclave_abi } from '../../sdk/entry'

const HEADER_BYTES: usize = 52

// Straight over the layout of abi/README.md: no object is made a request, so there is nothing to collect.
export function handle(request: u32, pointer: usize, length: usize): i32 {
  const headers = pointer + HEADER_BYTES + load<u32>(pointer) + load<u32>(pointer, 4)
  const headersLength = <usize>load<u32>(pointer, 8)
  const type = contentType(headers, headersLength)
  const typeLength = type == 0 ? <usize>0 : lineLength(type, headers + headersLength)
  const status = respond(request, 200, type, typeLength, headers + headersLength, load<u32>(pointer, 12), 1)
  return status < STATUS_OK ? status : STATUS_OK
}

/** The line that begins with "content-type:", or 0. */
function contentType(headers: usize, length: usize): usize {
  const end = headers + length
  for (let line = headers; line < end; line += lineLength(line, end)) {
    // "content-", "type", ": "
    const found = end - line > 14 && load<u64>(line) == 0x2d746e65746e6f63 && load<u32>(line, 8) == 0x65707974 && load<u16>(line, 12) == 0x203a
    if (found) return line
  }
  return 0
}

function lineLength(line: usize, end: usize): usize {
  let at = line
  while (at < end && load<u8>(at) != 0x0a) at++
  return at + 1 - line
}
