/** A plain `ws` echo server in a process of its own, as the enclave's is; corked once a tick where `corked` is its argument. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

const corked = process.argv[2] === 'corked'
const server = createServer()
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket, { socket: tcp }) => {
  tcp.setNoDelay(true)
  let held = false
  socket.on('message', (data) => {
    if (corked && !held) {
      held = true
      tcp.cork()
      setImmediate(() => {
        held = false
        tcp.uncork()
      })
    }
    socket.send(data, { binary: true })
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit(0))
