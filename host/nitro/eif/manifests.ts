/**
 * The two measured manifests. AWS's PCRs do not commit where a section ends; the manifests state length and SHA-384 of every other
 * measured section and are measured themselves, so that no byte moves across a boundary unseen.
 */
import { createHash } from 'node:crypto'
import { KERNEL_ABI, WORKLOAD_ABI } from '../../../assembly/abi/limits.ts'
import { RefusedError } from '../../errors.ts'
import { decodeCanonicalJson, encodeCanonicalJson, type Json } from '../../wire/canonical-json.ts'
import type { Eif } from './format.ts'

const FORMAT = 1
/** 4 GiB of 64 KiB pages is what wasm32 can address; 1 GiB is what an enclave may have. */
export const MAX_MEMORY_PAGES = 16_384
export const MAX_TABLE_ELEMENTS = 10_000

export type Part = { lengthBytes: number; sha384: string }
export type PlatformManifest = {
  format: 1
  kernelAbi: number
  workloadAbi: number
  kernel: Part
  bootConfiguration: Part
}
export type ImageManifest = {
  format: 1
  workload: { name: string; version: string }
  securityVersion: number
  memory: { maxPages: number }
  table: { maxElements: number }
  /** Hypercalls, by name, sorted. */
  imports: string[]
  attestCallerKey: boolean
  /** Ramdisk 2 and later: the workload, then files. */
  parts: (Part & { name: string })[]
}

export function platformManifest(kernel: Uint8Array, bootConfiguration: Uint8Array): Uint8Array {
  const manifest: PlatformManifest = {
    format: FORMAT,
    kernelAbi: KERNEL_ABI,
    workloadAbi: WORKLOAD_ABI,
    kernel: part(kernel),
    bootConfiguration: part(bootConfiguration),
  }
  return encodeCanonicalJson(manifest)
}

export function imageManifest(manifest: ImageManifest): Uint8Array {
  return encodeCanonicalJson(manifest)
}

export function part(bytes: Uint8Array): Part {
  return { lengthBytes: bytes.length, sha384: createHash('sha384').update(bytes).digest('hex') }
}

/** Having one means that every measured section of the image is exactly as its manifests say. */
export type VerifiedImage = {
  platform: PlatformManifest
  manifest: ImageManifest
  manifestBytes: Uint8Array
  kernel: Uint8Array
  workload: Uint8Array
}

/** @throws RefusedError ERR_IMAGE_MANIFEST, ERR_JSON_SYNTAX, ERR_JSON_CANONICAL */
export function verifyManifests(eif: Eif): VerifiedImage {
  const [bootConfiguration, manifestBytes, ...parts] = eif.ramdisks
  if (bootConfiguration === undefined || manifestBytes === undefined || parts[0] === undefined)
    throw refused(`${eif.ramdisks.length} ramdisks; boot configuration, image manifest and workload make three`)
  const platform = parsePlatformManifest(eif.cmdline)
  same('the kernel', platform.kernel, part(eif.kernel))
  same('the boot configuration', platform.bootConfiguration, part(bootConfiguration))
  const manifest = parseImageManifest(manifestBytes)
  if (manifest.parts.length !== parts.length)
    throw refused(`${manifest.parts.length} parts in the manifest, ${parts.length} in the image`)
  for (const [index, stated] of manifest.parts.entries())
    same(`part ${stated.name}`, stated, part(parts[index] as Uint8Array))
  return { platform, manifest, manifestBytes, kernel: eif.kernel, workload: parts[0] }
}

export function parsePlatformManifest(bytes: Uint8Array): PlatformManifest {
  const m = object(
    decodeCanonicalJson(bytes),
    ['format', 'kernelAbi', 'workloadAbi', 'kernel', 'bootConfiguration'],
    'the platform manifest',
  )
  if (m.format !== FORMAT) throw refused(`platform manifest of format ${String(m.format)}, this host reads ${FORMAT}`)
  if (m.kernelAbi !== KERNEL_ABI) throw refused(`a kernel of ABI ${String(m.kernelAbi)}, this host runs ${KERNEL_ABI}`)
  if (m.workloadAbi !== WORKLOAD_ABI)
    throw refused(`a workload ABI of ${String(m.workloadAbi)}, this kernel has ${WORKLOAD_ABI}`)
  return {
    format: FORMAT,
    kernelAbi: KERNEL_ABI,
    workloadAbi: WORKLOAD_ABI,
    kernel: parsePart(m.kernel, 'kernel'),
    bootConfiguration: parsePart(m.bootConfiguration, 'bootConfiguration'),
  }
}

