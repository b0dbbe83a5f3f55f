/** `wasmclave attest`: an attestation document for evidence, with the records behind PCR16-18. */

import { join } from 'node:path'
import { MESSAGE_ATTEST, MESSAGE_ATTESTED } from '../../assembly/abi/channel.ts'
import { dial } from '../client/transport.ts'
import type { PolicyChange } from '../control/proposals/state.ts'
import { RefusedError, UnavailableError, UsageError } from '../errors.ts'
import { parseAttestationDocument, type RecordPreimages } from '../verifier/index.ts'
import { type Cbor, decodeCbor, encodeCbor } from '../wire/cbor.ts'
import { encodeBundle } from './bundle.ts'
import { readFile, writeFile } from './files.ts'
import { printJson } from './output.ts'
import { AdminSession, developmentSigner, findHost, type RunningHost } from './running-host.ts'

export type AttestOptions = {
  data: string
  enclaveName?: string
  nonce?: string
  userData?: string
  publicKey?: string
  output?: string
  records?: string
  bundle?: string
  referenceValues?: string
}

const ANSWER_MS = 10_000

export async function attest(options: AttestOptions): Promise<void> {
  const { enclaveName, output } = options
  if (enclaveName === undefined || output === undefined)
    throw new UsageError('ERR_USAGE_MISSING', 'attest needs --enclave-name and --output')
  const { gateway } = findHost(options.data)
  const { document, grantChain, admissionRecord, bootRecord } = await evidenceOf(gateway, enclaveName, {
    nonce: options.nonce === undefined ? null : hex(options.nonce, '--nonce'),
    userData: options.userData === undefined ? null : hex(options.userData, '--user-data'),
    publicKey: options.publicKey === undefined ? null : readFile(options.publicKey),
  })
  const parsed = parseAttestationDocument(document)
  writeFile(output, document)
  if (options.records !== undefined)
    writeFile(options.records, encodeCbor([grantChain, admissionRecord, bootRecord] as Cbor))
  if (options.bundle !== undefined) {
    const records = { document, grantChain, admissionRecord, bootRecord }
    const referenceValues = readFile(options.referenceValues ?? missingReference())
    const host = findHost(options.data)
    const genesis = readFile(join(host.folder.nitro, 'genesis.json'))
    writeFile(
      options.bundle,
      encodeBundle({ ...records, genesis, changes: await policyChanges(host), referenceValues }),
    )
  }
  printJson({
    ModuleID: parsed.moduleId,
    Timestamp: new Date(parsed.timestampMs).toISOString(),
    Bytes: document.length,
    Output: output,
  })
}

function missingReference(): never {
  throw new UsageError('ERR_USAGE_MISSING', '--bundle wants --reference-values, which "release sign" wrote')
}

/** How the policy came to be what it is, from whoever may read it. */
async function policyChanges(host: RunningHost): Promise<PolicyChange[]> {
  const session = new AdminSession(host, developmentSigner(host.folder, 'auditor'))
  try {
    const { policy } = (await session.request({ action: 'describe-policy', parameters: {} })) as {
      policy: { version: number }
    }
    const changes: PolicyChange[] = []
    for (let version = 1; version <= policy.version; version++)
      changes.push(
        (await session.request({ action: 'show-policy-change', parameters: { version } })) as unknown as PolicyChange,
      )
    return changes
  } finally {
    session.close()
  }
}

/** A document and the records behind PCR16-18, as they came: nothing of it is appraised. */
export async function evidenceOf(
  gateway: string,
  enclaveName: string,
  asked: { nonce: Uint8Array | null; userData: Uint8Array | null; publicKey: Uint8Array | null },
): Promise<RecordPreimages & { document: Uint8Array }> {
  const request = encodeCbor([asked.nonce, asked.userData, asked.publicKey])
  const answer = await exchange(`${gateway}/enclaves/${enclaveName}`, Uint8Array.of(MESSAGE_ATTEST, ...request))
  if (answer[0] !== MESSAGE_ATTESTED) throw new RefusedError('ERR_ATTEST_ANSWER', 'the enclave answered something else')
  const parts = decodeCbor(answer.subarray(1))
  if (!Array.isArray(parts) || parts.length !== 4 || !parts.every((part) => part instanceof Uint8Array))
    throw new RefusedError('ERR_ATTEST_ANSWER', 'the enclave answered something else')
  const [document, grantChain, admissionRecord, bootRecord] = parts as [Uint8Array, Uint8Array, Uint8Array, Uint8Array]
  return { document, grantChain, admissionRecord, bootRecord }
}

async function exchange(url: string, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new UnavailableError('ERR_ATTEST_TIMEOUT', `no document within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    )
    const events = {
      onMessage: (answer: Uint8Array) => {
        clearTimeout(timer)
        resolve(answer)
        transport.then((open) => open.close())
      },
      onClose: (code: number) => {
        clearTimeout(timer)
        reject(
          new RefusedError(
            'ERR_ATTEST_REFUSED',
            `the enclave refused, code ${code}: a public key needs an image that declares attestCallerKey`,
          ),
        )
      },
    }
    const transport = dial(url, events)
    transport.then((open) => open.send(message), reject)
  })
}

/** @throws UsageError ERR_USAGE_HEX */
export function hex(text: string, flag: string): Uint8Array {
  if (!/^([0-9a-fA-F]{2})*$/.test(text))
    throw new UsageError('ERR_USAGE_HEX', `${flag} is no hex: ${text.slice(0, 40)}`)
  return new Uint8Array(Buffer.from(text, 'hex'))
}
