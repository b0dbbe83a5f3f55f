/** `build-enclave`: an image from a folder's enclave.json and workload.wasm, and the release's kernel. Same input, same bytes. */
import { UsageError } from '../../errors.ts'
import { encodeCanonicalJson } from '../../wire/canonical-json.ts'
import { writeEif } from './format.ts'
import {
  imageManifest,
  MAX_MEMORY_PAGES,
  MAX_TABLE_ELEMENTS,
  parseImageManifest,
  part,
  platformManifest,
} from './manifests.ts'

const BUILD_TOOL = 'wasmclave'
const MAX_CUSTOM_METADATA_BYTES = 4096

/** The author's word on a workload: `enclave.json`. */
export type EnclaveDescription = {
  name: string
  version: string
  securityVersion: number
  memory: { maxPages: number }
  table: { maxElements: number }
  attestCallerKey: boolean
}

export type BuildInput = {
  kernel: Uint8Array
  workload: Uint8Array
  description: EnclaveDescription
  toolVersion: string
  /** Shown by describe-eif; not measured. */
  imageName?: string
  imageVersion?: string
  customMetadata?: Record<string, unknown>
  /** SOURCE_DATE_EPOCH, in seconds; 0 where it is not set. */
  buildTimeSeconds: number
}

/** An unsigned image. @throws UsageError ERR_BUILD_DESCRIPTION, ERR_BUILD_METADATA, ERR_BUILD_WORKLOAD */
export function buildEif(input: BuildInput): Uint8Array {
  const { description } = input
  const bootConfiguration = encodeCanonicalJson({ format: 1, channel: 1 })
  const manifestBytes = imageManifest({
    format: 1,
    workload: { name: description.name, version: description.version },
    securityVersion: description.securityVersion,
    memory: { maxPages: description.memory.maxPages },
    table: { maxElements: description.table.maxElements },
    imports: workloadImports(input.workload),
    attestCallerKey: description.attestCallerKey,
    parts: [{ name: 'workload.wasm', ...part(input.workload) }],
  })
  parseImageManifest(manifestBytes)
  return writeEif({
    kernel: input.kernel,
    cmdline: platformManifest(input.kernel, bootConfiguration),
    metadata: metadata(input),
    ramdisks: [bootConfiguration, manifestBytes, input.workload],
    signature: null,
  })
}

/** @throws UsageError ERR_BUILD_DESCRIPTION */
export function parseDescription(text: string): EnclaveDescription {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError('ERR_BUILD_DESCRIPTION', `enclave.json is no JSON: ${(error as Error).message}`)
  }
  const d = value as Record<string, unknown>
  const problem =
    value === null || typeof value !== 'object'
      ? 'is no object'
      : typeof d.name !== 'string'
        ? 'needs "name", a text'
        : typeof d.version !== 'string'
          ? 'needs "version", a text'
          : !isUint(d.securityVersion, 1, 2 ** 31)
            ? 'needs "securityVersion", a number from 1'
            : !isUint((d.memory as { maxPages?: unknown } | undefined)?.maxPages, 1, MAX_MEMORY_PAGES)
              ? `needs "memory": {"maxPages": 1 to ${MAX_MEMORY_PAGES}}`
              : !isUint((d.table as { maxElements?: unknown } | undefined)?.maxElements, 0, MAX_TABLE_ELEMENTS)
                ? `needs "table": {"maxElements": 0 to ${MAX_TABLE_ELEMENTS}}`
                : typeof d.attestCallerKey !== 'boolean'
                  ? 'needs "attestCallerKey", true or false'
                  : undefined
  if (problem !== undefined) throw new UsageError('ERR_BUILD_DESCRIPTION', `enclave.json ${problem}`)
  return value as EnclaveDescription
}

function isUint(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
}

// The engine reads the author's own module here; admission reads it again with its own parser before it runs.
function workloadImports(workload: Uint8Array): string[] {
  let module: WebAssembly.Module
  try {
    module = new WebAssembly.Module(workload as Uint8Array<ArrayBuffer>)
  } catch (error) {
    throw new UsageError('ERR_BUILD_WORKLOAD', `workload.wasm does not compile: ${(error as Error).message}`)
  }
  const names = WebAssembly.Module.imports(module).map((item) => {
    if (item.module !== 'kernel')
      throw new UsageError(
        'ERR_BUILD_WORKLOAD',
        `workload.wasm imports ${item.module}.${item.name}; there is only the module kernel`,
      )
    return item.name
  })
  return [...new Set(names)].sort()
}

// AWS's metadata section, EifIdentityInfo in utils/identity.rs
function metadata(input: BuildInput): Uint8Array {
  if (input.customMetadata !== undefined && JSON.stringify(input.customMetadata).length > MAX_CUSTOM_METADATA_BYTES)
    throw new UsageError('ERR_BUILD_METADATA', `custom metadata has at most ${MAX_CUSTOM_METADATA_BYTES} bytes`)
  const value = {
    ImageName: input.imageName ?? input.description.name,
    ImageVersion: input.imageVersion ?? input.description.version,
    BuildMetadata: {
      BuildTime: new Date(input.buildTimeSeconds * 1000).toISOString().replace('.000Z', '+00:00'),
      BuildTool: BUILD_TOOL,
      BuildToolVersion: input.toolVersion,
      OperatingSystem: 'wasm32',
      KernelVersion: input.toolVersion,
    },
    DockerInfo: null,
    CustomMetadata: input.customMetadata ?? null,
  }
  return new TextEncoder().encode(JSON.stringify(value))
}
