/**
 * `wasmclave audit --kubernetes`: who asked the API inside an enclave for what, as the enclave itself has written it down, over the owner's
 * attested session. The chain is verified from the oldest event that is held, and has to go on from the head that was seen last
 * (DIR/customer/NAME.audit.json) and from the end of the copy in `--output`.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect, type Enclave, identityFromPem } from '../client/index.ts'
import { type AuditBatch, type AuditPoint, readKubernetesAudit, verifyAuditCopy } from '../client/kubernetes-audit.ts'
import { UsageError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { eventLine, eventTableHead } from './audit-kubernetes-table.ts'
import { readFile, readJsonObject, readText } from './files.ts'
import { readHeadToken, writeHeadToken } from './head-token.ts'
import { progress } from './output.ts'
import { customerPolicy } from './proxy.ts'
import { findHost } from './running-host.ts'

export type KubernetesAuditOptions = {
  data: string
  enclaveName?: string
  output?: string
  since?: string
  follow?: boolean
  offline?: boolean
  json?: boolean
}

/** `--follow` asks on at this pace. */
const FOLLOW_MS = 1000

/** @throws RefusedError ERR_AUDIT_CHAIN, ERR_AUDIT_INCOMPLETE, ERR_AUDIT_BEHIND, ERR_AUDIT_GAP, ERR_AUDIT_ANSWER; UsageError ERR_USAGE_* */
export async function auditKubernetes(options: KubernetesAuditOptions): Promise<void> {
  const since = readSince(options.since)
  if (options.offline) return verifyFile(options)
  const name = options.enclaveName ?? 'kubernetes'
  const copied =
    options.output !== undefined && existsSync(options.output) ? await endOfCopy(options.output) : undefined
  const { gateway, folder } = findHost(options.data)
  const kept = readKept(folder, name)
  const headToken = readHeadToken(folder, name)
  const enclave = await connect(
    `${gateway}/enclaves/${name}`,
    { ...customerPolicy(folder, name), ...(headToken !== undefined && { headToken }) },
    await identityFromPem(readText(join(folder.customer, 'owner.key'))),
  )
  try {
    await readAll(enclave, { ...options, since, name, folder, copied, kept })
  } finally {
    enclave.close()
  }
}

type Reading = {
  name: string
  folder: DataFolder
  since: number
  copied: AuditPoint | undefined
  kept: AuditPoint | undefined
  output?: string
  follow?: boolean
  json?: boolean
}

async function readAll(enclave: Enclave, reading: Reading): Promise<void> {
  const out = (line: string) => void process.stdout.write(`${line}\n`)
  let { kept } = reading
  let after = reading.copied
  // Not before all of it is verified, up to the head
  const take = (batches: AuditBatch[]) => {
    for (const { after, bytes, lines } of batches) {
      // CRASH: a batch that is there in part is found by the next call, which says where
      if (reading.output !== undefined) appendFileSync(reading.output, bytes, { mode: 0o600 })
      lines.forEach((line, index) => {
        const number = after + index + 1
        if (number > reading.since) out(reading.json ? line : eventLine(number, line))
      })
    }
  }
  if (!reading.json) out(eventTableHead())
  for (let first = true; first || reading.follow; first = false) {
    if (!first) await wait(FOLLOW_MS)
    const batches: AuditBatch[] = []
    const { head, dropped, unchecked } = await readKubernetesAudit(
      enclave,
      { ...(after !== undefined && { after }), ...(kept !== undefined && { points: [kept] }) },
      (batch) => void batches.push(batch),
    )
    take(batches)
    if (first) summary(head, dropped, unchecked)
    after = head
    if (kept === undefined || head.events > kept.events) writeKept(reading.folder, reading.name, head)
    kept = head
    if (enclave.headToken !== null) writeHeadToken(reading.folder, reading.name, enclave.headToken)
  }
}

function summary(head: AuditPoint, dropped: AuditPoint, unchecked: AuditPoint[]): void {
  progress(`verified: ${head.events} events, held from ${dropped.events + 1} on, head ${head.hash}`)
  for (const { events } of unchecked)
    progress(`not compared: event ${events}, which was seen before, is not held any more`)
}

/** Of the copy alone: that it fits together, and what it says. */
async function verifyFile(options: KubernetesAuditOptions): Promise<void> {
  if (options.output === undefined)
    throw new UsageError('ERR_USAGE_MISSING', '--offline wants --output, a copy to verify')
  const found = await verifyAuditCopy(readFile(options.output))
  process.stdout.write(
    found === undefined
      ? 'empty\n'
      : `verified: events ${found.from.events + 1} to ${found.to.events}, head ${found.to.hash}\n`,
  )
}

async function endOfCopy(path: string): Promise<AuditPoint | undefined> {
  return (await verifyAuditCopy(readFile(path)))?.to
}

function readSince(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^\d{1,15}$/.test(text)) throw new UsageError('ERR_USAGE_NUMBER', `--since is the number of an event: ${text}`)
  return Number(text)
}

function keptPath(folder: DataFolder, name: string): string {
  return join(folder.customer, `${name}.audit.json`)
}

/** @throws UsageError ERR_FILE_AUDIT */
function readKept(folder: DataFolder, name: string): AuditPoint | undefined {
  const path = keptPath(folder, name)
  if (!existsSync(path)) return undefined
  const { events, hash } = readJsonObject(path)
  if (Number.isSafeInteger(events) && typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash))
    return { events: events as number, hash }
  throw new UsageError(
    'ERR_FILE_AUDIT',
    `${path} holds no head of an audit: ${readFileSync(path, 'utf8').slice(0, 80)}`,
  )
}

function writeKept(folder: DataFolder, name: string, head: AuditPoint): void {
  const path = keptPath(folder, name)
  writeFileSync(`${path}.new`, `${JSON.stringify(head)}\n`, { mode: 0o600 })
  // CRASH: the old head stands: it proves less, and nothing wrong.
  renameSync(`${path}.new`, path)
}
