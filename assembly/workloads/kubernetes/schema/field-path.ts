// Where in an object a walk is, kept as names and made a text only when something is wrong there.

const names: string[] = []
const keys: usize[] = []
const keyLengths: usize[] = []
const indices: i32[] = []
const BRACKET = -2

export function clearPath(): void {
  names.length = 0
  keys.length = 0
  keyLengths.length = 0
  indices.length = 0
}

export function enterField(name: string): void {
  names.push(name)
  keys.push(0)
  keyLengths.push(0)
  indices.push(-1)
}

export function enterKey(at: usize, length: usize): void {
  names.push('')
  keys.push(at)
  keyLengths.push(length)
  indices.push(-1)
}

export function enterIndex(index: i32): void {
  names.push('')
  keys.push(0)
  keyLengths.push(0)
  indices.push(index)
}

/** An entry of a map in a definition: `properties[spec]`. */
export function enterBracket(at: usize, length: usize): void {
  names.push('')
  keys.push(at)
  keyLengths.push(length)
  indices.push(BRACKET)
}

export function leave(): void {
  names.pop()
  keys.pop()
  keyLengths.pop()
  indices.pop()
}

/** Of a name, and of a path as it is shown: names of maps are of any length. */
const MAX_NAME: usize = 256
const MAX_PATH = 4096

function keyText(index: i32): string {
  return String.UTF8.decodeUnsafe(keys[index], min(keyLengths[index], MAX_NAME))
}

/** `metadata.ownerReferences[0].uid` */
export function pathText(): string {
  let text = ''
  for (let i = 0; i < names.length && text.length < MAX_PATH; i++) {
    if (indices[i] == BRACKET) text += '[' + keyText(i) + ']'
    else if (indices[i] >= 0) text += '[' + indices[i].toString() + ']'
    else text += (text.length > 0 ? '.' : '') + (keys[i] != 0 ? keyText(i) : names[i])
  }
  return text
}

/** Without indices, as Go's JSON decoder names a field. */
export function plainPathText(): string {
  let text = ''
  for (let i = 0; i < names.length; i++) if (indices[i] < 0 && keys[i] == 0) text += (text.length > 0 ? '.' : '') + names[i]
  return text
}
