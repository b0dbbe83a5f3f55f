// A structural schema, compiled: what an object of a custom resource may hold. From JSONSchemaProps of apiextensions.k8s.io/v1 by compile.ts;
// it lies in a region (region.ts) and ends with it.
import { JsonNode } from '../json/node'

/** With x-kubernetes-int-or-string, or with x-kubernetes-preserve-unknown-fields alone, there is no type. */
export const SCHEMA_ANY: u8 = 0
export const SCHEMA_OBJECT: u8 = 1
export const SCHEMA_ARRAY: u8 = 2
export const SCHEMA_STRING: u8 = 3
export const SCHEMA_INTEGER: u8 = 4
export const SCHEMA_NUMBER: u8 = 5
export const SCHEMA_BOOLEAN: u8 = 6

export const NULLABLE: u32 = 1
/** x-kubernetes-preserve-unknown-fields */
export const PRESERVES: u32 = 2
/** additionalProperties: true */
export const TAKES_ANY: u32 = 4
export const INT_OR_STRING: u32 = 8
/** x-kubernetes-embedded-resource: apiVersion, kind and metadata are there, declared or not. */
export const EMBEDDED: u32 = 16
export const EXCLUSIVE_MINIMUM: u32 = 32
export const EXCLUSIVE_MAXIMUM: u32 = 64
/** x-kubernetes-list-type; neither is atomic. */
export const LIST_SET: u32 = 128
export const LIST_MAP: u32 = 256
/** x-kubernetes-map-type: atomic */
export const MAP_ATOMIC: u32 = 512

/** No limit. */
export const UNSET: i64 = -1

@unmanaged
export class Schema {
  type: u8
  format: u8
  flags: u32
  /** Its name among properties. */
  key: usize
  keyLength: usize
  /** FLAG_KEY_ESCAPE where writing the name needs some. */
  keyFlags: u8
  /** The next property, or the next alternative. */
  next: Schema | null
  /** By name, bytewise. */
  properties: Schema | null
  /** Of members that are no property. */
  additional: Schema | null
  items: Schema | null
  allOf: Schema | null
  anyOf: Schema | null
  oneOf: Schema | null
  not: Schema | null
  /** Lists, of strings and of any values. */
  required: JsonNode | null
  enumeration: JsonNode | null
  mapKeys: JsonNode | null
  default: JsonNode | null
  /** Numbers by their text. */
  minimum: JsonNode | null
  maximum: JsonNode | null
  multipleOf: JsonNode | null
  /** A program of pattern.ts, and its text. */
  pattern: usize
  patternText: usize
  patternLength: usize
  minLength: i64
  maxLength: i64
  minItems: i64
  maxItems: i64
  minProperties: i64
  maxProperties: i64

  has(flag: u32): bool {
    return (this.flags & flag) != 0
  }

  /** The property of this name, or null. */
  property(at: usize, length: usize): Schema | null {
    let each = this.properties
    while (each) {
      if (each.keyLength == length && memory.compare(each.key, at, length) == 0) return each
      each = each.next
    }
    return null
  }
}

export function typeName(type: u8): string {
  switch (type) {
    case SCHEMA_OBJECT: return 'object'
    case SCHEMA_ARRAY: return 'array'
    case SCHEMA_STRING: return 'string'
    case SCHEMA_INTEGER: return 'integer'
    case SCHEMA_NUMBER: return 'number'
    case SCHEMA_BOOLEAN: return 'boolean'
  }
  return ''
}
