/** README's figures, as lines of a Markdown table: drawn from a committed result and from nothing else. */
import type { BenchResult, Entry, Row } from './result.ts'
import { entryOf, oursOf, rowOf } from './result.ts'
import { megabytesPerSecond, valueText } from './text.ts'

type Quoted = { subject: string; label: string; what?: string; ours?: string; peers: string[] }

const CIPHER_SIZES = ['64 B', '1 KiB', '16 KiB', '1 MiB']

const QUOTED: Quoted[] = [
  ...sizes('AES-256-GCM seal', ['node:crypto', '@noble']),
  { subject: 'AES-256-GCM open', label: '16 KiB', peers: ['node:crypto', '@noble'] },
  ...sizes('ChaCha20-Poly1305 seal', ['node:crypto', 'libsodium']),
  { subject: 'ChaCha20-Poly1305 open', label: '16 KiB', peers: ['node:crypto', 'libsodium'] },
  { subject: 'SHA-384', label: '16 KiB', peers: ['node:crypto', 'hash-wasm'] },
  { subject: 'HMAC-SHA-384', label: '64 B', peers: ['node:crypto', 'hash-wasm'] },
  ...['HKDF-SHA-384, 48 B', 'X25519', 'Ed25519 verify'].map((label) => ({
    subject: 'Handshake primitives',
    label,
    what: label,
    peers: ['node:crypto', 'libsodium'],
  })),
  {
    subject: 'Launch until a kernel answers',
    label: 'echo',
    what: 'launch until a kernel answers, warm',
    ours: 'warm, from the pool',
    peers: ['Node’s own start'],
  },
  {
    subject: 'Launch until a kernel answers',
    label: 'echo',
    what: 'the same, cold',
    ours: 'cold',
    peers: ['Node’s own start'],
  },
  {
    subject: 'Memory of an idle enclave',
    label: '8 at once',
    what: 'memory of an idle enclave (PSS)',
    peers: ['worker thread'],
  },
  {
    subject: 'Attestation document',
    label: 'end to end, one at a time',
    what: 'attestation document, end to end',
    peers: ['P-384 signature alone'],
  },
  { subject: 'Attested call, one session', label: '64 B', peers: ['plain ws echo'] },
  {
    subject: 'Attested calls a second',
    label: '1 KiB, 16 sessions',
    peers: ['plain ws echo', 'plain ws echo, corked'],
  },
]

/** Lines of the table, head included. Rows that the result lacks are left out. */
export function figureLines(result: BenchResult): string[] {
  const lines = QUOTED.flatMap(({ subject, label, what = `${subject}, ${label}`, ours, peers }) => {
    const row = rowOf(result, subject, label)
    const own = ours === undefined ? oursOf(row) : entryOf(row, ours)
    if (row === undefined || own === undefined) return []
    const beside = peers.flatMap((who) => {
      const peer = entryOf(row, who)
      return peer === undefined ? [] : [`${who} ${valueText(peer.spread.p50, row.unit)}`]
    })
    return [`| ${what} | ${ownText(row, own)} | ${beside.join(', ')} |`]
  })
  return ['| what, median | wasmclave | beside, in the same run |', '| --- | --- | --- |', ...lines]
}

function ownText(row: Row, own: Entry): string {
  const rate = megabytesPerSecond(row, own)
  const text = valueText(own.spread.p50, row.unit)
  return rate === undefined ? text : `${text} (${rate.toFixed(0)} MB/s)`
}

function sizes(subject: string, peers: string[]): Quoted[] {
  return CIPHER_SIZES.map((label) => ({ subject, label, peers }))
}

/** Where README's table stands, and the result it is from. */
const SECTION = /<!-- figures of (\S+) -->\n([\s\S]*?)<!-- end of figures -->/

/** @returns undefined where the text quotes no result */
export function quotedFigures(readme: string): { source: string; lines: string[] } | undefined {
  const match = SECTION.exec(readme)
  if (match === null) return undefined
  return { source: match[1] as string, lines: (match[2] as string).trim().split('\n') }
}

export function withFigures(readme: string, source: string, result: BenchResult): string {
  const section = `<!-- figures of ${source} -->\n${figureLines(result).join('\n')}\n<!-- end of figures -->`
  return readme.replace(SECTION, () => section)
}
