// Kubernetes' protobuf as a Go client writes it, from a field list that others recorded: the twin of assembly/workloads/kubernetes/protobuf.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Seeded } from './seeded.ts'

const LIST = join(process.env.WASMCLAVE_VECTORS ?? '../shared/vectors', '../reference/kubernetes-proto-fields.json')

/** Message, by its whole name, to field numbers, each with its name in the .proto, its cardinality and its type. */
type FieldList = Record<
  string,
  Record<string, [name: string, cardinality: 'optional' | 'repeated' | 'map', type: string]>
>
export type KubeObject = Record<string, unknown>

export const fieldListPresent = existsSync(LIST)
const list: FieldList = fieldListPresent ? (JSON.parse(readFileSync(LIST, 'utf8')) as FieldList) : {}

/** The whole name of a message. Names are unique without their packages, in this list. */
export function messageName(short: string): string {
  const found = Object.keys(list).filter((name) => name.endsWith(`.${short}`))
  if (found.length !== 1) throw new Error(`${found.length} messages ${short}`)
  return found[0] as string
}

export const fieldsOf = (short: string) => Object.entries(list[messageName(short)] as FieldList[string])
export const shortName = (type: string): string => type.slice(type.lastIndexOf('.') + 1)
export const messageNames = (): string[] => Object.keys(list).map(shortName)

/** What JSON calls a field. */
export const jsonName = (name: string): string => ({ aPIVersion: 'apiVersion', uID: 'uid' })[name] ?? name

/** runtime.Unknown with its magic. */
export function encodeBody(apiVersion: string, kind: string, raw: Buffer, extra: Buffer[] = []): Buffer {
  const type = Buffer.concat([field(1, Buffer.from(apiVersion)), field(2, Buffer.from(kind))])
  return Buffer.concat([Buffer.from('k8s\0'), field(1, type), field(2, raw), ...extra])
}

export function encodeObject(object: KubeObject): Buffer {
  const { kind, apiVersion, ...fields } = object
  return encodeBody(apiVersion as string, kind as string, encodeMessage(kind as string, fields))
}

export function encodeMessage(short: string, value: KubeObject): Buffer {
  const parts: Buffer[] = []
  for (const [number, [name, cardinality, type]] of fieldsOf(short)) {
    const given = value[jsonName(name)]
    if (given === undefined) continue
    if (cardinality === 'repeated')
      for (const each of given as unknown[]) parts.push(encodeField(Number(number), type, each))
    else if (cardinality === 'map')
      for (const [key, each] of Object.entries(given as KubeObject))
        parts.push(field(Number(number), Buffer.concat([field(1, Buffer.from(key)), encodeField(2, type, each)])))
    else parts.push(encodeField(Number(number), type, given))
  }
  return Buffer.concat(parts)
}

function encodeField(number: number, type: string, value: unknown): Buffer {
  if (type === 'string') return field(number, Buffer.from(value as string))
  if (type === 'bytes') return field(number, Buffer.from(value as string, 'base64'))
  if (type === 'bool') return Buffer.concat([varint(BigInt(number) << 3n), varint(value ? 1n : 0n)])
  if (type === 'int32' || type === 'int64')
    return Buffer.concat([varint(BigInt(number) << 3n), varint(BigInt.asUintN(64, BigInt(value as number)))])
  if (type === 'ExtraValue')
    return field(number, Buffer.concat((value as string[]).map((each) => field(1, Buffer.from(each)))))
  const short = shortName(type)
  if (short === 'FieldsV1') return field(number, field(1, Buffer.from(JSON.stringify(value))))
  if (short === 'Time' || short === 'MicroTime') return field(number, encodeTime(value as string))
  return field(number, encodeMessage(short, value as KubeObject))
}

function encodeTime(text: string): Buffer {
  const [, micros = '0'] = /\.(\d{6})Z$/.exec(text) ?? []
  const seconds = BigInt(Math.floor(Date.parse(text) / 1000))
  return Buffer.concat([varint(8n), varint(BigInt.asUintN(64, seconds)), varint(16n), varint(BigInt(micros) * 1000n)])
}

export function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(content.length)), content])
}

export function varint(value: bigint): Buffer {
  const bytes: number[] = []
  for (; value > 127n; value >>= 7n) bytes.push(Number(value & 127n) | 128)
  return Buffer.from([...bytes, Number(value)])
}

/** A message with all kinds of content, none of it empty; about half of its fields. */
export function randomMessage(random: Seeded, short: string): KubeObject {
  const value: KubeObject = {}
  for (const [, [name, cardinality, type]] of fieldsOf(short)) {
    if (name === 'clusterName' || random.chance(50)) continue
    if (cardinality === 'repeated')
      value[jsonName(name)] = Array.from({ length: 1 + random.below(3) }, () => randomValue(random, type))
    else if (cardinality === 'map')
      value[jsonName(name)] = Object.fromEntries(
        Array.from({ length: 1 + random.below(3) }, () => [randomText(random), randomValue(random, type)]),
      )
    else value[jsonName(name)] = randomValue(random, type)
  }
  // An empty message stands for nothing, and is left out.
  for (const [name, each] of Object.entries(value))
    if (typeof each === 'object' && Object.keys(each as object).length === 0) delete value[name]
  return value
}

function randomValue(random: Seeded, type: string): unknown {
  if (type === 'string') return randomText(random)
  if (type === 'bytes') return random.bytes(1 + random.below(40)).toString('base64')
  if (type === 'bool') return true
  if (type === 'int32') return (random.chance(50) ? 1 : -1) * (1 + random.below(2 ** 31 - 1))
  if (type === 'int64') return (random.chance(50) ? 1 : -1) * (1 + random.below(2 ** 52))
  if (type === 'ExtraValue') return [randomText(random), '']
  const short = shortName(type)
  if (short === 'FieldsV1') return { [`f:${randomText(random)}`]: { '.': {} }, 'f:{"': [1.5, true, '}'] }
  if (short === 'Time') return `${randomDate(random).slice(0, 19)}Z`
  if (short === 'MicroTime')
    return `${randomDate(random).slice(0, 19)}.${String(random.below(1_000_000)).padStart(6, '0')}Z`
  return randomMessage(random, short)
}

const LETTERS = [...'abcXYZ019-._/ "\\\n\t\0\u001f\u007fäé\u2028中\ufffd😀\u{10ffff}']
const randomText = (random: Seeded): string =>
  Array.from({ length: 1 + random.below(12) }, () => random.pick(LETTERS)).join('')

/** From the year 100 to 9999. */
const randomDate = (random: Seeded): string =>
  new Date(-59_011_459_200_000 + random.below(312_413_760_000) * 1000).toISOString()
