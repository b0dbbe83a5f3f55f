/** `wasmclave proxy`: HTTP on loopback for curl and kubectl, over an attested session to one enclave. The customer's side. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect, identityFromPem, type Policy } from '../client/index.ts'
import { proxyTls } from '../client/proxy/certificates.ts'
import { ProxyCredential } from '../client/proxy/credential.ts'
import { writeKubeconfig } from '../client/proxy/kubeconfig.ts'
import { ProxyServer } from '../client/proxy/server.ts'
import { Sessions } from '../client/proxy/sessions.ts'
import { UsageError } from '../errors.ts'
import type { DataFolder } from '../nitro/data-folder.ts'
import { ownerKey, publicHex } from './development.ts'
import { readText } from './files.ts'
import { HeadTokenFile, readHeadToken } from './head-token.ts'
import { findHost } from './running-host.ts'

export type ProxyCommandOptions = {
  data: string
  enclaveName: string
  port: string
  plain?: boolean
  json?: boolean
  /** Where to write a kubeconfig. */
  kubeconfig?: string
  /** Key that opens the sessions, where it is not the owner's: an enrolled user's. */
  identity?: string
}

export async function proxy(options: ProxyCommandOptions): Promise<void> {
  const { folder } = findHost(options.data)
  const identity = await identityFromPem(readText(options.identity ?? join(folder.customer, 'owner.key')))
  const say = (line: string) => void (options.json ? process.stderr : process.stdout).write(`${line}\n`)
  const tokens = new HeadTokenFile(folder, options.enclaveName)
  let appraisals = 0
  const sessions = new Sessions({
    // Asked anew each time: a host that started again has another port, and an owner may have written down another image.
    connect: () => {
      const { gateway } = findHost(options.data)
      const policy = customerPolicy(folder, options.enclaveName)
      const headToken = readHeadToken(folder, options.enclaveName)
      return connect(
        `${gateway}/enclaves/${options.enclaveName}`,
        headToken === undefined ? policy : { ...policy, headToken },
        identity,
      )
    },
    answered: ({ headToken }) => tokens.keep(headToken),
    appraised: ({ headToken, evidence: { appraisal } }) => {
      tokens.keep(headToken)
      if (appraisals++ > 0) say(`appraised again: ${appraisal.moduleId}, PCR0 ${appraisal.pcrs[0]}`)
    },
  })
  const { appraisal } = (await sessions.enclave()).evidence
  const credential = ProxyCredential.open(join(folder.customer, 'proxy.header'))
  const tls = options.plain ? null : await proxyTls(folder.customer, Date.now())
  const server = new ProxyServer({
    port: Number(options.port),
    tls,
    credential,
    request: (each) => sessions.send(each),
    lend: (each) => sessions.lend(each),
  })
  const address = await server.listen()
  if (options.kubeconfig !== undefined)
    writeKubeconfig(options.kubeconfig, address, tls === null ? null : tls.ca, credential.token)
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ event: 'ready', url: address, moduleId: appraisal.moduleId, pcrs: appraisal.pcrs })}\n`,
    )
  else say(`proxy at ${address}\nappraised ${appraisal.moduleId}, PCR0 ${appraisal.pcrs[0]}`)
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
