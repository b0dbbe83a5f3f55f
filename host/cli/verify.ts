/** `wasmclave verify`: judges an attestation document, also AWS's own, under a pinned root. Exits 0, or 1 with the code on stderr. */
import { UsageError } from '../errors.ts'
import { appraise, checkIsolation, checkRecords, parseAttestationDocument, parseBootRecord } from '../verifier/index.ts'
import { decodeCbor } from '../wire/cbor.ts'
import { hex } from './attest.ts'
import { readFile, readText } from './files.ts'
import { printJson } from './output.ts'

export type VerifyOptions = {
  root: string
  nonce?: string
  at: string
  allowDebug?: boolean
  records?: string
  minIsolation?: string
} & Record<string, unknown>

export async function verify(file: string, options: VerifyOptions): Promise<void> {
  const document = parseAttestationDocument(readFile(file))
  const now =
    options.at === 'document'
      ? new Date(document.timestampMs)
      : options.at === 'now'
        ? new Date()
        : new Date(options.at)
  if (Number.isNaN(now.getTime()))
    throw new UsageError('ERR_USAGE_AT', `--at is now, document or a time of RFC 3339: ${options.at}`)
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
    checkIsolation(parseBootRecord(bootRecord), layers)
  }
  printJson(result)
}
