// Names that an object has twice: the last of them counts, as in Go's decoder, and the others are told.
import { FLAG_DUPLICATE, JsonNode, TYPE_OBJECT } from '../json/node'
import { clearPath, enterIndex, enterKey, leave, pathText } from './field-path'

/** Paths that went, of the last `settleDuplicates`. */
export let duplicates: string[] = []

/** What is told of a hostile object. */
const MAX_DUPLICATES = 32

export function clearDuplicates(): void {
  if (duplicates.length > 0) duplicates = []
}

/** Takes out all but the last member of each name. */
export function settleDuplicates(root: JsonNode): void {
  clearPath()
  settle(root)
}

function settle(node: JsonNode): void {
  let before: JsonNode | null = null
  let child = node.first
  let index = 0
  while (child) {
    const next = child.next
    if (node.type == TYPE_OBJECT) enterKey(child.key, child.keyLength)
    else enterIndex(index++)
    if ((child.flags & FLAG_DUPLICATE) != 0) {
      if (duplicates.length < MAX_DUPLICATES) duplicates.push(pathText())
      // Never the last: that one is the member that stays
      if (before) before.next = next
      else node.first = next
      node.count--
    } else {
      if (child.first) settle(child)
      before = child
    }
    leave()
    child = next
  }
}
