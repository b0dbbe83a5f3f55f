/**
 * What the rows should say. Goals are DESIGN.md section 10's and depend on the machine; guards are orderings that hold on every machine
 * as long as the module is what its source says: an optimiser that reorders a hot kernel halves its speed and fails no other test.
 */
import type { BenchResult, Check, Row } from './result.ts'
import { entryOf, oursOf, rowOf } from './result.ts'
import { times } from './table.ts'
import { advantage, megabytesPerSecond, valueText } from './text.ts'

type Rows = Pick<BenchResult, 'rows'>
type Found = { found: string; met: boolean }
type Rule = {
  kind: Check['kind']
  what: string
  wanted: string
  advice?: string
  find(result: Rows): Found | undefined
}

const REORDERED =
  'This kernel runs slower than its source can: the module is not what host/build.ts makes of it. Build again from clean ("npm ci").'

/** Rules whose rows are not in the result are left out. */
export function checksOf(result: Rows): Check[] {
  return RULES.flatMap(({ find, advice = '', ...rule }) => {
    const found = find(result)
    return found === undefined ? [] : [{ ...rule, ...found, advice: found.met ? '' : advice }]
  })
}

const RULES: Rule[] = [
  rate('AES-256-GCM seal', '16 KiB', 550, [['@noble', 8]]),
  rate('AES-256-GCM open', '16 KiB', 550, [['@noble', 8]]),
  faster('AES-256-GCM seal', '64 B', 'node:crypto', 5),
  faster('AES-256-GCM seal', '1 KiB', 'node:crypto', 1),
  rate('ChaCha20-Poly1305 seal', '16 KiB', 1900, [
    ['libsodium', 3],
    ['node:crypto', 0.8],
  ]),
  rate('ChaCha20-Poly1305 open', '16 KiB', 1900, [
    ['libsodium', 3],
    ['node:crypto', 0.8],
  ]),
  faster('ChaCha20-Poly1305 seal', '4 KiB', 'node:crypto', 1),
  faster('SHA-384', '16 KiB', 'node:crypto', 0.9),
  faster('HMAC-SHA-384', '64 B', 'node:crypto', 4),
  faster('Handshake primitives', 'HKDF-SHA-384, 48 B', 'node:crypto', 4),
  atMost('Handshake primitives', 'X25519', 50e3),
  atMost('Handshake primitives', 'Ed25519 verify', 250e3),
  atMost('Launch until a kernel answers', 'echo', 1.2e6, 'warm, from the pool'),
  atMost('Launch until a kernel answers', 'echo', 32e6, 'cold'),
  atMost('Memory of an idle enclave', '8 at once', 12e6, 'wasmclave, a process each'),
  faster('Attestation documents a second', '4 askers', 'P-384 signatures alone', 0.8),
  atMost('Attested call, one session', '64 B', 100e3),
  atLeast('Attested calls a second', '1 KiB, 16 sessions', 100e3),
  atMost('run-enclave until it serves', '100,000 records of 1 KiB', 1e9, 'wasmclave'),
  guard('AES-256-GCM seal', '16 KiB', '@noble', 6),
  guard('AES-256-GCM open', '16 KiB', '@noble', 6),
  guard('ChaCha20-Poly1305 seal', '16 KiB', 'libsodium', 2.5),
  guard('ChaCha20-Poly1305 open', '16 KiB', 'libsodium', 2.5),
  guard('SHA-384', '16 KiB', 'hash-wasm', 1.5),
  even('AES-256-GCM'),
  even('ChaCha20-Poly1305'),
]

function rate(subject: string, label: string, goal: number, peers: [who: string, ratio: number][]): Rule {
  const wanted = [`${goal} MB/s`, ...peers.map(([who, ratio]) => `${times(ratio)} ${who}`)].join(', ')
  return {
    kind: 'goal',
    what: named(subject, label),
    wanted: `at least ${wanted}`,
    find(result) {
      const row = rowOf(result, subject, label)
      const ours = oursOf(row)
      if (row === undefined || ours === undefined) return undefined
      const speed = megabytesPerSecond(row, ours) ?? 0
      const ratios = peers.flatMap(([who, ratio]) => {
        const peer = entryOf(row, who)
        return peer === undefined ? [] : [{ who, ratio, found: advantage(row, ours, peer) }]
      })
      return {
        found: [`${speed.toFixed(0)} MB/s`, ...ratios.map(({ who, found }) => `${times(found)} ${who}`)].join(', '),
        met: speed >= goal && ratios.every(({ ratio, found }) => found >= ratio),
      }
    },
  }
}

function faster(subject: string, label: string, who: string, ratio: number): Rule {
  return { kind: 'goal', ...compared(subject, label, who, ratio) }
}

function guard(subject: string, label: string, who: string, ratio: number): Rule {
  return { kind: 'guard', ...compared(subject, label, who, ratio), advice: REORDERED }
}

function compared(subject: string, label: string, who: string, ratio: number) {
  return {
    what: named(subject, label),
    wanted: `at least ${times(ratio)} ${who}`,
    find(result: Rows) {
      const row = rowOf(result, subject, label)
      const [ours, peer] = [oursOf(row), entryOf(row, who)]
      if (row === undefined || ours === undefined || peer === undefined) return undefined
      const found = advantage(row, ours, peer)
      const text = `${valueText(ours.spread.p50, row.unit)} beside ${valueText(peer.spread.p50, row.unit)}`
      return { found: `${times(found)} (${text})`, met: found >= ratio }
    },
  }
}

/** Open does the work of seal and a compare: it takes about as long, or its part of the module is another. */
function even(cipher: string): Rule {
  return {
    kind: 'guard',
    what: `${cipher} open beside seal, 16 KiB`,
    wanted: 'at most 1.5× the time',
    advice: REORDERED,
    find(result) {
      const [seal, open] = ['seal', 'open'].map((verb) => oursOf(rowOf(result, `${cipher} ${verb}`, '16 KiB')))
      if (seal === undefined || open === undefined) return undefined
      const found = open.spread.p50 / seal.spread.p50
      return { found: times(found), met: found <= 1.5 }
    },
  }
}

function atMost(subject: string, label: string, limit: number, who?: string): Rule {
  return bounded(subject, label, limit, who, (value) => value <= limit, 'at most')
}

function atLeast(subject: string, label: string, limit: number): Rule {
  return bounded(subject, label, limit, undefined, (value) => value >= limit, 'at least')
}

function bounded(
  subject: string,
  label: string,
  limit: number,
  who: string | undefined,
  holds: (value: number) => boolean,
  word: string,
): Rule {
  const unit = (row: Row | undefined) =>
    row?.unit ?? (word === 'at least' ? '/s' : subject.startsWith('Memory') ? 'B' : 'ns')
  return {
    kind: 'goal',
    what: named(subject, label, who),
    wanted: `${word} ${valueText(limit, unit(undefined))}`,
    find(result) {
      const row = rowOf(result, subject, label)
      const entry = who === undefined ? oursOf(row) : entryOf(row, who)
      if (row === undefined || entry === undefined) return undefined
      return { found: valueText(entry.spread.p50, row.unit), met: holds(entry.spread.p50) }
    },
  }
}

// Where the label says all, the subject is left out; where the contender does, the label.
function named(subject: string, label: string, who?: string): string {
  if (subject === 'Handshake primitives') return label
  return `${subject}, ${who === undefined ? label : who}`
}
