/** `wasmclave verify`: judges an attestation document, also AWS's own, under a pinned root. Exits 0, or 1 with the code on stderr. */
import { checkAdmissionLog } from '../client/log/admission.ts'
import { UsageError } from '../errors.ts'
import { sha256 } from '../log/tree.ts'
import {
  appraise,
  checkIsolation,
  checkRecords,
  parseAdmissionRecord,
  parseAttestationDocument,
  parseBootRecord,
  type RecordPreimages,
  verifyGrantChain,
} from '../verifier/index.ts'
import { decodeCbor } from '../wire/cbor.ts'
import { hex } from './attest.ts'
import { decodeBundle, judgeBundle } from './bundle.ts'
import { readFile, readText } from './files.ts'
import { verifyEd25519 } from './kept-checkpoint.ts'
import { printJson } from './output.ts'
import { readCertificate } from './release-verify.ts'

export type VerifyOptions = {
  root: string
  nonce?: string
  at: string
  allowDebug?: boolean
  records?: string
  minIsolation?: string
  bundle?: string
  signingCertificate?: string
  owner?: string
} & Record<string, unknown>

export async function verify(file: string | undefined, options: VerifyOptions): Promise<void> {
  if (options.bundle !== undefined) return verifyBundle(options.bundle, file, options)
  if (file === undefined) throw new UsageError('ERR_USAGE_MISSING', 'a document, or --bundle FILE')
  const document = parseAttestationDocument(readFile(file))
  const at = timeOf(options.at)
  const now = at === 'document' ? new Date(document.timestampMs) : at
  const pcrs: Record<number, string> = {}
  for (let index = 0; index < 32; index++) {
    const value = options[`pcr${index}`]
    if (typeof value === 'string') pcrs[index] = value
  }
  const result = await appraise(
    document,
    {
      root: readText(options.root),
      pcrs,
      allowDebug: options.allowDebug === true,
      ...(options.nonce !== undefined && { nonce: hex(options.nonce, '--nonce') }),
    },
    now,
  )
  const layers = options.minIsolation?.split(',') ?? []
  if (layers.length > 0 && options.records === undefined)
    throw new UsageError('ERR_USAGE_MISSING', '--min-isolation reads the boot record: name it with --records')
  if (options.records !== undefined) {
    const [grantChain, admissionRecord, bootRecord] = decodeCbor(readFile(options.records)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    await checkRecords(document, { grantChain, admissionRecord, bootRecord })
    await checkLogged({ grantChain, admissionRecord })
    checkIsolation(parseBootRecord(bootRecord), layers)
  }
  printJson(result)
}

/**
 * That the launch was logged before it took effect, under the log's key that the owner's grant names: by records that `checkRecords` has
 * held against PCR16 and PCR17. A grant of a development host may name none.
 * @throws RefusedError ERR_EVIDENCE_LOG, ERR_GRANT_*
 */
export async function checkLogged(records: Pick<RecordPreimages, 'grantChain' | 'admissionRecord'>): Promise<void> {
  const { newest } = await verifyGrantChain(records.grantChain)
  checkAdmissionLog(parseAdmissionRecord(records.admissionRecord), newest, { sha256, verify: verifyEd25519 })
}

async function verifyBundle(path: string, file: string | undefined, options: VerifyOptions): Promise<void> {
  if (file !== undefined) throw new UsageError('ERR_USAGE_CONFLICT', 'a bundle brings its own document')
  if (options.signingCertificate === undefined)
    throw new UsageError('ERR_USAGE_MISSING', '--bundle wants --signing-certificate: the pipeline whose values count')
  const pins = {
    root: readText(options.root),
    certificate: readCertificate(options.signingCertificate),
    at: timeOf(options.at),
    ...(options.owner !== undefined && { owner: options.owner.toLowerCase() }),
  }
  printJson(await judgeBundle(decodeBundle(readFile(path)), pins))
}

function timeOf(at: string): Date | 'document' {
  if (at === 'document') return at
  const time = at === 'now' ? new Date() : new Date(at)
  if (Number.isNaN(time.getTime()))
    throw new UsageError('ERR_USAGE_AT', `--at is now, document or a time of RFC 3339: ${at}`)
  return time
}
