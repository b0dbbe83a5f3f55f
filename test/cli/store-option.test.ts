// `--store`: each form that is understood, and each that is not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseStoreOption } from '../../host/cli/store-option.ts'

const folder = mkdtempSync(join(tmpdir(), 'wc-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const file = (value: unknown) => {
  const path = join(folder, 'store.json')
  writeFileSync(path, JSON.stringify(value))
  return path
}
const PEM = '-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n'

t.test('accepts lmdb, members by http and by TLS, and a file', async (t) => {
  t.same(parseStoreOption('lmdb'), { engine: 'lmdb' })
  t.same(parseStoreOption('etcd://10.0.0.1:2379,10.0.0.2:2379'), {
    engine: 'etcd',
    endpoints: ['http://10.0.0.1:2379', 'http://10.0.0.2:2379'],
  })
  t.same(parseStoreOption('etcds://store.example:2379'), { engine: 'etcd', endpoints: ['https://store.example:2379'] })
  t.same(parseStoreOption(file({ engine: 'lmdb', maxBytes: 1048576 })), { engine: 'lmdb', maxBytes: 1048576 })
  writeFileSync(join(folder, 'ca.pem'), PEM)
  const etcd = { engine: 'etcd', endpoints: ['https://store.example:2379'], auth: { user: 'host', password: 'pass' } }
  t.same(
    parseStoreOption(file({ ...etcd, tls: { ca: 'ca.pem' } })),
    { ...etcd, tls: { ca: PEM } },
    'a path of the file’s folder',
  )
  t.same(parseStoreOption(file({ ...etcd, tls: { ca: PEM } })), { ...etcd, tls: { ca: PEM } })
})

t.test('rejects what it does not understand', async (t) => {
  for (const text of ['', 'sqlite', 'etcd://', 'etcd://host', 'etcd://user:pass@host:1', 'http://host:1'])
    t.throws(() => parseStoreOption(text), { code: 'ERR_STORE_SETTINGS' }, text)
  t.throws(() => parseStoreOption(file({ engine: 'lmdb', maxbytes: 1 })), { code: 'ERR_STORE_SETTINGS' })
  t.throws(() => parseStoreOption(file([])), { code: 'ERR_USAGE_JSON' })
  t.throws(() => parseStoreOption(join(folder, 'none.json')), { code: 'ERR_FILE_READ' })
  const tls = { ca: 'none.pem' }
  t.throws(() => parseStoreOption(file({ engine: 'etcd', endpoints: ['https://a:1'], tls })), { code: 'ERR_FILE_READ' })
})
