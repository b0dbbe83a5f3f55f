/** A kubeconfig for the proxy: where it is, its CA and its token. Whoever reads it is the owner, so it has mode 0600. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'

const NAME = 'wasmclave'

/** @param ca PEM, or null for plain http, over which kubectl sends no credential and other clients want to be told that they may */
export function writeKubeconfig(path: string, server: string, ca: string | null, token: string): void {
  const trust =
    ca === null ? 'insecure-skip-tls-verify: true' : `certificate-authority-data: ${Buffer.from(ca).toString('base64')}`
  const text = `apiVersion: v1
kind: Config
current-context: ${NAME}
contexts:
- name: ${NAME}
  context:
    cluster: ${NAME}
    user: owner
clusters:
- name: ${NAME}
  cluster:
    server: ${server}
    ${trust}
users:
- name: owner
  user:
    token: ${token}
`
  rmSync(`${path}.new`, { force: true })
  writeFileSync(`${path}.new`, text, { mode: 0o600, flag: 'wx' })
  // CRASH: the old file still stands, and names a proxy that has ended.
  renameSync(`${path}.new`, path)
}
