// D02: a parent that leads a client to another enclave, each of them genuine. What tells them apart is in the evidence.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { launchEnclave } from '../../host/cli/launch-enclave.ts'
import { connect, identityFromPem, type Policy } from '../../host/client/index.ts'
import { errorCode } from '../../host/errors.ts'
import { HostUnderTest, imageOf, signedMeasurements } from '../kit/host.ts'

const host = await HostUnderTest.start()
const stranger = await HostUnderTest.start()
t.teardown(async () => {
  await host.stop()
  await stranger.stop()
})
const echo = host.sign(imageOf('echo'))
const older = host.sign(imageOf('echo', undefined, { version: '0.9.0' }))
const measured = signedMeasurements(echo)
const identity = await identityFromPem(readFileSync(join(host.folder.customer, 'owner.key'), 'utf8'))
await host.launch('echo', echo)
const grant = await host.grant('echo', measured)

/** What a client of `echo` makes of being led elsewhere. */
async function led(to: string, policy: Policy): Promise<string> {
  try {
    const enclave = await connect(to, policy, identity)
    enclave.close()
    return `talks to ${enclave.evidence.grant.enclaveName}`
  } catch (error) {
    return errorCode(error) ?? String(error)
  }
}
const at = (name: string, of = host) => `${of.gateway}/enclaves/${name}`

t.test('the twin: it talks to the enclave it means, by owner or by exact grant', async (t) => {
  t.equal(await led(at('echo'), host.policy(measured)), 'talks to echo')
  t.equal(await led(at('echo'), { ...host.policy(measured), grant }), 'talks to echo')
})

t.test('refuses an older release of the same pipeline, for the same owner', async (t) => {
  const oldGrant = await host.grant('old', signedMeasurements(older), 'echo')
  await launchBy(host, older, oldGrant)
  t.equal(await led(at('old'), host.policy(measured)), 'ERR_EVIDENCE_PCR')
  t.equal(await led(at('old'), host.policy(signedMeasurements(older))), 'talks to old', 'its twin')
})

t.test("refuses another host's enclave of the same image", async (t) => {
  const theirs = stranger.sign(imageOf('echo'))
  await stranger.launch('echo', theirs)
  t.match(await led(at('echo', stranger), host.policy(measured)), /^ERR_EVIDENCE_(CHAIN|SIGNATURE)$/, 'by its root')
  const trusting = { ...host.policy(measured), root: readFileSync(stranger.folder.rootCertificate, 'utf8') }
  t.equal(await led(at('echo', stranger), trusting), 'ERR_GRANT_OWNER', 'and, were the root trusted, by its owner')
})

t.test('refuses a second enclave of the same owner and image, where the exact grant is pinned', async (t) => {
  await launchBy(host, echo, await host.grant('echo-2', measured, 'echo'))
  t.equal(await led(at('echo-2'), { ...host.policy(measured), grant }), 'ERR_GRANT_OWNER')
  t.equal(
    await led(at('echo-2'), host.policy(measured)),
    'talks to echo-2',
    'by owner alone it talks, and its evidence says to whom',
  )
})

async function launchBy(on: HostUnderTest, image: Uint8Array, chain: Uint8Array): Promise<void> {
  await launchEnclave({ gateway: on.gateway, folder: on.folder }, image, chain, {
    name: null,
    memoryMiB: 64,
    cpuCount: 1,
    cid: null,
  })
}
