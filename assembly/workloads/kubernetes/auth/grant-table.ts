// The table of the index: users, groups and roles by the bytes that name them, each with what hangs on it. All of it lies in the pool.
import { Span } from '../../../sdk/span'
import { TextWriter } from '../../../sdk/text-writer'
import { hashSeed } from '../json/parser'
import { giveBack, take, takeCopy } from './pool'
import { Rule } from './rules'
import { ACCOUNT_PREFIX } from './subject'

const BUCKETS: u32 = 4096 // a power of two
const USER: u8 = 0x55
const GROUP: u8 = 0x47
const ROLE: u8 = 0x52

/** An entry of the table: a user, a group or a role, by the bytes that name it. */
@unmanaged
export class Entry {
  next: Entry | null
  key: usize
  keyLength: usize
  grants: Grant | null
  rules: Rule | null
}

@unmanaged
export class Grant {
  next: Grant | null
  /** Length 0: everywhere. */
  namespace: usize
  namespaceLength: usize
  binding: usize
  bindingLength: usize
  role: Entry

  /** As reasons have it: `ClusterRoleBinding "a" of ClusterRole "b"`. */
  describe(): string {
    const isNamespaced = this.namespaceLength > 0
    const name = new Span(this.role.key, this.role.keyLength)
    const binding = new Span(this.binding, this.bindingLength).text()
    const slash = name.find(0x2f)
    const role = (slash > 1 ? 'Role "' : 'ClusterRole "') + name.cut(slash + 1, name.length).text() + '"'
    return (isNamespaced ? 'RoleBinding "' + binding + '/' + new Span(this.namespace, this.namespaceLength).text() : 'ClusterRoleBinding "' + binding) + '" of ' + role
  }
}

const buckets = memory.data(4096 * 4, 8)
const keyText = new TextWriter()

/** R namespace / name; no namespace for a ClusterRole. Keys are valid until the next one is made. */
export function roleKey(isNamespaced: bool, namespace: Span, name: Span): Span {
  keyText.clear().byte(ROLE)
  if (isNamespaced) keyText.span(namespace)
  keyText.byte(0x2f).span(name)
  return new Span(keyText.at, keyText.length)
}

export function userKey(name: string): Span {
  return keyOf(USER, name)
}

export function groupKey(name: string): Span {
  return keyOf(GROUP, name)
}

export function userKeyOf(name: Span): Span {
  keyText.clear().byte(USER).span(name)
  return new Span(keyText.at, keyText.length)
}

export function groupKeyOf(name: Span): Span {
  keyText.clear().byte(GROUP).span(name)
  return new Span(keyText.at, keyText.length)
}

/** Of the user that a ServiceAccount is. */
export function accountKey(namespace: Span, name: Span): Span {
  keyText.clear().byte(USER).ascii(ACCOUNT_PREFIX).span(namespace).byte(0x3a).span(name)
  return new Span(keyText.at, keyText.length)
}

function keyOf(kind: u8, name: string): Span {
  const bytes = String.UTF8.encode(name)
  keyText.clear().byte(kind).raw(changetype<usize>(bytes), bytes.byteLength)
  return new Span(keyText.at, keyText.length)
}

/** Forgets everything, and gives back what it took. */
export function clearTable(): void {
  giveBack()
  memory.fill(buckets, 0, BUCKETS << 2)
}

export function lookUp(key: Span): Entry | null {
  let entry = changetype<Entry | null>(<usize>load<u32>(bucketOf(key)))
  while (entry) {
    if (entry.keyLength == key.length && memory.compare(entry.key, key.at, key.length) == 0) return entry
    entry = entry.next
  }
  return null
}

export function enter(key: Span): Entry {
  const known = lookUp(key)
  if (known) return known
  const bucket = bucketOf(key)
  const entry = changetype<Entry>(take(offsetof<Entry>()))
  entry.key = takeCopy(key.at, key.length)
  entry.keyLength = key.length
  entry.next = changetype<Entry | null>(<usize>load<u32>(bucket))
  store<u32>(bucket, <u32>changetype<usize>(entry))
  return entry
}

// FNV-1a from a secret start: nobody can make names of one bucket.
function bucketOf(key: Span): usize {
  let h = hashSeed
  for (let i: usize = 0; i < key.length; i++) h = (h ^ load<u8>(key.at + i)) * 0x01000193 // SAFETY: i < length
  h = (h ^ (h >> 16)) * 0x85ebca6b
  return buckets + (<usize>((h ^ (h >> 13)) & (BUCKETS - 1)) << 2)
}
