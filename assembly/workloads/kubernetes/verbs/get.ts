// GET of one object. The most frequent request: its bytes go out as they are stored.
import { JSON_TYPE, send, sendFailure } from '../http/response'
import { Call } from '../http/call'
import { failNotFound } from '../http/failure'
import { checkNotNewer } from '../http/resource-version'
import { sendObject } from '../http/render'
import { FORM_JSON } from '../http/accept'
import { readRecord, readText, textAt, textLength } from '../storage/store'

export function getObject(call: Call): i32 {
  if (!checkNotNewer(call)) return sendFailure(call.id)
  if (call.form == FORM_JSON && !call.resource.custom) {
    if (readText(call.resource, call.namespace, call.name)) return send(call.id, 200, JSON_TYPE, textAt, textLength)
  } else {
    const record = readRecord(call.resource, call.namespace, call.name)
    if (record) return sendObject(call, 200, record)
  }
  failNotFound(call.resource, call.name.text())
  return sendFailure(call.id)
}
