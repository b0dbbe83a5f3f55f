/** What `build-enclave` and `up` do alike: a folder with enclave.json and workload.wasm to an image. */
import { join } from 'node:path'
import { buildEif, parseDescription } from '../nitro/eif/build.ts'
import { built, packageVersion, readFile, readText } from './files.ts'

export type ImageNames = { imageName?: string; imageVersion?: string; customMetadata?: Record<string, unknown> }

/** An unsigned image. */
export function buildImage(folder: string, names: ImageNames = {}): Uint8Array {
  return buildEif({
    kernel: readFile(built('assembly/kernel/kernel.wasm')),
    workload: readFile(join(folder, 'workload.wasm')),
    description: parseDescription(readText(join(folder, 'enclave.json'))),
    toolVersion: packageVersion(),
    // reproducible-builds.org/specs/source-date-epoch
    buildTimeSeconds: Number(process.env.SOURCE_DATE_EPOCH ?? 0),
    ...names,
  })
}

/** Memory an image needs, in MiB: its manifest's pages, four times its own size, and nitro-cli's least. */
export function neededMemoryMiB(eifBytes: number, maxPages: number): number {
  return Math.max(64, Math.ceil(maxPages / 16), Math.ceil((4 * eifBytes) / 1_048_576))
}
