// Cells of custom resources: the value that the JSONPath of a column leads to, by the type of the column, as apiextensions' table convertor
// writes it. null where there is none.
import { time } from '../../../sdk/calls'
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { isWhole } from '../custom/decimal'
import { JsonPath } from '../custom/json-path'
import { JsonNode, TYPE_FALSE, TYPE_NULL, TYPE_NUMBER, TYPE_STRING, TYPE_TRUE } from '../json/node'
import { writeBytes, writeJson } from '../json/writer'
import { parsedMicros, parseTime } from '../object/time'
import { Column } from '../resources/table'
import { humanDuration } from './age'

const text = new TextWriter()

export function writePathCell(out: TextWriter, root: JsonNode, column: Column): void {
  const value = (column.path as JsonPath).find(root)
  if (!value || value.type == TYPE_NULL) {
    out.ascii('null')
    return
  }
  if (column.type == 'string') writeShown(out, value)
  else if (column.type == 'date') writeAge(out, value)
  else if (fits(value, column.type)) writeJson(out, value)
  else out.ascii('null')
}

// Any value as text: strings as they are, others as JSON.
function writeShown(out: TextWriter, value: JsonNode): void {
  if (value.type == TYPE_STRING) return writeBytes(out, value.at, value.length)
  writeJson(text.clear(), value)
  writeBytes(out, text.at, text.length)
}

function writeAge(out: TextWriter, value: JsonNode): void {
  if (value.type != TYPE_STRING) out.ascii('null')
  else if (!parseTime(new Span(value.at, value.length))) out.ascii('"<invalid>"')
  else out.ascii('"' + humanDuration(time() / 1000 - parsedMicros / 1000000) + '"')
}

function fits(value: JsonNode, type: string): bool {
  if (type == 'boolean') return value.type == TYPE_TRUE || value.type == TYPE_FALSE
  return value.type == TYPE_NUMBER && (type == 'number' || isWhole(new Span(value.at, value.length)))
}
