/**
 * `kubectl create secret` with a canary as name and value: in the memory of the enclave and of the customer's proxy, and in that of no other
 * process of the host, nor in any file, argument or environment. Memory is root's to read; others skip that part.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Canary, holdsCanary, makeCanary } from '../../host/claims/canary.ts'
import { searchProcessMemory } from '../../host/claims/process-memory.ts'
import { hostProcesses } from '../../host/claims/processes.ts'
import type { Kubectl } from './kubectl.ts'
import type { KubernetesServer } from './server.ts'

export async function canarySuite(kubectl: Kubectl, server: KubernetesServer): Promise<void> {
  const canary = makeCanary()
  const secret = `secret generic ${canary.name} --from-literal=password=${canary.value}`
  await kubectl.run(`create ns ${kubectl.namespace}`)
  await kubectl.expect(`create ${secret}`, { out: `secret/${canary.name} created\n` })
  const read = await kubectl.expect(`get secret ${canary.name} -o yaml`, { out: /password: / })
  await kubectl.expect(`annotate secret ${canary.name} note=${canary.value}`, { out: /annotated/ })
  await kubectl.expect('get secrets', { out: new RegExp(canary.name) })
  kubectl.note(holdsCanary(Buffer.from(read.out), canary), 'the search finds it in what kubectl reads, in base64 there')
  files(kubectl, server.data, canary)
  const processes = hostProcesses(server.pid)
  kubectl.note(processes.length >= 4, 'nitro, kms, parent and an enclave are there', JSON.stringify(processes))
  for (const { kind, pid } of processes)
    for (const file of ['cmdline', 'environ', 'status'])
      kubectl.note(!holdsCanary(bytesOf(`/proc/${pid}/${file}`), canary), `${kind}: ${file} does not hold it`)
  if (process.getuid?.() === 0) memory(kubectl, server, canary)
  else process.stdout.write('     memory is not searched: only root can read it\n')
}

function files(kubectl: Kubectl, folder: string, canary: Canary): void {
  const found: string[] = []
  let count = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    count++
    const path = join(entry.parentPath, entry.name)
    if (holdsCanary(Buffer.from(path), canary) || holdsCanary(bytesOf(path), canary)) found.push(path)
  }
  kubectl.note(
    count > 20 && found.length === 0,
    `none of ${count} files of the host's folder holds it`,
    found.join('\n'),
  )
}

function memory(kubectl: Kubectl, server: KubernetesServer, canary: Canary): void {
  const holders = { enclave: 0, others: [] as string[] }
  for (const { kind, pid } of hostProcesses(server.pid)) {
    const { searchedBytes, at } = searchProcessMemory(pid, canary)
    if (kind === 'enclave') holders.enclave += at === undefined ? 0 : 1
    else {
      kubectl.note(searchedBytes > 2 ** 20, `${kind}: memory was read`)
      if (at !== undefined) holders.others.push(`${kind} ${pid} at ${at}`)
    }
  }
  kubectl.note(holders.enclave === 1, 'one enclave has it in memory: the search finds it there')
  kubectl.note(holders.others.length === 0, 'nitro, kms and parent do not have it in memory', holders.others.join('\n'))
  const proxied = searchProcessMemory(server.proxyPid, canary)
  kubectl.note(proxied.at !== undefined, "the customer's proxy has it in memory, being the customer's")
}

function bytesOf(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0)
  }
}
