// How a custom object merges in server-side apply, from the list and map types of its schema: apply/shape.ts asks here. Made when it is asked
// for, and kept for the resource that was asked for last: a shape is many objects of the collector's.
import { ANY, LIST_MAP, LIST_SET, Shape, shapeOfMessage } from '../apply/shape'
import { JsonNode } from '../json/node'
import { resourcesEdition } from '../resources/table'
import { findMessage, Message } from '../schema/schema'
import { CustomVersion } from './definition'
import { EMBEDDED, LIST_MAP as MAP_LIST, LIST_SET as SET_LIST, MAP_ATOMIC, PRESERVES, Schema, SCHEMA_ARRAY, TAKES_ANY } from './structural'

let lastOf: CustomVersion | null = null
let lastShape: Shape | null = null
let edition = 0

export function shapeOfCustom(custom: CustomVersion): Shape {
  const schema = custom.schema
  if (!schema) return ANY
  const known = lastShape
  if (known && lastOf == custom && edition == resourcesEdition) return known
  edition = resourcesEdition
  lastOf = custom
  const made = shapeOfSchema(<Schema>schema, true)
  lastShape = made
  return made
}

function shapeOfSchema(schema: Schema, isRoot: bool): Shape {
  const shape = new Shape()
  if (schema.has(MAP_ATOMIC)) shape.atomic = true
  if (schema.type == SCHEMA_ARRAY) {
    const items = schema.items
    if (items) shape.item = shapeOfSchema(items, false)
    if (schema.has(SET_LIST)) shape.list = LIST_SET
    else if (schema.has(MAP_LIST)) {
      shape.list = LIST_MAP
      shape.keys = textsOf(schema.mapKeys).sort()
    }
    return shape
  }
  const isWhole = isRoot || schema.has(EMBEDDED)
  if (isWhole) shape.field('metadata', shapeOfMessage(<Message>findMessage('ObjectMeta')))
  let property = schema.properties
  while (property) {
    const name = String.UTF8.decodeUnsafe(property.key, property.keyLength)
    if (!isWhole || name != 'metadata') shape.field(name, shapeOfSchema(property, false))
    property = property.next
  }
  const additional = schema.additional
  if (additional) shape.rest = shapeOfSchema(additional, false)
  else if (schema.has(PRESERVES | TAKES_ANY)) shape.rest = ANY
  return shape
}

function textsOf(list: JsonNode | null): string[] {
  const texts: string[] = []
  let each = list ? list.first : null
  while (each) {
    texts.push(each.text())
    each = each.next
  }
  return texts
}
