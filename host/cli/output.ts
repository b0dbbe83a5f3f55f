/** What commands print: results on stdout, as JSON of two spaces like nitro-cli's; progress and errors on stderr. */
import { UsageError, WasmclaveError } from '../errors.ts'

/** nitro-cli's error codes, document_errors.rs; the exit code is the number. */
const NITRO_CODES: [pattern: RegExp, code: string, description: string][] = [
  [/^ERR_USAGE_MISSING/, 'E01', 'Missing mandatory argument'],
  [/^ERR_USAGE_CONFLICT/, 'E02', 'CLI conflicting arguments'],
  [/^ERR_(USAGE|POLICY|ADMIN_PARAMETERS|LAUNCH_NAME|LAUNCH_CID)/, 'E03', 'Invalid argument provided'],
  [/^ERR_(GATEWAY|HOST_NOT_RUNNING|ADMIN_CONNECTION)/, 'E11', 'Socket error'],
  [/^ERR_FILE/, 'E19', 'File operation failure'],
  [/^ERR_LAUNCH_CPU/, 'E22', 'Insufficient CPUs available in the pool'],
  [/^ERR_LAUNCH_MEMORY/, 'E26', 'Insufficient memory requested'],
  [/^ERR_LAUNCH_CAPACITY/, 'E27', 'Insufficient memory available'],
  [/^ERR_IMAGE_(UNSIGNED|SIGNATURE)|^ERR_LAUNCH_(PIPELINE|GRANT)|^ERR_GRANT/, 'E59', 'Signature checker failure'],
  [/^ERR_IMAGE_KEY/, 'E60', 'Signing failure'],
  [/^ERR_(IMAGE|LAUNCH_IMAGE)/, 'E35', 'EIF file parsing error'],
  [/^ERR_LAUNCH/, 'E36', 'Enclave boot failure'],
  [/^ERR_(ENCLAVE_NOT_FOUND|HANDSHAKE|STREAM)/, 'E39', 'Enclave process connection failure'],
  [/^ERR_CONSOLE/, 'E44', 'Enclave console connection failure'],
  [/^ERR_BUILD_DOCKER/, 'E49', 'Docker image retrieval failure'],
  [/^ERR_BUILD/, 'E48', 'EIF building error'],
]

/** Wide enough for what is printed; people have 100 columns. */
export const WIDTH = 100

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

export function progress(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Tells what was wrong, and ends with the exit code of nitro-cli for it; 1 where it has none. */
export function failWith(error: unknown): never {
  if (!(error instanceof WasmclaveError)) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(1)
  }
  const [, code, description] = NITRO_CODES.find(([pattern]) => pattern.test(error.code)) ?? []
  process.stderr.write(
    code === undefined
      ? `${error.code}: ${error.message}\n`
      : `[ ${code} ] ${description}. ${error.code}: ${error.message}\n`,
  )
  process.exit(code === undefined ? 1 : Number(code.slice(1)))
}

/** What `explain` says of a code. @throws UsageError ERR_USAGE_CODE */
export function explain(code: string): string {
  const found = NITRO_CODES.find(([, each]) => each === code.toUpperCase())
  if (found === undefined)
    throw new UsageError(
      'ERR_USAGE_CODE',
      `no error ${code}; there are ${NITRO_CODES.map(([, each]) => each)
        .sort()
        .join(', ')}`,
    )
  return `${found[1]}: ${found[2]}. wasmclave names the cause behind it, as ERR_…, with the two values that differ.`
}
