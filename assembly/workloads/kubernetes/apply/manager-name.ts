// Who writes: the query parameter fieldManager, or else the User-Agent up to its first slash.
import { Call } from '../http/call'
import { failOptions, invalid, tooLong } from '../http/issues'
import { query } from '../http/query'
import { keepBytes } from '../json/arena'
import { JsonNode, newString, newText } from '../json/node'
import { MAX_MANAGER_BYTES } from '../limits'

const SLASH: u8 = 0x2f

/** Checks fieldManager. @param kind of the options, for messages @returns false with a failure */
export function managerIsValid(call: Call, kind: string): bool {
  const given = query(call.request, 'fieldManager')
  if (!given) return true
  if (given.length > <usize>MAX_MANAGER_BYTES) {
    tooLong('fieldManager', MAX_MANAGER_BYTES)
    return failOptions(kind)
  }
  for (let i: usize = 0; i < given.length; i++) {
    const c = load<u8>(given.at + i) // SAFETY: i < length
    if (c >= 0x20 && c != 0x7f) continue
    invalid('fieldManager', given.text(), 'invalid character U+00' + (c < 16 ? '0' : '') + c.toString(16).toUpperCase() + ' (at position ' + i.toString() + ')')
    return failOptions(kind)
  }
  return true
}

/** Whether fieldManager is there, and not empty. */
export function hasManager(call: Call): bool {
  const given = call.request.parameter('fieldManager')
  return given != null && given.length > 0
}

/** In the arena. */
export function managerName(call: Call): JsonNode {
  const given = query(call.request, 'fieldManager')
  if (given && given.length > 0) return newString(keepBytes(given.at, given.length), given.length)
  const agent = call.request.header('user-agent')
  if (!agent) return newText('unknown')
  const slash = agent.find(SLASH)
  let length = min(slash < 0 ? agent.length : <usize>slash, <usize>MAX_MANAGER_BYTES)
  // A header is ASCII without control characters (abi/README.md): nothing to leave out
  while (length > 0 && load<u8>(agent.at + length - 1) == 0x20) length-- // SAFETY: length > 0
  return length > 0 ? newString(keepBytes(agent.at, length), length) : newText('unknown')
}
