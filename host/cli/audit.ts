/**
 * `wasmclave audit`: what was asked of an enclave and of its host, by whom, and what came of it. Every number is demanded, every entry
 * proven, and the log held to what was seen of it before: the checkpoint in the customer's folder, and the one in PCR17.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { checkAdmissionLog } from '../client/log/admission.ts'
import { Audit, type AuditedEntry } from '../client/log/audit.ts'
import { errorCode, RefusedError, UsageError } from '../errors.ts'
import { HOST } from '../log/proofs/entry.ts'
import { sha256 } from '../log/tree.ts'
import {
  appraise,
  checkRecords,
  type LaunchGrant,
  parseAdmissionRecord,
  parseAttestationDocument,
  verifyGrantChain,
} from '../verifier/index.ts'
import { evidenceOf } from './attest.ts'
import { Known, tableHead, tableLines } from './audit-table.ts'
import { readFile, readText } from './files.ts'
import { verifyEd25519 } from './kept-checkpoint.ts'
import { readPersonKey } from './key-file.ts'
import { progress } from './output.ts'
import { AdminSession, developmentSigner, findHost, type RunningHost } from './running-host.ts'

export type AuditOptions = {
  data: string
  enclaveName?: string
  launchGrant?: string
  ownerKey?: string
  auditor?: boolean
  follow?: boolean
  json?: boolean
}

/** `--follow` asks on at this pace. */
const FOLLOW_MS = 1000

/** @throws RefusedError ERR_AUDIT_INCOMPLETE, ERR_LOG_*, ERR_ADMIN_*, ERR_EVIDENCE_*; UsageError ERR_USAGE_MISSING_NAME, ERR_FILE_READ */
export async function audit(options: AuditOptions): Promise<void> {
  const name = options.enclaveName
  if (name === undefined)
    throw new UsageError('ERR_USAGE_MISSING_NAME', '--enclave-name, or host for what concerns all')
  const host = findHost(options.data)
  const pinned = await pinnedLog(host, name, options)
  const signer = options.auditor
    ? developmentSigner(host.folder, 'auditor')
    : {
        key: await readPersonKey(options.ownerKey ?? join(host.folder.customer, 'owner.key')),
        folder: host.folder.customer,
      }
  const session = new AdminSession(host, signer, pinned)
  try {
    const opened = (await session.request({ action: 'read-log', parameters: { subject: name } })) as { reading: string }
    const reader = new Audit(
      session.log,
      name,
      (query) => session.read({ reading: opened.reading, ...query }),
      session.kept.read(),
    )
    const catchUp = () => session.kept.guard(() => reader.catchUp())
    const print = printer(name, options.json === true)
    const entries = await catchUp()
    print.entries(entries)
    if (pinned !== undefined && name !== HOST)
      await session.kept.guard(() => compareRunning(host, name, pinned, reader, entries))
    session.kept.advance(session.log, reader.checkpoint as Uint8Array)
    print.complete(entries.length)
    while (options.follow) {
      await wait(FOLLOW_MS)
      print.entries(await catchUp())
      session.kept.advance(session.log, reader.checkpoint as Uint8Array)
    }
  } finally {
    session.close()
  }
}

/** Log and genesis as the owner's own grant names them; an auditor goes by the genesis. */
async function pinnedLog(host: RunningHost, name: string, options: AuditOptions): Promise<LaunchGrant | undefined> {
  const path = options.launchGrant ?? join(host.folder.customer, `${name}.grant`)
  if (options.launchGrant === undefined && (options.auditor || !existsSync(path))) return undefined
  const { newest } = await verifyGrantChain(readFile(path))
  if (newest.logKey === null) throw new RefusedError('ERR_LOG_KEY', `the grant in ${path} names no log`)
  return newest
}

// Where the enclave runs, PCR17 says when its launch was logged, and what the log was then: it must be the same one.
async function compareRunning(
  host: RunningHost,
  name: string,
  grant: LaunchGrant,
  reader: Audit,
  entries: AuditedEntry[],
): Promise<void> {
  const nonce = new Uint8Array(randomBytes(32))
  let evidence: Awaited<ReturnType<typeof evidenceOf>>
  try {
    evidence = await evidenceOf(host.gateway, name, { nonce, userData: null, publicKey: null })
  } catch (error) {
    if (errorCode(error) !== 'ERR_ENCLAVE_NOT_FOUND') throw error
    return progress(`${name} is not running: there is no PCR17 to compare with.`)
  }
  const document = parseAttestationDocument(evidence.document)
  await appraise(document, { root: readText(host.folder.rootCertificate), pcrs: {}, nonce }, new Date())
  await checkRecords(document, evidence)
  const admission = parseAdmissionRecord(evidence.admissionRecord)
  const checkpoint = checkAdmissionLog(admission, grant, { sha256, verify: verifyEd25519 })
  if (checkpoint === undefined) return
  const launch = entries.find(({ index }) => index === admission.logIndex)?.entry
  if (launch?.kind !== 'intent' || launch.subject !== name)
    throw new RefusedError(
      'ERR_EVIDENCE_LOG',
      `entry ${admission.logIndex}, which PCR17 names, is no launch of ${name}`,
    )
  await reader.continues(new TextEncoder().encode(admission.checkpoint as string))
}

function printer(subject: string, json: boolean) {
  const known = new Known()
  const out = (line: string) => void process.stdout.write(`${line}\n`)
  if (!json) out(tableHead())
  return {
    entries(entries: AuditedEntry[]): void {
      if (json) for (const { index, entry } of entries) out(JSON.stringify({ index, ...entry }))
      else for (const line of tableLines(entries, known)) out(line)
    },
    complete(entries: number): void {
      if (json) return out(JSON.stringify({ complete: true, subject, entries }))
      out(`complete: ${entries} entries of ${subject === HOST ? HOST : `${subject} and host`}, each proven`)
    },
  }
}
