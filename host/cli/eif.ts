/** The verbs on image files: build-enclave, sign-eif, describe-eif, pcr. */
import { X509Certificate } from 'node:crypto'
import { UsageError } from '../errors.ts'
import { describeEif, printed } from '../nitro/eif/describe.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { extend, measureEif } from '../nitro/eif/measure.ts'
import { parseSignature, signEif } from '../nitro/eif/signature.ts'
import { buildImage } from './build-image.ts'
import { readFile, readJsonObject, readText, writeFile } from './files.ts'
import { printJson, progress } from './output.ts'

export type BuildOptions = {
  dockerUri?: string
  dockerDir?: string
  outputFile: string
  signingCertificate?: string
  privateKey?: string
  name?: string
  version?: string
  metadata?: string
}

export function buildEnclave(options: BuildOptions): void {
  if (options.dockerDir === undefined)
    throw options.dockerUri === undefined
      ? new UsageError('ERR_USAGE_MISSING_DIR', '--docker-dir names the folder with enclave.json and workload.wasm')
      : new UsageError(
          'ERR_BUILD_DOCKER',
          '--docker-uri: wasmclave runs WebAssembly, not containers; put enclave.json and workload.wasm into a folder and name it with --docker-dir',
        )
  if ((options.signingCertificate === undefined) !== (options.privateKey === undefined))
    throw new UsageError('ERR_USAGE_MISSING_KEY', '--signing-certificate and --private-key go together')
  progress('Start building the Enclave Image...')
  let eif = buildImage(options.dockerDir, {
    ...(options.name !== undefined && { imageName: options.name }),
    ...(options.version !== undefined && { imageVersion: options.version }),
    ...(options.metadata !== undefined && {
      customMetadata: readJsonObject(options.metadata),
    }),
  })
  if (options.signingCertificate !== undefined)
    eif = signEif(eif, readText(options.signingCertificate), readText(options.privateKey as string))
  writeFile(options.outputFile, eif)
  progress('Enclave Image successfully created.')
  printJson({ Measurements: measurements(eif) })
}

export function signEnclave(options: { eifPath: string; signingCertificate: string; privateKey: string }): void {
  const eif = signEif(readFile(options.eifPath), readText(options.signingCertificate), readText(options.privateKey))
  writeFile(options.eifPath, eif)
  progress('Enclave Image successfully signed.')
  printJson({ Measurements: measurements(eif) })
}

export function describeImage(options: { eifPath: string }): void {
  printJson(describeEif(readFile(options.eifPath)))
}

export function pcr(options: { input?: string; signingCertificate?: string }): void {
  if ((options.input === undefined) === (options.signingCertificate === undefined))
    throw new UsageError(
      options.input === undefined ? 'ERR_USAGE_MISSING_INPUT' : 'ERR_USAGE_CONFLICT',
      'one of --input and --signing-certificate',
    )
  if (options.input !== undefined) printJson({ PCR: extend(readFile(options.input)) })
  else printJson({ PCR8: extend(certificateOf(options.signingCertificate as string)) })
}

function certificateOf(path: string): Uint8Array {
  const pem = readText(path)
  try {
    return new X509Certificate(pem).raw
  } catch {
    throw new UsageError('ERR_IMAGE_KEY', `${path} holds no certificate in PEM`)
  }
}

export function measurements(eif: Uint8Array): Record<string, string> {
  const parsed = parseEif(eif)
  return printed(
    measureEif(parsed, parsed.signature === null ? null : parseSignature(parsed.signature).certificate.raw),
  )
}
