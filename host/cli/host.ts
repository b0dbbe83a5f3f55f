/**
 * `wasmclave host`: the daemon alone. It launches nothing and opens no proxy; enclaves come by signed requests. Without a genesis there
 * is no host, and only `--development` makes one.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { FatalError } from '../errors.ts'
import { dataFolder } from '../nitro/data-folder.ts'
import { makeDevelopmentHost } from './development.ts'
import { documentAge } from './kms.ts'
import { type ServeOptions, serveHost } from './serve.ts'

export type HostCommandOptions = Omit<ServeOptions, 'kms'> & {
  data: string
  development?: boolean
  kmsPort: string
  kmsDocumentAge: string
}

/** @throws FatalError ERR_HOST_GENESIS */
export async function host(options: HostCommandOptions): Promise<void> {
  const folder = options.development ? makeDevelopmentHost(options.data).folder : dataFolder(options.data)
  const genesis = join(folder.nitro, 'genesis.json')
  if (!existsSync(genesis))
    throw new FatalError(
      'ERR_HOST_GENESIS',
      `${genesis} is missing; --development makes one, with keys that lie beside it`,
    )
  const kmsOptions = { port: Number(options.kmsPort), maxDocumentAge: documentAge(options.kmsDocumentAge) }
  const { gateway, kms, metrics, tell } = await serveHost(folder, { ...options, kms: kmsOptions })
  tell({ event: 'ready', gateway, proxy: null, kms, metrics, data: folder.root, enclaves: [] })
  if (!options.json)
    process.stdout.write(
      `gateway at ${gateway}\nkms at ${kms}\n${metrics === null ? '' : `metrics at ${metrics}\n`}data in ${folder.root}\nCtrl-C stops it.\n`,
    )
}
