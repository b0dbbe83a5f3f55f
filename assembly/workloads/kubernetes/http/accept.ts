// What form an answer takes: the first entry of Accept that can be served (RFC 9110 section 12.5.1, without weights, as the real server
// takes them in order). Protobuf, YAML and CBOR are not served; clients that ask for them name JSON too.
import { Request } from '../../../sdk/request'
import { Span } from '../../../sdk/span'

export const FORM_JSON = 0
export const FORM_TABLE = 1
export const FORM_METADATA = 2
/** Nothing of what is accepted can be served. */
export const FORM_NONE = -1

const COMMA: u8 = 0x2c
const SEMICOLON: u8 = 0x3b

export function acceptedForm(request: Request): i32 {
  const header = request.header('accept')
  if (!header || header.trim().length == 0) return FORM_JSON
  let rest = header
  while (true) {
    const comma = rest.find(COMMA)
    const form = formOf((comma < 0 ? rest : rest.cut(0, comma)).trim())
    if (form != FORM_NONE) return form
    if (comma < 0) return FORM_NONE
    rest = rest.cut(comma + 1, rest.length)
  }
}

function formOf(entry: Span): i32 {
  let semicolon = entry.find(SEMICOLON)
  const type = (semicolon < 0 ? entry : entry.cut(0, semicolon)).trim()
  if (!type.is('application/json') && !type.is('*/*') && !type.is('application/*')) return FORM_NONE
  let form = FORM_JSON
  let group = true
  let version = true
  while (semicolon >= 0) {
    entry = entry.cut(semicolon + 1, entry.length)
    semicolon = entry.find(SEMICOLON)
    const parameter = (semicolon < 0 ? entry : entry.cut(0, semicolon)).trim()
    if (parameter.begins('as=')) {
      if (parameter.is('as=Table')) form = FORM_TABLE
      else if (parameter.is('as=PartialObjectMetadata') || parameter.is('as=PartialObjectMetadataList')) form = FORM_METADATA
      else return FORM_NONE
    } else if (parameter.begins('g=')) group = parameter.is('g=meta.k8s.io')
    else if (parameter.begins('v=')) version = parameter.is('v=v1')
  }
  return form == FORM_JSON || (group && version) ? form : FORM_NONE
}

/** Whether the body is of this media type, parameters aside. */
export function contentTypeIs(request: Request, type: string): bool {
  const header = request.header('content-type')
  if (!header) return false
  const semicolon = header.find(SEMICOLON)
  return (semicolon < 0 ? header : header.cut(0, semicolon)).trim().is(type)
}
