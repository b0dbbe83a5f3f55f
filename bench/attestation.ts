/** The attestation suite: documents as a client gets them, beside the P-384 signature that is their floor. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { MESSAGE_ATTEST } from '../assembly/abi/channel.ts'
import type { Row } from '../host/bench/result.ts'
import { dial, type Transport } from '../host/client/transport.ts'
import { encodeCbor } from '../host/wire/cbor.ts'
import { type HostUnderTest, imageOf } from '../test/kit/host.ts'
import { rateOver, sampleNs, takeTurns } from './samples.ts'

const NAME = 'bench-documents'
/** Of a document's Signature1: what is hashed before it is signed. */
const SIGNED_BYTES = 4500
/** Askers at once; nitro signs two at once, on the pool of libuv. */
const ASKERS = 4
const SIGNERS = 2
const CHUNK = 10

const FACTS = { suite: 'attestation', bytes: null } as const

export async function runAttestation(host: HostUnderTest, quick: boolean, onRow: (row: Row) => void): Promise<void> {
  const image = host.sign(imageOf('echo', undefined, { name: NAME }))
  await host.launch(NAME, image)
  const askers = await Promise.all(Array.from({ length: ASKERS }, () => asker(`${host.gateway}/enclaves/${NAME}`)))
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const data = randomBytes(SIGNED_BYTES)
  const signLater = promisify(sign) as (hash: string, data: Uint8Array, key: typeof privateKey) => Promise<Buffer>
  const signature = () => signLater('sha384', data, privateKey)
  const ask = (askers[0] as Asker).ask
  await sampleNs(CHUNK, ask)
  onRow({
    ...FACTS,
    subject: 'Attestation document',
    label: 'end to end, one at a time',
    unit: 'ns',
    note: 'request at the gateway → signed document',
    entries: await takeTurns(quick ? 10 : 40, [
      { who: 'wasmclave', ours: true, run: () => sampleNs(CHUNK, ask) },
      { who: 'P-384 signature alone', run: () => sampleNs(CHUNK, signature) },
    ]),
  })
  const windowMs = quick ? 150 : 400
  onRow({
    ...FACTS,
    subject: 'Attestation documents a second',
    label: `${ASKERS} askers`,
    unit: '/s',
    note: 'all processes on the same cores',
    entries: await takeTurns(quick ? 6 : 20, [
      {
        who: 'wasmclave',
        ours: true,
        run: async () => [
          await rateOver(
            windowMs,
            askers.map((each) => each.ask),
          ),
        ],
      },
      {
        who: 'P-384 signatures alone',
        run: async () => [
          await rateOver(
            windowMs,
            Array.from({ length: SIGNERS }, () => signature),
          ),
        ],
      },
    ]),
  })
  for (const each of askers) each.transport.close()
  await host.request({ action: 'terminate-enclave', parameters: { name: NAME } })
}

type Asker = { transport: Transport; ask(): Promise<void> }

async function asker(url: string): Promise<Asker> {
  const request = Uint8Array.of(MESSAGE_ATTEST, ...encodeCbor([randomBytes(32), null, null]))
  let answered: () => void = () => {}
  let failed: (error: Error) => void = () => {}
  const transport = await dial(url, {
    onMessage: () => answered(),
    onClose: (code) => failed(new Error(`the enclave closed the connection with ${code}`)),
  })
  return {
    transport,
    ask: () =>
      new Promise((resolve, reject) => {
        answered = resolve
        failed = reject
        transport.send(request)
      }),
  }
}
