/** TagResource, UntagResource, ListResourceTags. */
import { type Call, tagConditions } from '../call.ts'
import { Fault } from '../fault.ts'
import { MAX_TAG_KEY, MAX_TAG_VALUE, MAX_TAGS, SMALL_PAGE } from '../limits.ts'
import { type Output, page } from '../metadata.ts'
import { changes, reads } from './operation.ts'

type Tag = { key: string; value: string }

/** What a key has, with what the request adds. @throws Fault TagException */
export function readTags(call: Call, present: Tag[]): Tag[] {
  const tags = new Map(present.map(({ key, value }) => [key, value]))
  const named = new Set<string>()
  for (const each of call.input.objects('Tags', MAX_TAGS) ?? []) {
    const key = each.text('TagKey', { min: 1, max: MAX_TAG_KEY })
    const value = each.text('TagValue', { min: 0, max: MAX_TAG_VALUE })
    // CBOR, in which tags are kept, has no lone surrogates.
    if (!key.isWellFormed() || !value.isWellFormed()) throw new Fault('TagException', 'a tag is no Unicode text')
    if (/^aws:/i.test(key)) throw new Fault('TagException', `Tags beginning with aws: are AWS's own: ${key}`)
    if (named.has(key)) throw new Fault('TagException', `Duplicate tag keys: ${key}`)
    named.add(key)
    tags.set(key, value)
  }
  if (tags.size > MAX_TAGS) throw new Fault('TagException', `Too many tags: ${tags.size}, there may be ${MAX_TAGS}`)
  return [...tags].map(([key, value]) => ({ key, value }))
}

function tagResource(call: Call): undefined {
  const key = call.key('KeyId', 'id-or-arn')
  if (!call.input.has('Tags')) throw new Fault('ValidationException', 'Tags must not be null')
  const added = readTags(call, [])
  call.authorize(key, { ...tagConditions('aws:RequestTag/', added), 'aws:TagKeys': added.map((tag) => tag.key) })
  call.requireKept(key)
  call.store.change(key, { tags: readTags(call, key.tags) })
}

function untagResource(call: Call): undefined {
  const key = call.key('KeyId', 'id-or-arn')
  const gone = call.input.textList('TagKeys', MAX_TAGS, { min: 1, max: MAX_TAG_KEY })
  if (gone === undefined) throw new Fault('ValidationException', 'TagKeys must not be null')
  call.authorize(key, { 'aws:TagKeys': gone })
  call.requireKept(key)
  call.store.change(key, { tags: key.tags.filter((tag) => !gone.includes(tag.key)) })
}

function listResourceTags(call: Call): Output {
  const key = call.key('KeyId', 'id-or-arn')
  call.authorize(key)
  const sorted = [...key.tags].sort((a, b) => (a.key < b.key ? -1 : 1))
  const { items, rest } = page(call, sorted, (tag) => tag.key, SMALL_PAGE)
  return { Tags: items.map(({ key, value }) => ({ TagKey: key, TagValue: value })), ...rest }
}

export const tagOperations = {
  ListResourceTags: reads(listResourceTags),
  TagResource: changes(tagResource),
  UntagResource: changes(untagResource),
}
