/**
 * `wasmclave grant`: the owner's word on what may run for them (PROTOCOLS 2), made and signed away from any host, or a chain shown.
 * The facts of the host come from the genesis in its data folder; the owner's key is read here and goes nowhere.
 */
import { createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { type DataFolder, dataFolder } from '../nitro/data-folder.ts'
import { parseEif } from '../nitro/eif/format.ts'
import { verifyManifests } from '../nitro/eif/manifests.ts'
import type { Measurements } from '../nitro/eif/measure.ts'
import { verifySignature } from '../nitro/eif/signature.ts'
import {
  encodeGrant,
  encodeGrantChain,
  grantSigningInput,
  type LaunchGrant,
  parseGrant,
  type ReleaseRule,
  storeId,
  verifyGrantChain,
} from '../verifier/index.ts'
import { decodeCbor } from '../wire/cbor.ts'
import { publicHex, readGenesis } from './development.ts'
import { readFile, readText, writeFile } from './files.ts'
import { printJson, progress } from './output.ts'

export type GrantOptions = {
  data: string
  eifPath?: string
  pin?: boolean
  pcr8?: string
  pins?: string[]
  enclaveName?: string
  tenant?: string
  workloadName?: string
  minSecurityVersion?: string
  owners?: string[]
  ownerKey?: string
  previous?: string
  output?: string
  show?: string
}

type Signed = [bytes: Uint8Array, signature: Uint8Array]

/** @throws UsageError ERR_USAGE_*, RefusedError ERR_GRANT_*, ERR_IMAGE_* */
export async function grant(options: GrantOptions): Promise<void> {
  if (options.show !== undefined) return printJson(await describeChain(readFile(options.show)))
  if (options.output === undefined) throw new UsageError('ERR_USAGE_MISSING_OUTPUT', '--output, or --show FILE')
  const folder = dataFolder(options.data)
  const key = readKey(options.ownerKey ?? join(folder.customer, 'owner.key'))
  const before = options.previous === undefined ? [] : await chainOf(options.previous)
  const last = before.at(-1)
  const image = options.eifPath === undefined ? undefined : readImage(options.eifPath)
  const previous = last === undefined ? undefined : parseGrant(last[0])
  const bytes = encodeGrant(await compose(folder, options, key, previous, image))
  const signature = new Uint8Array(sign(null, grantSigningInput(bytes), key))
  const chain = encodeGrantChain(
    [...before, [bytes, signature] as Signed].map(([b, s]) => ({ bytes: b, signature: s })),
  )
  // Judged as a host will judge it: a key that may not sign, or a name that changes, is refused here and not at the launch.
  const { newest } = await verifyGrantChain(chain)
  writeFile(options.output, chain, 0o600)
  if (image !== undefined) noteReferences(folder, newest.enclaveName, image.measurements)
  printJson(await describeChain(chain))
}

async function compose(
  folder: DataFolder,
  options: GrantOptions,
  key: KeyObject,
  previous: LaunchGrant | undefined,
  image: Image | undefined,
): Promise<LaunchGrant> {
  const enclaveName = options.enclaveName ?? previous?.enclaveName
  if (enclaveName === undefined) throw new UsageError('ERR_USAGE_MISSING_NAME', '--enclave-name, or --previous FILE')
  const workloadName = options.workloadName ?? image?.workloadName ?? previous?.workloadName
  if (workloadName === undefined)
    throw new UsageError('ERR_USAGE_MISSING_WORKLOAD', '--workload-name, or --eif-path, which names it')
  const owners = options.owners ?? previous?.owners ?? [publicHex(key)]
  const { genesis, digest } = readGenesis(folder)
  return {
    version: (previous?.version ?? 0) + 1,
    owners,
    tenant: options.tenant ?? previous?.tenant ?? 'development',
    enclaveName,
    workloadName,
    storeId: previous?.storeId ?? (await storeId(owners[0] as string, enclaveName)),
    kmsKey: genesis.kmsKey,
    releaseRule: releaseRule(options, image) ?? previous?.releaseRule ?? missingRule(),
    minSecurityVersion: positive(options.minSecurityVersion) ?? previous?.minSecurityVersion ?? 1,
    logKey: genesis.logKey,
    genesisDigest: digest,
    development: genesis.development,
  }
}

function releaseRule(options: GrantOptions, image: Image | undefined): ReleaseRule | undefined {
  const given = [options.pcr8, options.pins, options.pin].filter((value) => value !== undefined)
  if (given.length > 1) throw new UsageError('ERR_USAGE_CONFLICT', 'one of --pcr8, --pins and --pin')
  if (options.pcr8 !== undefined) return { pcr8: pcr(options.pcr8, '--pcr8') }
  if (options.pins !== undefined) return { pins: options.pins.map(pinOf) }
  if (options.pin && image === undefined)
    throw new UsageError('ERR_USAGE_MISSING_EIF', '--pin pins the image of --eif-path')
  if (image === undefined) return undefined
  const { PCR0, PCR1, PCR2, PCR8 } = image.measurements
  return options.pin ? { pins: [{ pcr0: PCR0, pcr1: PCR1, pcr2: PCR2 }] } : { pcr8: PCR8 as string }
}

function missingRule(): never {
  throw new UsageError('ERR_USAGE_MISSING_RULE', 'what may run: --eif-path, --pcr8 or --pins')
}

function pinOf(text: string): { pcr0: string; pcr1: string; pcr2: string } {
  const values = text.split(',')
  if (values.length !== 3)
    throw new UsageError('ERR_USAGE_PINS', `--pins takes PCR0,PCR1,PCR2 for each image: ${text.slice(0, 40)}`)
  const [pcr0, pcr1, pcr2] = values.map((value) => pcr(value, '--pins')) as [string, string, string]
  return { pcr0, pcr1, pcr2 }
}

function pcr(text: string, flag: string): string {
  if (!/^[0-9a-fA-F]{96}$/.test(text))
    throw new UsageError('ERR_USAGE_HEX', `${flag} takes registers of 48 bytes in hex: ${text.slice(0, 40)}`)
  return text.toLowerCase()
}

function positive(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new UsageError('ERR_USAGE_NUMBER', `a number from 1 is due: ${text.slice(0, 40)}`)
  return Number(text)
}

type Image = { workloadName: string; measurements: Measurements }

// An owner grants what is whole and signed, or nothing.
function readImage(path: string): Image {
  const eif = parseEif(readFile(path))
  const { measurements } = verifySignature(eif, new Date())
  return { workloadName: verifyManifests(eif).manifest.workload.name, measurements }
}

function readKey(path: string): KeyObject {
  try {
    return createPrivateKey(readText(path))
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError('ERR_USAGE_KEY', `${path} holds no private key in PEM`)
  }
}

async function chainOf(path: string): Promise<Signed[]> {
  const bytes = readFile(path)
  await verifyGrantChain(bytes)
  return decodeCbor(bytes) as Signed[]
}

async function describeChain(bytes: Uint8Array): Promise<Record<string, unknown>> {
  const { newest, firstOwner } = await verifyGrantChain(bytes)
  const versions = (decodeCbor(bytes) as Signed[]).map(([each]) => {
    const { version, owners, releaseRule, minSecurityVersion } = parseGrant(each)
    return { Version: version, Owners: owners, ReleaseRule: releaseRule, MinSecurityVersion: minSecurityVersion }
  })
  return {
    EnclaveName: newest.enclaveName,
    WorkloadName: newest.workloadName,
    Tenant: newest.tenant,
    StoreID: newest.storeId,
    FirstOwner: firstOwner,
    GenesisDigest: newest.genesisDigest,
    Development: newest.development,
    Versions: versions,
  }
}

// What `proxy` compares with: the owner has looked at this image.
function noteReferences(folder: DataFolder, enclaveName: string, measurements: Measurements): void {
  if (!existsSync(folder.customer)) return
  const path = join(folder.customer, `${enclaveName}.pcrs.json`)
  writeFile(path, JSON.stringify(measurements), 0o600)
  progress(`Reference values of ${enclaveName} are in ${path}.`)
}
