// OpenAPI v2 of no paths and no definitions: kubectl downloads it before it patches, finds no schema there, and goes by its own.
import { Request } from '../../../sdk/request'
import { TextWriter } from '../../../sdk/text-writer'
import { Document, page } from './document'
import { PLAIN_VERSION } from './version'

/** With a dot where Accept has @: Go's media types have no other letter there. */
const PROTOBUF_TYPE = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

let json: Document | null = null
let protobuf: Document | null = null

export function sendOpenApiV2(request: Request): i32 {
  const accept = request.header('accept')
  if (accept && accept.begins('application/json')) {
    if (!json) json = new Document(page().ascii('{"swagger":"2.0","info":{"title":"Kubernetes","version":"' + PLAIN_VERSION + '"},"paths":{}}\n'))
    return json!.send(request, 'application/json', 'no-cache, private')
  }
  if (!protobuf) protobuf = new Document(writeProtobuf())
  return protobuf!.send(request, PROTOBUF_TYPE, 'no-cache, private')
}

// openapi.v2.Document (gnostic): 1 swagger, 2 info {1 title, 2 version}, 8 paths {}, 9 definitions {}
function writeProtobuf(): TextWriter {
  const out = page().byte(0x0a).byte(3).ascii('2.0')
  out.byte(0x12).byte(21).byte(0x0a).byte(10).ascii('Kubernetes').byte(0x12).byte(7).ascii(PLAIN_VERSION)
  return out.byte(0x42).byte(0).byte(0x4a).byte(0)
}
