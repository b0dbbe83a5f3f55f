/**
 * A thousand launches and ends on one host: memory and descriptors of nitro and parent, printed every hundred. `node
 * host/cli/bootstrap.cjs --run bench/soak.ts [launches]`. Nothing is asserted: what is flat is for the reader to see.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { HostUnderTest, imageOf, signedMeasurements } from '../test/kit/host.ts'

const LAUNCHES = Number(process.argv[2] ?? 1000)
const EVERY = 100

type Sample = { residentMiB: number; descriptors: number }

function sample(pid: number): Sample {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return { residentMiB: (pages * 4096) / 1_048_576, descriptors: readdirSync(`/proc/${pid}/fd`).length }
}

function childOf(pid: number, name: string): number {
  const found = readdirSync('/proc').find((each) => {
    if (!/^\d+$/.test(each)) return false
    try {
      const parent = Number(/^PPid:\s(\d+)$/m.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1])
      return parent === pid && readFileSync(`/proc/${each}/cmdline`, 'utf8').includes(name)
    } catch {
      return false
    }
  })
  if (found === undefined) throw new Error(`${pid} has no child ${name}`)
  return Number(found)
}

const host = await HostUnderTest.start()
try {
  const image = host.sign(imageOf('echo'))
  const measurements = signedMeasurements(image)
  const parentPid = childOf(host.nitroPid, 'parent.mjs')
  const row = (launches: number, took: number) => {
    const [nitro, parent] = [sample(host.nitroPid), sample(parentPid)]
    const show = ({ residentMiB, descriptors }: Sample) =>
      `${residentMiB.toFixed(0).padStart(5)} MiB ${String(descriptors).padStart(4)} fds`
    process.stdout.write(
      `${String(launches).padStart(6)}  nitro ${show(nitro)}   parent ${show(parent)}   ${took.toFixed(1)} ms a launch and end\n`,
    )
  }
  row(0, 0)
  let since = performance.now()
  for (let launch = 1; launch <= LAUNCHES; launch++) {
    await host.launch('echo', image)
    // Each has served somebody before it ends.
    const enclave = await host.connect('echo', measurements)
    const body = `launch ${launch}`
    const answer = await (await enclave.fetch('/', { method: 'POST', body })).text()
    if (answer !== body) throw new Error(`${answer} came back for ${body}`)
    enclave.close()
    await host.request({ action: 'terminate-enclave', parameters: { name: 'echo' } })
    if (launch % EVERY !== 0) continue
    row(launch, (performance.now() - since) / EVERY)
    since = performance.now()
  }
} finally {
  await host.stop()
}
