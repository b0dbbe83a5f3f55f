/** A host's data folder: who may open what (PROTOCOLS.md 9), made with modes that keep other users out. */
import { chmodSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'

export type DataFolder = {
  root: string
  /** PKI, genesis, host id: the nitro process alone. */
  nitro: string
  /** Sockets and stores: the parent alone. */
  store: string
  kms: string
  /** Where the KMS serves the parent, in the parent's folder. */
  kmsSocket: string
  /** The customer's side; no process of the host reads it. */
  customer: string
  /** Keys of people who, outside of development, are not on this machine. */
  development: string
  /** Where other commands find the host that runs here. */
  hostFile: string
  rootCertificate: string
}

export function dataFolder(path: string): DataFolder {
  const root = resolve(path)
  return {
    root,
    nitro: join(root, 'nitro'),
    store: join(root, 'store'),
    kms: join(root, 'kms'),
    kmsSocket: join(root, 'store', 'kms.sock'),
    customer: join(root, 'customer'),
    development: join(root, 'development'),
    hostFile: join(root, 'host.json'),
    rootCertificate: join(root, 'nitro-root.pem'),
  }
}

export function makeDataFolder(path: string): DataFolder {
  const folder = dataFolder(path)
  for (const each of [folder.root, folder.nitro, folder.store, folder.kms, folder.customer, folder.development]) {
    mkdirSync(each, { recursive: true, mode: 0o700 })
    chmodSync(each, 0o700)
  }
  return folder
}
