/** `wasmclave proxy`: HTTP on loopback for curl and kubectl, over an attested session to one enclave. The customer's side. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, type Enclave, identityFromPem, type Policy } from '../client/index.ts'
import { proxyTls } from '../client/proxy/certificates.ts'
import { ProxyCredential } from '../client/proxy/credential.ts'
import { ReconnectingEnclave } from '../client/proxy/reconnecting.ts'
import { ProxyServer } from '../client/proxy/server.ts'
import { UsageError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { ownerKey, publicHex } from './development.ts'
import { readText } from './files.ts'
import { HeadTokenFile, readHeadToken } from './head-token.ts'
import { findHost } from './running-host.ts'

export type ProxyCommandOptions = { data: string; enclaveName: string; port: string; plain?: boolean; json?: boolean }

export async function proxy(options: ProxyCommandOptions): Promise<void> {
  const { gateway, folder } = findHost(options.data)
  const policy = customerPolicy(folder, options.enclaveName)
  const identity = await identityFromPem(readText(join(folder.customer, 'owner.key')))
  const url = `${gateway}/enclaves/${options.enclaveName}`
  const tokens = new HeadTokenFile(folder, options.enclaveName)
  const session = new ReconnectingEnclave(async () => {
    const headToken = readHeadToken(folder, options.enclaveName)
    const enclave = await connect(url, headToken === undefined ? policy : { ...policy, headToken }, identity)
    tokens.keep(enclave.headToken)
    return enclave
  })
  const first: Enclave = await session.enclave()
  const server = new ProxyServer({
    port: Number(options.port),
    tls: options.plain ? null : await proxyTls(folder.customer, Date.now()),
    credential: ProxyCredential.open(join(folder.customer, 'proxy.header')),
    request: async (path, init) => {
      const enclave = await session.enclave()
      const response = await enclave.request(path, init as never)
      tokens.keep(enclave.headToken)
      return response
    },
  })
  const address = await server.listen()
  const appraised = first.evidence.appraisal
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', url: address, moduleId: appraised.moduleId, pcrs: appraised.pcrs })}\n`,
    )
  else process.stdout.write(`proxy at ${address}\nappraised ${appraised.moduleId}, PCR0 ${appraised.pcrs[0]}\n`)
  const stop = () => {
    tokens.flush()
    process.exit(0)
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  // Started by `up`: its end is ours, also when it was killed.
  if (options.json) process.stdin.on('end', stop).resume()
}

/** What the customer's folder says of an enclave: whose it is, and the measurements that its owner wrote down. */
export function customerPolicy(folder: DataFolder, enclaveName: string): Policy {
  const file = join(folder.customer, `${enclaveName}.pcrs.json`)
  if (!existsSync(file))
    throw new UsageError('ERR_POLICY_REFERENCE', `${file} is missing: the owner notes there what should run`)
  const { PCR0, PCR1, PCR2, PCR8 } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  return {
    root: readFileSync(folder.rootCertificate, 'utf8'),
    owner: publicHex(ownerKey(folder)),
    enclaveName,
    pcrs: { 0: PCR0 as string, 1: PCR1 as string, 2: PCR2 as string },
    pcr8: PCR8 as string,
    allowDevelopment: true,
  }
}
