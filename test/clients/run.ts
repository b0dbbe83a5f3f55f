/**
 * `npm run clients -- [--only 1.35,client-node]`: real kubectl of four versions, helm 4 and the JavaScript client against a host of this checkout.
 * Installs the clients into a cache folder the first time. Ends with the line `N passed, N failed`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { canarySuite } from './canary.ts'
import { clientNodeSuite } from './client-node.ts'
import { helmSuite } from './helm.ts'
import { clientNode, helmBinary, KUBECTL_VERSIONS, kubectlBinary } from './install.ts'
import { Kubectl } from './kubectl.ts'
import { kubectlScript } from './kubectl-script.ts'
import { restartSuite } from './restart.ts'
import { KubernetesServer } from './server.ts'
import { Tally } from './tally.ts'

/** All of it: a client that hangs fails the run and does not stop it. */
const RUN_MS = 540_000

const SUITES = [...KUBECTL_VERSIONS, 'canary', 'helm', 'client-node', 'restart']
const { values } = parseArgs({ options: { only: { type: 'string' } } })
const chosen = values.only === undefined ? SUITES : values.only.split(',')
const unknown = chosen.filter((name) => !SUITES.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`no ${unknown.join(', ')}; there are ${SUITES.join(', ')}\n`)
  process.exit(2)
}

const tally = new Tally()
const folder = mkdtempSync(join(tmpdir(), 'wcc-home-'))
const server = new KubernetesServer()
const timer = setTimeout(() => void finish(`not done within ${RUN_MS / 1000} s`), RUN_MS)

// Thrown in a callback of the library's: no suite can catch it.
process.once('uncaughtException', (error) => void finish(String(error.stack)))

/** Installs first: what takes long then is the network's, and none of what is measured. */
const versions = KUBECTL_VERSIONS.filter((version) => chosen.includes(version))
const binaries = versions.map(kubectlBinary)
const helm = chosen.includes('helm') ? helmBinary() : ''
const library = chosen.some((name) => name === 'client-node' || name === 'restart') ? clientNode() : ''
try {
  await server.start()
  await Promise.all(
    versions.map((version, i) =>
      timed(`kubectl ${version}`, () =>
        kubectlScript(new Kubectl(version, binaries[i] as string, server.kubeconfig, folder, tally)),
      ),
    ),
  )
  if (chosen.includes('canary')) {
    const kubectl = new Kubectl('canary', kubectlBinary('1.35'), server.kubeconfig, folder, tally)
    await timed('canary', () => canarySuite(kubectl, server))
  }
  if (chosen.includes('helm'))
    await timed('helm', () => helmSuite(helm, kubectlBinary('1.35'), server.kubeconfig, folder, tally))
  if (chosen.includes('client-node'))
    await timed('client-node', () => clientNodeSuite(library, server.kubeconfig, tally))
  if (chosen.includes('restart')) await timed('restart', () => restartSuite(library, server, tally))
} catch (error) {
  tally.note(false, 'run', 'goes to its end', String((error as Error).stack ?? error))
}
await finish()

async function timed(name: string, suite: () => Promise<void>): Promise<void> {
  const start = performance.now()
  const before = tally.failed
  await suite()
  const took = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(`${tally.failed === before ? 'ok  ' : 'FAIL'} ${name}  ${took} s\n`)
}

async function finish(problem?: string): Promise<void> {
  clearTimeout(timer)
  if (problem !== undefined) tally.note(false, 'run', problem)
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
  process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed\n`)
  process.exit(tally.failed === 0 && tally.passed > 0 ? 0 : 1)
}
