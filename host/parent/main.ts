/**
 * The parent: the only process that serves remote peers. It relays frames it cannot open and requests it cannot forge,
 * holds no key, and may lie, lose, replay and delay: nobody relies on it for more than availability (PROTOCOLS.md 9).
 */
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { ControlReader, encodeControl, TO_NITRO, TO_PARENT, type ToNitro, type ToParent } from '../wire/control.ts'
import { AdminEndpoint } from './admin.ts'
import { confine } from './confine.ts'
import { Counts } from './counts.ts'
import { Gateway } from './gateway.ts'
import { KmsRelay } from './kms-relay.ts'
import { Metrics } from './metrics.ts'
import { Slots } from './slots.ts'
import { openEngine } from './store/open.ts'

const CONTROL_FD = 3

const control = new Socket({ fd: CONTROL_FD, readable: true, writable: true })
const tell = (message: ToNitro) => void control.write(encodeControl(TO_NITRO, message))
const counts = new Counts()
const slots = new Slots(tell, counts)
const admin = new AdminEndpoint(tell, counts)
let gateway: Gateway | undefined

async function handle(message: ToParent): Promise<void> {
  switch (message.type) {
    case 'configure': {
      const folder = dirname(message.enclavesSocket)
      // Before the process is confined: what it maps and loads for the store is open then.
      const engine = await openEngine(folder, message.store)
      const kms = new KmsRelay(message.kmsSocket)
      await slots.listen(message.enclavesSocket, { stepDeadlineMs: message.stepDeadlineMs, engine, kms, counts })
      gateway = new Gateway(slots, admin, { origins: message.origins, hosts: message.hosts }, counts)
      const layers = confine(folder)
      const port = await gateway.listen(message.address, message.port)
      const metricsPort = message.metrics === '' ? 0 : await new Metrics(counts).listen(Number(message.metrics))
      return tell({ type: 'listening', port, layers, metricsPort })
    }
    case 'slot':
      return slots.expect(message.slot, message.token)
    case 'store':
      return slots.assignStore(message.slot, message.storeId)
    case 'enclave':
      return slots.assign(message.slot, message.name)
    case 'gone':
      return slots.remove(message.slot)
    case 'drain':
      return slots.drain(message.slot)
    case 'nudge':
      return slots.nudge(message.slot)
    case 'upload':
      return admin.upload(message.connection, message.request)
    case 'answer':
      return admin.answer(message.connection, message.request, message.json)
    case 'shutdown':
      process.exit(0)
  }
}

// Without nitro there is nothing to serve: the pipe's end is the parent's.
control.on('close', () => process.exit(0))
control.on('error', () => process.exit(1))

const reader = new ControlReader(TO_PARENT)
control.on('data', (chunk: Buffer) => {
  for (const message of reader.push(chunk))
    handle(message).catch((error: Error) => {
      tell({ type: 'failed', reason: error.message })
      setImmediate(() => process.exit(1))
    })
})
