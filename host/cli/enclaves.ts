/** The verbs on a running host: run-enclave, describe-enclaves, terminate-enclave, console. */
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { RefusedError, UsageError } from '../errors.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { verifyManifests } from '../nitro/eif/manifests.ts'
import { measureEif } from '../nitro/eif/measure.ts'
import { parseSignature } from '../nitro/eif/signature.ts'
import { developmentGrant } from './development.ts'
import { readFile, readJsonObject } from './files.ts'
import { launchEnclave } from './launch-enclave.ts'
import { printJson, progress } from './output.ts'
import { adminRequest, findHost } from './running-host.ts'

export type RunOptions = {
  data: string
  eifPath?: string
  memory?: string
  cpuCount?: string
  cpuIds?: string[]
  enclaveCid?: string
  enclaveName?: string
  launchGrant?: string
  release?: string
  debugMode?: boolean
  attachConsole?: boolean
  config?: string
}

const MIB: Record<string, number> = { '': 1, M: 1, G: 1024, T: 1024 * 1024 }

export async function runEnclave(given: RunOptions): Promise<void> {
  const options = given.config === undefined ? given : { ...given, ...fromConfig(readJsonObject(given.config)) }
  if (options.debugMode || options.attachConsole)
    throw new RefusedError(
      'ERR_CONSOLE_DEBUG',
      'there is no debug mode and no console: nothing of an enclave is shown to its operator',
    )
  if (options.eifPath === undefined) throw new UsageError('ERR_USAGE_MISSING_EIF', '--eif-path')
  if (options.memory === undefined) throw new UsageError('ERR_USAGE_MISSING_MEMORY', '--memory, in MiB')
  if (options.cpuCount !== undefined && options.cpuIds !== undefined)
    throw new UsageError('ERR_USAGE_CONFLICT', 'one of --cpu-count and --cpu-ids')
  const memoryMiB = parseMemory(options.memory)
  const cpuCount = options.cpuIds?.length ?? parseUint(options.cpuCount ?? '1', '--cpu-count', 1)
  const cid = options.enclaveCid === undefined ? null : parseUint(options.enclaveCid, '--enclave-cid', 0)
  const host = findHost(options.data)
  const eif = readFile(options.eifPath)
  const named = options.enclaveName ?? basename(options.eifPath).replace(/\.eif$/, '')
  const grant =
    options.launchGrant === undefined ? await grantFor(host.folder, named, eif) : readFile(options.launchGrant)
  // A grant brings its own name.
  const name = options.launchGrant === undefined ? named : (options.enclaveName ?? null)
  const release = options.release === undefined ? undefined : readFile(options.release)
  progress('Start allocating memory...')
  const info = await launchEnclave(host, eif, grant, { name, memoryMiB, cpuCount, cid }, release)
  progress(
    `Started enclave with enclave-cid: ${info.EnclaveCID}, memory: ${info.MemoryMiB} MiB, cpu-ids: [${info.CPUIDs.join(', ')}]`,
  )
  printJson(info)
}

export async function describeEnclaves(options: { data: string; metadata?: boolean }): Promise<void> {
  printJson(
    await adminRequest(findHost(options.data), {
      action: 'describe-enclaves',
      parameters: { metadata: options.metadata === true },
    }),
  )
}

export async function terminateEnclave(options: {
  data: string
  enclaveId?: string
  enclaveName?: string
  all?: boolean
}): Promise<void> {
  const chosen = [options.enclaveId, options.enclaveName, options.all].filter((value) => value !== undefined)
  if (chosen.length !== 1)
    throw new UsageError(
      chosen.length === 0 ? 'ERR_USAGE_MISSING_ENCLAVE' : 'ERR_USAGE_CONFLICT',
      'one of --enclave-id, --enclave-name and --all',
    )
  const parameters =
    options.enclaveId !== undefined
      ? { id: options.enclaveId }
      : options.enclaveName !== undefined
        ? { name: options.enclaveName }
        : { all: true as const }
  const result = await adminRequest(findHost(options.data), { action: 'terminate-enclave', parameters })
  for (const ended of [result].flat() as { EnclaveID: string }[])
    progress(`Successfully terminated enclave ${ended.EnclaveID}.`)
  printJson(result)
}

export function console(): never {
  throw new RefusedError(
    'ERR_CONSOLE_DEBUG',
    'enclaves have no console; on Nitro, too, only those in debug mode have one',
  )
}

// On a development host the CLI is the owner's hand too: the grant that a customer would send.
async function grantFor(
  folder: Parameters<typeof developmentGrant>[0],
  enclaveName: string,
  eif: Uint8Array,
): Promise<Uint8Array> {
  const parsed = parseEif(eif)
  if (parsed.signature === null)
    throw new RefusedError('ERR_IMAGE_UNSIGNED', 'the image is not signed: sign it with sign-eif')
  const measurements = measureEif(parsed, parseSignature(parsed.signature).certificate.raw)
  const workloadName = verifyManifests(parsed).manifest.workload.name
  const grant = await developmentGrant(folder, {
    enclaveName,
    workloadName,
    releaseRule: { pcr8: measurements.PCR8 as string },
  })
  writeFileSync(join(folder.customer, `${enclaveName}.grant`), grant, { mode: 0o600 })
  writeFileSync(join(folder.customer, `${enclaveName}.pcrs.json`), JSON.stringify(measurements), { mode: 0o600 })
  return grant
}

function parseMemory(text: string): number {
  const match = /^(\d+)([MGT]?)$/.exec(text)
  if (match === null) throw new UsageError('ERR_USAGE_MEMORY', `--memory is MiB, or a number with M, G or T: ${text}`)
  return Number(match[1]) * (MIB[match[2] as string] as number)
}

function parseUint(text: string, flag: string, least: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) < least)
    throw new UsageError('ERR_USAGE_NUMBER', `${flag} is a number from ${least}: ${text.slice(0, 40)}`)
  return Number(text)
}

// nitro-cli's keys
function fromConfig(config: Record<string, unknown>): Partial<RunOptions> {
  const value = (key: string) => (config[key] === undefined ? undefined : String(config[key]))
  return Object.fromEntries(
    Object.entries({
      eifPath: value('eif_path'),
      memory: value('memory_mib'),
      cpuCount: value('cpu_count'),
      cpuIds: Array.isArray(config.cpu_ids) ? config.cpu_ids.map(String) : undefined,
      enclaveCid: value('enclave_cid'),
      enclaveName: value('enclave_name'),
      debugMode: config.debug_mode === true ? true : undefined,
      attachConsole: config.attach_console === true ? true : undefined,
    }).filter(([, each]) => each !== undefined),
  ) as Partial<RunOptions>
}
