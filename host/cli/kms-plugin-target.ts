/**
 * Which enclave a plugin or its owner means, and by what it is appraised: the customer's folder of a host on this machine, or, for a node
 * that has none, what was written down elsewhere, option by option.
 */
import { join } from 'node:path'
import { connect, type Enclave, identityFromPem, type Policy } from '../client/index.ts'
import { UsageError } from '../errors.ts'
import { dataFolder } from '../nitro/data-folder.ts'
import { readFile, readText } from './files.ts'
import { HeadTokenFile, readHeadToken } from './head-token.ts'
import { customerPolicy } from './proxy.ts'
import { findHost } from './running-host.ts'

export type TargetOptions = {
  data: string
  enclaveName: string
  identity?: string
  endpoint?: string
  root?: string
  owner?: string
  launchGrant?: string
  pcr0?: string
  pcr8?: string
  allowDevelopment?: boolean
}

export type Target = {
  /** @param headToken the newest that this process has seen. @throws like `connect` of host/client */
  connect(headToken: Uint8Array | null): Promise<Enclave>
  /** What a session has seen of the store's head is kept where the customer keeps such things. */
  keep(headToken: Uint8Array | null): void
  flush(): void
}

/** @throws UsageError ERR_USAGE_MISSING, ERR_USAGE_CONFLICT, ERR_FILE_READ; `connect` also UnavailableError ERR_HOST_NOT_RUNNING */
export function targetOf(options: TargetOptions): Target {
  return options.endpoint === undefined ? fromFolder(options) : fromOptions(options, options.endpoint)
}

// Read anew at each connection: a host that started again has another port, and an owner may have written down another image.
function fromFolder({ data, enclaveName, identity }: TargetOptions): Target {
  // The host may start later than who waits for it.
  const folder = dataFolder(data)
  const key = readText(identity ?? join(folder.customer, 'owner.key'))
  const tokens = new HeadTokenFile(folder, enclaveName)
  return {
    connect: async () => {
      const { gateway } = findHost(data)
      tokens.flush()
      const headToken = readHeadToken(folder, enclaveName)
      const policy = customerPolicy(folder, enclaveName)
      const url = `${gateway}/enclaves/${enclaveName}`
      return connect(url, headToken === undefined ? policy : { ...policy, headToken }, await identityFromPem(key))
    },
    keep: (token) => tokens.keep(token),
    flush: () => tokens.flush(),
  }
}

function fromOptions(options: TargetOptions, endpoint: string): Target {
  const { enclaveName, identity, root, owner, launchGrant, pcr0, pcr8, allowDevelopment } = options
  if (root === undefined || identity === undefined)
    throw new UsageError('ERR_USAGE_MISSING', '--endpoint wants --root and --identity beside it')
  const policy: Policy = {
    root: readText(root),
    enclaveName,
    ...(owner !== undefined && { owner }),
    ...(launchGrant !== undefined && { grant: readFile(launchGrant) }),
    ...(pcr0 !== undefined && { pcrs: { 0: pcr0 } }),
    ...(pcr8 !== undefined && { pcr8 }),
    ...(allowDevelopment === true && { allowDevelopment }),
  }
  const key = readText(identity)
  const url = `${endpoint.replace(/\/$/, '')}/enclaves/${enclaveName}`
  return {
    connect: async (headToken) =>
      connect(url, headToken === null ? policy : { ...policy, headToken }, await identityFromPem(key)),
    keep: () => {},
    flush: () => {},
  }
}
