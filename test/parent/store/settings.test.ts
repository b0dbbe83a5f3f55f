import t from 'tap'
import { errorCode } from '../../../host/errors.ts'
import { parseStoreSettings } from '../../../host/parent/store/settings.ts'

const pem = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n'
const etcd = { engine: 'etcd', endpoints: ['https://10.0.0.1:2379', 'https://etcd.example:2379'] }
const plain = { engine: 'etcd', endpoints: ['http://127.0.0.1:2379'] }
const auth = { user: 'u', password: 'p' }

t.test('accepts what it understands, and gives it back', async (t) => {
  for (const settings of [
    { engine: 'lmdb' },
    { engine: 'lmdb', maxBytes: 1048576 },
    etcd,
    plain,
    { ...etcd, endpoints: Array.from({ length: 16 }, (_, n) => `https://10.0.0.${n}:443`) },
    { ...etcd, endpoints: ['https://[2001:db8::1]:2379'] },
    { ...etcd, prefix: 'p'.repeat(128) },
    { ...etcd, tls: {} },
    { ...etcd, tls: { ca: pem } },
    { ...etcd, tls: { ca: pem, cert: pem, key: pem } },
    { ...etcd, auth },
    ...['127.0.0.1', '127.1.2.3', 'localhost', '[::1]'].map((host) => ({
      ...plain,
      endpoints: [`http://${host}:1`],
      auth,
    })),
  ])
    t.same(parseStoreSettings(structuredClone(settings)), settings)
})

t.test('refuses everything else, with one code', async (t) => {
  for (const [what, settings] of Object.entries({
    'no object': 'lmdb',
    nothing: null,
    'a list': [],
    'no engine': {},
    'another engine': { engine: 'sqlite' },
    'a key of nobody': { engine: 'lmdb', folder: '/' },
    'a key of the other engine': { engine: 'lmdb', endpoints: ['http://127.0.0.1:1'] },
    'a key of the other engine, the other way': { ...etcd, maxBytes: 2 ** 30 },
    'too small a size': { engine: 'lmdb', maxBytes: 1048575 },
    'a size that is none': { engine: 'lmdb', maxBytes: 2 ** 30 + 0.5 },
    'a size as text': { engine: 'lmdb', maxBytes: '1073741824' },
    'no endpoints': { engine: 'etcd' },
    'an empty list of endpoints': { engine: 'etcd', endpoints: [] },
    'too many endpoints': { ...etcd, endpoints: Array.from({ length: 17 }, (_, n) => `https://10.0.0.${n}:443`) },
    'endpoints as text': { engine: 'etcd', endpoints: 'http://127.0.0.1:1' },
    'no port': { ...etcd, endpoints: ['https://10.0.0.1'] },
    'a path': { ...etcd, endpoints: ['https://10.0.0.1:2379/v3'] },
    'a password in the endpoint': { ...etcd, endpoints: ['https://u:p@10.0.0.1:2379'] },
    'another scheme': { ...etcd, endpoints: ['unix://10.0.0.1:2379'] },
    'a number': { ...etcd, endpoints: [2379] },
    'http beside https': { ...etcd, endpoints: ['http://10.0.0.1:2379', 'https://10.0.0.2:2379'] },
    'an empty prefix': { ...etcd, prefix: '' },
    'a prefix that is too long': { ...etcd, prefix: 'p'.repeat(129) },
    'a prefix with a blank': { ...etcd, prefix: 'a b' },
    'tls beside http': { ...plain, tls: { ca: pem } },
    'no PEM': { ...etcd, tls: { ca: 'AA==' } },
    'a certificate without its key': { ...etcd, tls: { cert: pem } },
    'a key without its certificate': { ...etcd, tls: { key: pem } },
    'a key of nobody in tls': { ...etcd, tls: { insecure: true } },
    'a user without password': { ...etcd, auth: { user: 'u' } },
    'an empty password': { ...etcd, auth: { user: 'u', password: '' } },
    'a password over http to another machine': { engine: 'etcd', endpoints: ['http://10.0.0.1:2379'], auth },
    'and to a name that begins like loopback': { engine: 'etcd', endpoints: ['http://127.evil.example:2379'], auth },
  }))
    try {
      parseStoreSettings(settings)
      t.fail(`${what} was accepted`)
    } catch (error) {
      t.equal(errorCode(error), 'ERR_STORE_SETTINGS', what)
      t.notMatch((error as Error).message, /"p"|u:p@/, 'no password in the message')
    }
})
