// The KMS bench's peer: node:http alone, which reads each request and answers the bytes it was given. Forked; tells its port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const [, , type = '', length = '0'] = process.argv
const body = Buffer.alloc(Number(length), 'x')

const server = createServer((request, response) => {
  request.resume()
  request.once('end', () => {
    response.writeHead(200, { 'content-type': type, 'content-length': body.length, 'x-amzn-requestid': 'x'.repeat(36) })
    response.end(body)
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.once('disconnect', () => process.exit(0))
