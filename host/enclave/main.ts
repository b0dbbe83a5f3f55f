/**
 * An enclave's process: one image, once. Locks itself down, reports ready, takes its launch from nitro (fd 4), boots the kernel, makes
 * the workload, and serves: blocking reads of fd 3, one step of the kernel a batch, one write. No event loop, no network, no stdout.
 */
import { BLAME_KERNEL, BLAME_NITRO, FAULT_BOOT, FAULT_PROTOCOL, FAULT_TRAP } from '../../assembly/abi/fault.ts'
import { MAX_LAUNCH_PAYLOAD, MAX_RELAY_PAYLOAD, TICK_MS } from '../../assembly/abi/limits.ts'
import { PHASE_MEASURED, PHASE_OPENING } from '../../assembly/abi/phase.ts'
import {
  CONTROL_EPITAPH,
  CONTROL_LAUNCH,
  CONTROL_READY,
  CONTROL_REHEARSE,
  CONTROL_REHEARSED,
  CONTROL_SERVING,
} from '../../assembly/abi/wire.ts'
import { Gone, ParentReader, readControl, writeControl, writeParent } from './descriptors.ts'
import { EnclaveFault, Kernel } from './kernel.ts'
import { parseLaunch } from './launch.ts'
import { lockDown } from './lockdown.ts'
import { NsmPort } from './nsm-port.ts'
import { Opening } from './opening.ts'
import { rehearse } from './rehearsal.ts'
import { Workload } from './workload.ts'

/** Holds the largest frame and what came with it. */
const READ_BYTES = 2 * MAX_RELAY_PAYLOAD
const NOTICE_CLOSED = 1
const NOTICE_ATTESTED = 2
const NOTICE_TICK = 3
const NOTICE_DRAINED = 4
const COUNTERS = 6

// Monotone; its start says nothing.
const nowMs = () => performance.now()

let kernel: Kernel | undefined

try {
  serve()
} catch (error) {
  if (error instanceof Gone) process.exit(0)
  const fault = error instanceof EnclaveFault ? error : new EnclaveFault(FAULT_TRAP, BLAME_KERNEL)
  writeControl(CONTROL_EPITAPH, epitaph(fault))
  process.exit(1)
}

function serve(): void {
  const [ppid = '0'] = process.argv.slice(2)
  const layers = lockDown(Number(ppid))
  writeControl(CONTROL_READY, Buffer.from(JSON.stringify({ pid: process.pid, node: process.version, layers })))
  let frame = readControl(MAX_LAUNCH_PAYLOAD)
  if (frame.type === CONTROL_REHEARSE) {
    rehearse(parseLaunch(frame.payload), nowMs)
    writeControl(CONTROL_REHEARSED, new Uint8Array(0))
    frame = readControl(MAX_LAUNCH_PAYLOAD)
  }
  if (frame.type !== CONTROL_LAUNCH) throw new EnclaveFault(FAULT_PROTOCOL, BLAME_NITRO)
  const launch = parseLaunch(frame.payload)

  kernel = new Kernel(launch.kernel)
  const { exports } = kernel
  const nsm = new NsmPort(kernel)
  kernel.check(exports.boot(kernel.put(launch.bootInput), nowMs()))
  nsm.submit(nowMs)
  if (nsm.pending) throw new EnclaveFault(FAULT_BOOT, BLAME_NITRO)

  const parent = new ParentReader(READ_BYTES)
  let workload: Workload | undefined
  let announced = false
  const opening = new Opening(kernel)
  let tickedAt = nowMs()
  flush(kernel)
  for (;;) {
    // Measured, and the store open where there is one: now, or once an owner has accepted what lies there.
    if (exports.phase() === PHASE_MEASURED) {
      workload = new Workload(kernel, launch.workload)
      workload.start()
      kernel.check(exports.workloadReady())
    }
    if (!announced && exports.phase() === PHASE_OPENING) opening.report(nowMs())
    else if (!announced) {
      writeControl(CONTROL_SERVING, new Uint8Array(0))
      announced = true
    }
    const frames = parent.read(MAX_RELAY_PAYLOAD)
    if (frames !== undefined) kernel.check(exports.step(kernel.put(frames), nowMs()))
    // Also where frames never cease: heartbeat and expiry must not wait until strangers are silent. A step that has ended the opening
    // comes first: the kernel takes nothing more until its workload is there.
    if ((frames === undefined || nowMs() - tickedAt >= TICK_MS) && exports.phase() !== PHASE_MEASURED) {
      kernel.check(exports.tick(nowMs()))
      tickedAt = nowMs()
    }
    nsm.submit(nowMs)
    nsm.collect(nowMs())
    dispatch(kernel, workload)
    nsm.submit(nowMs)
    flush(kernel)
  }
}

// Whole requests and notices, one by one. The kernel never calls out: nothing of it is on the stack while the workload runs.
function dispatch(kernel: Kernel, workload: Workload | undefined): void {
  const { exports } = kernel
  if (workload === undefined) {
    // A stale store: the kernel answers what comes, and has nothing for a workload
    exports.nextRequest()
    exports.nextNotice()
    return
  }
  for (let request = exports.nextRequest(); request !== 0; request = exports.nextRequest())
    kernel.check(exports.requestDone(workload.handle(request) ?? -1))
  for (let notice = exports.nextNotice(); notice !== 0; notice = exports.nextNotice()) {
    let status = 0
    if (notice === NOTICE_CLOSED) workload.closed(exports.noticeId())
    else if (notice === NOTICE_ATTESTED) workload.attested(exports.noticeId())
    else if (notice === NOTICE_DRAINED) workload.drained(exports.noticeId())
    else if (notice === NOTICE_TICK) status = workload.tick()
    kernel.check(exports.noticeDone(status))
  }
}

function flush(kernel: Kernel): void {
  const length = kernel.exports.outLength()
  if (length === 0) return
  const at = kernel.exports.out() >>> 0
  writeParent(kernel.view.subarray(at, at + length))
  kernel.exports.outTaken()
}

/** Kind, blame and counters: of no content. */
function epitaph(fault: EnclaveFault): Uint8Array {
  const counters: number[] = []
  for (let i = 0; kernel !== undefined && i < COUNTERS; i++) {
    try {
      counters.push(kernel.exports.counter(i))
    } catch {
      break
    }
  }
  return Buffer.from(JSON.stringify({ kind: fault.kind, blame: fault.blame, counters }))
}
