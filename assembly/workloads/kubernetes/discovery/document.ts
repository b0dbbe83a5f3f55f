// A document that changes only with the resources: written when it is first asked for, and kept with its hash outside of the collected heap.
import { MAX_STREAM_BUFFER } from '../../../abi/limits'
import { sha256 } from '../../../sdk/calls'
import { Request } from '../../../sdk/request'
import { TextWriter } from '../../../sdk/text-writer'
import { sendLong } from '../verbs/spool'
import { begin, body } from '../http/response'

const HASH_BYTES = 32

export class Document {
  /** Lower-case hexadecimal SHA-256 of its bytes. */
  hash: string = ''
  private at: usize
  private length: usize

  /** Keeps a copy of what was written. */
  constructor(written: TextWriter) {
    this.length = written.length
    this.at = heap.alloc(written.length)
    memory.copy(this.at, written.at, written.length) // SAFETY: of that length
    const digest = new Uint8Array(HASH_BYTES)
    sha256(this.at, this.length, digest.dataStart)
    let hash = ''
    for (let i = 0; i < HASH_BYTES; i++) hash += (digest[i] < 16 ? '0' : '') + digest[i].toString(16)
    this.hash = hash
  }

  /** It is not sent again. */
  free(): void {
    heap.free(this.at)
  }

  /** 304 to who has it, RFC 9110 section 13.1.2. */
  send(request: Request, type: string, cacheControl: string): i32 {
    const tag = '"' + this.hash + '"'
    const extra = 'etag: ' + tag + '\nvary: Accept\n'
    const known = request.header('if-none-match')
    if (known && known.trim().is(tag)) return begin(request.id, 304, type, extra, 0, 0, true, cacheControl)
    if (this.length <= <usize>MAX_STREAM_BUFFER / 2) return begin(request.id, 200, type, extra, this.at, this.length, true, cacheControl)
    return sendLong(request.id, 200, type, page().raw(this.at, this.length), true, extra, cacheControl)
  }
}

/** The server's common writer, empty. */
export function page(): TextWriter {
  return body.clear()
}

export function writeList(out: TextWriter, items: string[]): void {
  out.ascii('[')
  for (let i = 0; i < items.length; i++) out.ascii((i > 0 ? ',"' : '"') + items[i] + '"')
  out.ascii(']')
}
