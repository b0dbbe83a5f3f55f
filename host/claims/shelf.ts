/** Where a canary is kept in an enclave, by its workload: planted and read back by the owner, over the attested session. */
import type { Enclave } from '../client/index.ts'
import { UnavailableError } from '../errors.ts'
import type { Canary } from './canary.ts'

export type Shelf = {
  /** Path of the record that holds the canary. */
  path: string
  /** Whether the owner finds the canary there. */
  has(session: Enclave): Promise<boolean>
}

type Workload = { probe: string; path(canary: Canary): string; put(session: Enclave, canary: Canary): Promise<number> }

const WORKLOADS: Workload[] = [
  {
    // kubernetes
    probe: '/api/v1/namespaces/default/secrets?limit=1',
    path: ({ name }) => `/api/v1/namespaces/default/secrets/${name}`,
    async put(session, { name, value }) {
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { value } })
      const headers = { 'content-type': 'application/json' }
      return (await session.fetch('/api/v1/namespaces/default/secrets', { method: 'POST', headers, body })).status
    },
  },
  {
    // keyvalue
    probe: '/v1/?prefix=&limit=1',
    path: ({ name }) => `/v1/${name}`,
    put: async (session, { name, value }) =>
      (await session.fetch(`/v1/${name}`, { method: 'PUT', body: value })).status,
  },
]

/** @throws UnavailableError ERR_CLAIMS_WORKLOAD */
export async function plant(session: Enclave, canary: Canary): Promise<Shelf> {
  for (const workload of WORKLOADS) {
    if ((await session.fetch(workload.probe)).status !== 200) continue
    const status = await workload.put(session, canary)
    if (status !== 201)
      throw new UnavailableError('ERR_CLAIMS_WORKLOAD', `the canary could not be planted: ${status} where 201 is due`)
    const path = workload.path(canary)
    const encoded = Buffer.from(canary.value).toString('base64')
    const has = async (reader: Enclave) => {
      const text = await (await reader.fetch(path)).text()
      return text.includes(canary.value) || text.includes(encoded)
    }
    return { path, has }
  }
  throw new UnavailableError(
    'ERR_CLAIMS_WORKLOAD',
    'the enclave runs neither keyvalue nor kubernetes: there is nowhere to plant a canary',
  )
}
