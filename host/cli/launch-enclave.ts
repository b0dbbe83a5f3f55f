/** What `run-enclave` and `up` do alike: an image and a grant to the host. */
import { createHash } from 'node:crypto'
import { MAX_EIF_BYTES } from '../control/actions.ts'
import { UsageError } from '../errors.ts'
import { developmentRelease } from './development-release.ts'
import { adminRequest, type RunningHost } from './running-host.ts'

export type RunInfo = {
  EnclaveName: string
  EnclaveID: string
  ProcessID: number
  EnclaveCID: number
  NumberOfCPUs: number
  CPUIDs: number[]
  MemoryMiB: number
}

export type LaunchOptions = { name: string | null; memoryMiB: number; cpuCount: number; cid: number | null }

export async function launchEnclave(
  host: Pick<RunningHost, 'gateway' | 'folder'>,
  eif: Uint8Array,
  grantChain: Uint8Array,
  options: LaunchOptions,
  /** DSSE envelope. Without one a development host releases what its own pipeline has signed. */
  release?: Uint8Array,
): Promise<RunInfo> {
  if (eif.length > MAX_EIF_BYTES)
    throw new UsageError('ERR_IMAGE_SIZE', `the image has ${eif.length} bytes, a host takes at most ${MAX_EIF_BYTES}`)
  const envelope = release ?? (await developmentRelease(host, eif))?.envelope
  const parameters = {
    ...options,
    eifSha384: createHash('sha384').update(eif).digest('hex'),
    eifBytes: eif.length,
    grantChain: Buffer.from(grantChain).toString('base64url'),
    release: envelope === undefined ? null : Buffer.from(envelope).toString('base64url'),
  }
  return (await adminRequest(host, { action: 'run-enclave', parameters }, eif)) as unknown as RunInfo
}