export function parseImageManifest(bytes: Uint8Array): ImageManifest {
  const names = [
    'format',
    'workload',
    'securityVersion',
    'memory',
    'table',
    'imports',
    'attestCallerKey',
    'parts',
  ] as const
  const m = object(decodeCanonicalJson(bytes), names, 'the image manifest')
  if (m.format !== FORMAT) throw refused(`image manifest of format ${String(m.format)}, this host reads ${FORMAT}`)
  const workload = object(m.workload, ['name', 'version'], 'workload')
  if (typeof m.attestCallerKey !== 'boolean') throw refused('attestCallerKey is no boolean')
  if (!Array.isArray(m.imports) || !m.imports.every((item) => typeof item === 'string'))
    throw refused('imports is no list of names')
  const imports = m.imports as string[]
  if (imports.some((name, index) => index > 0 && name <= (imports[index - 1] as string)))
    throw refused('imports are not sorted, or named twice')
  if (!Array.isArray(m.parts) || m.parts.length === 0) throw refused('parts is empty')
  return {
    format: FORMAT,
    workload: {
      name: text(workload.name, /^[a-z0-9][a-z0-9._-]{0,63}$/, 'workload.name'),
      version: text(workload.version, /^[0-9A-Za-z.+-]{1,64}$/, 'workload.version'),
    },
    securityVersion: uint(m.securityVersion, 1, 2 ** 31, 'securityVersion'),
    memory: {
      maxPages: uint(object(m.memory, ['maxPages'], 'memory').maxPages, 1, MAX_MEMORY_PAGES, 'memory.maxPages'),
    },
    table: {
      maxElements: uint(
        object(m.table, ['maxElements'], 'table').maxElements,
        0,
        MAX_TABLE_ELEMENTS,
        'table.maxElements',
      ),
    },
    imports,
    attestCallerKey: m.attestCallerKey,
    parts: m.parts.map((item) => {
      const p = object(item, ['name', 'lengthBytes', 'sha384'], 'a part')
      return { name: text(p.name, /^[A-Za-z0-9._-]{1,128}$/, 'part.name'), ...parseLengthAndDigest(p, 'part') }
    }),
  }
}

function parsePart(value: Json, what: string): Part {
  return parseLengthAndDigest(object(value, ['lengthBytes', 'sha384'], what), what)
}

function parseLengthAndDigest(value: { lengthBytes: Json; sha384: Json }, what: string): Part {
  return {
    lengthBytes: uint(value.lengthBytes, 1, 2 ** 31, `${what}.lengthBytes`),
    sha384: text(value.sha384, /^[0-9a-f]{96}$/, `${what}.sha384`),
  }
}

function same(what: string, stated: Part, actual: Part): void {
  if (stated.lengthBytes !== actual.lengthBytes)
    throw refused(`${what} has ${stated.lengthBytes} bytes by its manifest, ${actual.lengthBytes} in the image`)
  if (stated.sha384 !== actual.sha384)
    throw refused(`${what} is ${stated.sha384} by its manifest, ${actual.sha384} in the image`)
}

function object<K extends string>(value: Json, names: readonly K[], what: string): Record<K, Json> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw refused(`${what} is no object`)
  const odd =
    Object.keys(value).find((name) => !names.includes(name as K)) ?? names.find((name) => !Object.hasOwn(value, name))
  if (odd !== undefined) throw refused(`${what} has exactly the fields ${names.join(', ')}; look at ${odd}`)
  return value as Record<K, Json>
}

function uint(value: Json, min: number, max: number, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
    throw refused(`${what} is no number from ${min} to ${max}`)
  return value as number
}

function text(value: Json, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw refused(`${what} does not fit ${pattern.source}`)
  return value
}

function refused(message: string): RefusedError {
  return new RefusedError('ERR_IMAGE_MANIFEST', message)
}
