// Why a request is refused: a metav1.Status, kept until it is answered. Functions that can refuse say `return fail…()`, which is false or
// null for their caller; the texts are those that a kube-apiserver gives.
import { TextWriter } from '../../../sdk/text-writer'
import { writeText } from '../json/writer'
import { Resource } from '../resources/table'

export class Cause {
  constructor(public reason: string, public message: string, public field: string) {}
}

export class Failure {
  name: string = ''
  group: string = ''
  kind: string = ''
  uid: string = ''
  causes: Cause[] = []
  retryAfterSeconds: i32 = 0
  /** `details` is there even when it is empty. */
  hasDetails: bool = false
  /** Where to go on, of a list that is too old. */
  continueToken: string = ''
  constructor(public code: i32, public reason: string, public message: string) {}

  about(resource: Resource, name: string): this {
    return this.aboutNamed(resource.group, resource.resource, name)
  }

  aboutNamed(group: string, kind: string, name: string): this {
    this.group = group
    this.kind = kind
    this.name = name
    this.hasDetails = true
    return this
  }

  emptyDetails(): this {
    this.hasDetails = true
    return this
  }

  because(reason: string, message: string, field: string): this {
    this.causes.push(new Cause(reason, message, field))
    return this
  }
}

export let failure: Failure | null = null

export function clearFailure(): void {
  failure = null
}

export function fail(code: i32, reason: string, message: string): Failure {
  const made = new Failure(code, reason, message)
  failure = made
  return made
}

export function failBadRequest(message: string): Failure {
  return fail(400, 'BadRequest', message)
}

export function failNotFound(resource: Resource, name: string): Failure {
  return fail(404, 'NotFound', resource.qualified + ' "' + name + '" not found').about(resource, name)
}

export function failUnknownResource(): Failure {
  return fail(404, 'NotFound', 'the server could not find the requested resource').emptyDetails()
}

export function failMethod(): Failure {
  return fail(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource').emptyDetails()
}

export function failAlreadyExists(resource: Resource, name: string): Failure {
  return fail(409, 'AlreadyExists', resource.qualified + ' "' + name + '" already exists').about(resource, name)
}

export function failModified(resource: Resource, name: string): Failure {
  return fail(409, 'Conflict', 'Operation cannot be fulfilled on ' + resource.qualified + ' "' + name + '": the object has been modified; please apply your changes to the latest version and try again').about(resource, name)
}

export function failTooLarge(limitBytes: i32): Failure {
  return fail(413, 'RequestEntityTooLarge', 'Request entity too large: limit is ' + limitBytes.toString())
}

/** For later: the client comes again by itself. */
export function failTooMany(message: string): Failure {
  const made = fail(429, 'TooManyRequests', message)
  made.retryAfterSeconds = 1
  return made.emptyDetails()
}

export function writeFailure(out: TextWriter, failure: Failure): void {
  out.ascii('{"kind":"Status","apiVersion":"v1","metadata":{')
  if (failure.continueToken.length > 0) out.ascii('"continue":"' + failure.continueToken + '"')
  out.ascii('},"status":"Failure","message":')
  writeText(out, failure.message)
  if (failure.reason.length > 0) out.ascii(',"reason":"' + failure.reason + '"')
  if (failure.hasDetails) writeDetails(out, failure)
  out.ascii(',"code":').number(failure.code).ascii('}\n')
}

function writeDetails(out: TextWriter, failure: Failure): void {
  out.ascii(',"details":{')
  const start = out.length
  writeMember(out, start, 'name', failure.name)
  writeMember(out, start, 'group', failure.group)
  writeMember(out, start, 'kind', failure.kind)
  writeMember(out, start, 'uid', failure.uid)
  const causes = failure.causes
  if (causes.length > 0) {
    out.ascii(out.length > start ? ',"causes":[' : '"causes":[')
    for (let i = 0; i < causes.length; i++) {
      out.ascii(i > 0 ? ',{' : '{')
      const begun = out.length
      writeMember(out, begun, 'reason', causes[i].reason)
      writeMember(out, begun, 'message', causes[i].message)
      writeMember(out, begun, 'field', causes[i].field)
      out.ascii('}')
    }
    out.ascii(']')
  }
  if (failure.retryAfterSeconds > 0) out.ascii((out.length > start ? ',' : '') + '"retryAfterSeconds":').number(failure.retryAfterSeconds)
  out.ascii('}')
}

function writeMember(out: TextWriter, start: usize, name: string, value: string): void {
  if (value.length == 0) return
  out.ascii((out.length > start ? ',"' : '"') + name + '":')
  writeText(out, value)
}
