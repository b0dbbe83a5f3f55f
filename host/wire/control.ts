/**
 * What nitro and the parent say to each other over the control pipe: CBOR arrays that begin with their type, in frames of type 0.
 * Nitro reads the parent's side as hostile: shape and sizes are checked here, once; a message that does not fit is an error.
 */
import { RefusedError } from '../errors.ts'
import { type Cbor, decodeCbor, encodeCbor } from './cbor.ts'
import { encodeFrame, FrameReader } from './frame.ts'

/** A chunk of an upload is the largest thing that passes, with room for its envelope. */
export const MAX_CONTROL_MESSAGE = 1048576 + 256
export const MAX_JWS_CHARACTERS = 65536
export const MAX_ANSWER_CHARACTERS = 1048576
/** The token by which nitro's dial is told from anybody else's. */
export const DIAL_TOKEN_BYTES = 16

type Field = 'uint' | 'text' | 'bytes' | 'texts'
type Value<F extends Field> = F extends 'uint'
  ? number
  : F extends 'text'
    ? string
    : F extends 'bytes'
      ? Uint8Array
      : string[]

/** Messages of nitro to the parent, field by field. */
export const TO_PARENT = {
  /**
   * Where to listen: address, port (0 = any free), path of the enclaves' socket, Origins and Hosts that may connect. Where the KMS
   * answers for stores (empty: nowhere), and what keeps them, in JSON.
   */
  configure: {
    address: 'text',
    port: 'uint',
    enclavesSocket: 'text',
    origins: 'texts',
    hosts: 'texts',
    stepDeadlineMs: 'uint',
    kmsSocket: 'text',
    store: 'text',
    /** Port of the metrics, 0 for any; empty: they are not served. */
    metrics: 'text',
  },
  /** A dial with this token is about to come; it is slot `slot`. */
  slot: { slot: 'uint', token: 'bytes' },
  /** The enclave in this slot is about to be launched, and this is the store of its grant. */
  store: { slot: 'uint', storeId: 'bytes' },
  /** Slot serves this enclave from now on. */
  enclave: { slot: 'uint', name: 'text', enclaveId: 'text' },
  /** Slot is dead or about to be: close its sessions. */
  gone: { slot: 'uint' },
  /** An answer waits at fd 4: wake the slot by an empty frame. */
  nudge: { slot: 'uint' },
  /** Slot takes no new sessions; those that are open go on. */
  drain: { slot: 'uint' },
  /** The request was verified: let the client send its image. */
  upload: { connection: 'uint', request: 'uint' },
  answer: { connection: 'uint', request: 'uint', json: 'text' },
  shutdown: {},
} as const satisfies Record<string, Record<string, Field>>

/** Messages of the parent to nitro, field by field. */
export const TO_NITRO = {
  /** Layers: what the parent gave up, as it says. `metricsPort` is 0 where there are no metrics. */
  listening: { port: 'uint', layers: 'texts', metricsPort: 'uint' },
  failed: { reason: 'text' },
  introduced: { slot: 'uint' },
  /** `since`: size of the checkpoint that the sender holds; 0 for none. */
  request: { connection: 'uint', request: 'uint', jws: 'text', since: 'uint' },
  /** More of what a request has opened: a query as host/control/readings.ts has it. */
  read: { connection: 'uint', request: 'uint', query: 'text' },
  chunk: { connection: 'uint', bytes: 'bytes' },
  closed: { connection: 'uint' },
  /** Slot has not answered for so long. Nitro looks itself before it believes it. */
  late: { slot: 'uint', waitedMs: 'uint' },
  lost: { slot: 'uint' },
  /** The store's backend does not answer. */
  trouble: { reason: 'text' },
} as const satisfies Record<string, Record<string, Field>>

type Schema = Record<string, Record<string, Field>>
export type Message<S extends Schema> = {
  [T in keyof S & string]: { type: T } & { [F in keyof S[T]]: Value<S[T][F]> }
}[keyof S & string]
export type ToParent = Message<typeof TO_PARENT>
export type ToNitro = Message<typeof TO_NITRO>

export function encodeControl<S extends Schema>(schema: S, message: Message<S>): Uint8Array {
  const fields = schema[message.type] as Record<string, Field>
  const values = Object.keys(fields).map((name) => (message as Record<string, unknown>)[name] as Cbor)
  return encodeFrame(0, 0, encodeCbor([message.type, ...values]))
}

/** @throws RefusedError ERR_CONTROL_MESSAGE, ERR_CBOR_SYNTAX */
export function decodeControl<S extends Schema>(schema: S, payload: Uint8Array): Message<S> {
  const value = decodeCbor(payload)
  if (!Array.isArray(value) || typeof value[0] !== 'string' || !Object.hasOwn(schema, value[0]))
    throw new RefusedError('ERR_CONTROL_MESSAGE', 'no known control message')
  const [type, ...values] = value as [string, ...Cbor[]]
  const fields = Object.entries(schema[type] as Record<string, Field>)
  if (fields.length !== values.length)
    throw new RefusedError('ERR_CONTROL_MESSAGE', `${type}: ${values.length} fields where ${fields.length} are due`)
  const message: Record<string, unknown> = { type }
  fields.forEach(([name, field], index) => {
    const item = values[index] as Cbor
    if (!matches(field, item)) throw new RefusedError('ERR_CONTROL_MESSAGE', `${type}.${name} is no ${field}`)
    message[name] = item
  })
  return message as Message<S>
}

function matches(field: Field, value: Cbor): boolean {
  switch (field) {
    case 'uint':
      return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
    case 'text':
      return typeof value === 'string'
    case 'bytes':
      return value instanceof Uint8Array
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
  }
}

/** Messages that are complete with a chunk of the pipe. */
export class ControlReader<S extends Schema> {
  readonly #schema: S
  readonly #frames = new FrameReader(MAX_CONTROL_MESSAGE)

  constructor(schema: S) {
    this.#schema = schema
  }

  *push(chunk: Uint8Array): Generator<Message<S>> {
    for (const frame of this.#frames.push(chunk)) yield decodeControl(this.#schema, frame.payload)
  }
}
