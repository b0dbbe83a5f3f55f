/** `wasmclave admin status`: enclaves, counters and the log, as the host says and its log proves; never content. 100 columns. */
import { setTimeout as wait } from 'node:timers/promises'
import { Audit } from '../client/log/audit.ts'
import { parseCheckpoint } from '../log/proofs/checkpoint.ts'
import { HOST } from '../log/proofs/entry.ts'
import { toBase64 } from '../log/proofs/note.ts'
import type { Health as EnclaveHealth } from '../nitro/enclaves.ts'
import type { Json } from '../wire/canonical-json.ts'
import { printable } from '../wire/printable.ts'
import { printJson } from './output.ts'
import { AdminSession, developmentSigner, findHost } from './running-host.ts'

/** `--watch` asks on at this pace: signed over a fresh nonce each time, and logged once. */
const WATCH_MS = 2000
const CLEAR = '\u001b[2J\u001b[H'

export type HostHealth = {
  version: string
  node: string
  uptimeSeconds: number
  enclaves: EnclaveHealth[]
  requests: { done: number; failed: number; refused: number; strangers: number; repeats: number }
  logEntries: number
}
export type Status = HostHealth & { proposals: number; checkpoint: string }

export async function adminStatus(options: { data: string; watch?: boolean; json?: boolean }): Promise<void> {
  const host = findHost(options.data)
  const session = new AdminSession(host, developmentSigner(host.folder, 'operator'))
  try {
    const proposals = (await session.request({ action: 'describe-proposals', parameters: {} })) as Json[]
    const { reading, ...health } = (await session.request({
      action: 'describe-health',
      parameters: {},
    })) as HostHealth & {
      reading: string
    }
    const show = (now: HostHealth, note: Uint8Array) => {
      const status = { ...now, proposals: proposals.length, checkpoint: Buffer.from(note).toString('utf8') }
      if (options.json) printJson(status)
      else process.stdout.write(`${options.watch && process.stdout.isTTY ? CLEAR : ''}${statusText(status)}\n`)
    }
    show(health, session.kept.read() as Uint8Array)
    const reader = new Audit(session.log, HOST, (query) => session.read({ reading, ...query }), session.kept.read())
    while (options.watch) {
      await wait(WATCH_MS)
      const now = (await session.kept.guard(() => reader.health())) as unknown as HostHealth
      session.kept.advance(session.log, reader.checkpoint as Uint8Array)
      show(now, reader.checkpoint as Uint8Array)
    }
  } finally {
    session.close()
  }
}

export function statusText(status: Status): string {
  const { requests } = status
  const text = status.checkpoint.slice(0, status.checkpoint.indexOf('\n\n') + 1)
  const { size, root } = parseCheckpoint(text)
  const lines = [
    `host       wasmclave ${status.version}, Node ${status.node}, up ${duration(status.uptimeSeconds)}`,
    `log        ${size} entries, root ${toBase64(root)}`,
    `requests   ${requests.done} done, ${requests.failed} failed, ${requests.refused} refused, ${requests.strangers} of strangers, ${requests.repeats} repeated`,
    `proposals  ${status.proposals} pending`,
    '',
    columns('ENCLAVE', 'STATE', 'UP', 'RESTARTS', 'DOCUMENTS'),
    ...status.enclaves.map((each) =>
      columns(each.name, each.state, duration(each.uptimeSeconds), String(each.restarts), String(each.documents)),
    ),
    ...(status.enclaves.length === 0 ? ['(none)'] : []),
  ]
  return lines.map((line) => line.slice(0, 100)).join('\n')
}

function columns(name: string, state: string, up: string, restarts: string, documents: string): string {
  return `${printable(name, 48).padEnd(48)}  ${printable(state, 12).padEnd(12)} ${up.padStart(10)} ${restarts.padStart(9)} ${documents.padStart(11)}`
}

function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ]
  if (days > 0) return `${days}d ${hours}h`
  return hours > 0 ? `${hours}h ${minutes}m` : minutes > 0 ? `${minutes}m ${seconds % 60}s` : `${seconds}s`
}
