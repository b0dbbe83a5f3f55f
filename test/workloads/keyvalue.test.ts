import t from 'tap'
import { MAX_KEY_BYTES, MAX_TRANSACTION_BYTES } from '../../assembly/abi/limits.ts'
import { type ShellResponse, WorkloadShell } from '../kit/workload-shell.ts'

type Page = { items: { key: string; version: number; value: string }[]; after: string | null }

const shell = (): WorkloadShell => WorkloadShell.of('keyvalue')

const put = (at: WorkloadShell, key: string, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  at.request('PUT', `/v1/${key}`, { body, headers })

function page(at: WorkloadShell, query: string): Page {
  const response = at.request('GET', `/v1/?${query}`)
  if (response.status !== 200) throw new Error(`${response.status} ${response.takeText()}`)
  return response.takeJson() as Page
}

function allKeys(at: WorkloadShell, prefix: string, limit: number): string[] {
  const keys: string[] = []
  for (let after: string | null = ''; after !== null; ) {
    const { items, after: next } = page(at, `prefix=${prefix}&limit=${limit}&after=${after}`)
    keys.push(...items.map((item) => item.key))
    after = next
  }
  return keys
}

t.test('answers each method as documented', async (t) => {
  const at = shell()
  const rows: [method: string, path: string, body: string, status: number, etag: string | undefined, answer: string][] =
    [
      ['GET', '/v1/a', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"no such key"}\n'],
      ['PUT', '/v1/a', 'one', 201, '"1"', ''],
      ['PUT', '/v1/a', 'two', 204, '"2"', ''],
      ['GET', '/v1/a', '', 200, '"2"', 'two'],
      ['HEAD', '/v1/a', '', 200, '"2"', ''],
      ['GET', '/v1/a?anything', '', 200, '"2"', 'two'],
      ['DELETE', '/v1/a', '', 204, undefined, ''],
      ['DELETE', '/v1/a', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"no such key"}\n'],
      ['HEAD', '/v1/a', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"no such key"}\n'],
      ['PUT', '/v1/a', '', 201, '"4"', ''],
      ['GET', '/v1/a', '', 200, '"4"', ''],
      ['GET', '/v1/', '', 200, undefined, '{"items":[{"key":"a","version":4,"value":""}],"after":null}\n'],
      ['GET', '/', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"keys are under /v1/"}\n'],
      ['GET', '/v1', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"keys are under /v1/"}\n'],
      ['GET', '/V1/a', '', 404, undefined, '{"error":"ERR_NOT_FOUND","message":"keys are under /v1/"}\n'],
    ]
  for (const [method, path, body, status, etag, answer] of rows) {
    const response = at.request(method, path, { body })
    t.same([response.status, response.headers.etag, response.takeText()], [status, etag, answer], `${method} ${path}`)
    t.ok(response.ended)
  }
  t.equal(at.openRequests, 0)
})

t.test('rejects methods it does not have, naming those it has', async (t) => {
  const at = shell()
  for (const method of ['POST', 'PATCH', 'OPTIONS', 'get', 'GETX', 'PU']) {
    const response = at.request(method, '/v1/a', { body: 'x' })
    t.same([response.status, response.headers.allow], [405, 'GET, HEAD, PUT, DELETE'], method)
  }
  for (const method of ['PUT', 'DELETE', 'POST', 'HEAD'])
    t.same(
      [at.request(method, '/v1/').status, at.request(method, '/v1/').headers.allow],
      [405, 'GET'],
      `${method} /v1/`,
    )
  t.equal(at.version, 0n, 'and writes nothing')
})

t.test('takes any bytes as a key and rejects what is not percent-encoded', async (t) => {
  const accepted: [path: string, key: string, listed: string][] = [
    ['a', 'a', 'a'],
    ['%61', 'a', 'a'],
    ['%00', '\0', '%00'],
    ['%2F', '/', '%2F'],
    ['a/b', 'a/b', 'a%2Fb'],
    ['a%2fb', 'a/b', 'a%2Fb'],
    ['%25', '%', '%25'],
    ['%2541', '%41', '%2541'],
    ['%C0%AF', '\xc0\xaf', '%C0%AF'],
    ['%ff%FE', '\xff\xfe', '%FF%FE'],
    ['a+b', 'a+b', 'a%2Bb'],
    ['..', '..', '..'],
    ['%3F%26', '?&', '%3F%26'],
    ['%22%5C%0A', '"\\\n', '%22%5C%0A'],
    ['-._~', '-._~', '-._~'],
  ]
  for (const [path, key, listed] of accepted) {
    const at = shell()
    t.equal(put(at, path, 'x').status, 201, path)
    t.same([...at.records.keys()], [key])
    t.equal(page(at, '').items[0]?.key, listed)
    t.equal(at.request('GET', `/v1/${listed}`).takeText(), 'x', `${listed} reads it back`)
    t.equal(page(at, `prefix=${listed}`).items.length, 1)
    t.equal(page(at, `after=${listed}`).items.length, 0)
  }
  const at = shell()
  for (const path of [
    '%',
    '%6',
    '%g1',
    '%1g',
    'a%',
    'a%4',
    '%%41',
    '%u0041',
    '% 1',
    '%-1',
    '%+1',
    '%0x',
    '%\xb2\xb2',
  ]) {
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
      const response = at.request(method, `/v1/${path}`)
      t.match([response.status, response.takeText()], [400, /ERR_KEY_ENCODING/], `${method} ${path}`)
    }
    t.equal(at.request('GET', `/v1/?prefix=${path}`).status, 400, `prefix=${path}`)
    t.equal(at.request('GET', `/v1/?after=${path}`).status, 400, `after=${path}`)
    t.equal(at.request('GET', `/v1/?watch&prefix=${path}`).status, 400, `watch of ${path}`)
  }
  t.equal(at.version, 0n)
  t.equal(at.openRequests, 0)
})

t.test('accepts keys and values up to their limits and rejects one byte more', async (t) => {
  const at = shell()
  for (const [length, status] of [
    [MAX_KEY_BYTES - 1, 201],
    [MAX_KEY_BYTES, 201],
    [MAX_KEY_BYTES + 1, 414],
  ] as const) {
    t.equal(put(at, 'k'.repeat(length), 'x').status, status, `${length} plain`)
    t.equal(put(at, '%fe'.repeat(length), 'x').status, status, `${length} encoded`)
    const expected = status === 414 ? 414 : 200
    t.equal(at.request('GET', `/v1/?prefix=${'p'.repeat(length)}`).status, expected, `prefix of ${length}`)
    t.equal(at.request('GET', `/v1/?after=${'%fe'.repeat(length)}`).status, expected, `after of ${length}`)
  }
  for (const [length, status] of [
    [MAX_TRANSACTION_BYTES - 2, 201],
    [MAX_TRANSACTION_BYTES - 1, 204],
    [MAX_TRANSACTION_BYTES, 413],
  ] as const) {
    const value = new Uint8Array(length).fill(length)
    t.equal(put(at, 'v', value).status, status, `value of ${length}`)
    if (status !== 413) t.ok(at.request('GET', '/v1/v').take().equals(value), `${length} back`)
  }
  t.equal(at.request('GET', '/v1/v').take().length, MAX_TRANSACTION_BYTES - 1, 'what was refused changed nothing')
  at.maxSpaceBytes = 0
  const full = put(at, 'more', 'x')
  t.match([full.status, full.takeText()], [507, /ERR_QUOTA/])
  t.equal(at.request('DELETE', '/v1/v').status, 204, 'a full space can be emptied')
})

t.test('holds preconditions, each beside its twin', async (t) => {
  const rows: [method: string, headers: Record<string, string>, onTwo: number, onNothing: number][] = [
    ['PUT', { 'if-match': '"2"' }, 204, 412],
    ['PUT', { 'if-match': '"1"' }, 412, 412],
    ['PUT', { 'if-match': '*' }, 204, 412],
    ['PUT', { 'if-match': ' * ' }, 204, 412],
    ['PUT', { 'if-match': '"1", "2"' }, 204, 412],
    ['PUT', { 'if-match': '"1","2" ,"3"' }, 204, 412],
    ['PUT', { 'if-match': '"1", "3"' }, 412, 412],
    ['PUT', { 'if-match': 'W/"2"' }, 412, 412],
    ['PUT', { 'if-match': '2' }, 412, 412],
    ['PUT', { 'if-match': '"2' }, 412, 412],
    ['PUT', { 'if-match': '"02"' }, 412, 412],
    ['PUT', { 'if-match': '"18446744073709551618"' }, 412, 412],
    ['PUT', { 'if-match': '' }, 412, 412],
    ['PUT', { 'if-none-match': '*' }, 412, 201],
    ['PUT', { 'if-none-match': '"2"' }, 412, 201],
    ['PUT', { 'if-none-match': 'W/"2"' }, 412, 201],
    ['PUT', { 'if-none-match': '"1"' }, 204, 201],
    ['PUT', { 'if-match': '"2"', 'if-none-match': '"2"' }, 412, 412],
    ['PUT', { 'if-match': '"2"', 'if-none-match': '"1"' }, 204, 412],
    ['PUT', { 'if-matching': '"1"' }, 204, 201],
    ['DELETE', { 'if-match': '"2"' }, 204, 412],
    ['DELETE', { 'if-match': '"1"' }, 412, 412],
    ['DELETE', { 'if-match': '*' }, 204, 412],
    ['GET', { 'if-none-match': '"2"' }, 304, 404],
    ['GET', { 'if-none-match': '"1"' }, 200, 404],
    ['GET', { 'if-match': '"2"' }, 200, 412],
    ['GET', { 'if-match': '"1"' }, 412, 412],
  ]
  for (const [method, headers, onTwo, onNothing] of rows) {
    const at = shell()
    t.equal(
      at.request(method, '/v1/k', { headers }).status,
      onNothing,
      `${method} ${JSON.stringify(headers)} on nothing`,
    )
    const two = shell()
    put(two, 'k', '1')
    put(two, 'k', '2')
    const response = two.request(method, '/v1/k', { headers, body: 'new' })
    t.equal(response.status, onTwo, `${method} ${JSON.stringify(headers)} on version 2`)
    if (onTwo === 412 || onTwo === 304) {
      t.equal(response.headers.etag, '"2"', 'tells the version')
      t.equal(two.version, 2n, 'writes nothing')
    }
  }
})

t.test('lets one of many writers with the same tag win', async (t) => {
  const at = shell()
  put(at, 'counter', '0')
  let wins = 0
  for (let round = 0; round < 50; round++) {
    const read = at.request('GET', '/v1/counter')
    const value = Number(read.takeText())
    const headers = { 'if-match': read.headers.etag as string }
    const racers = Array.from({ length: 4 }, () => put(at, 'counter', `${value + 1}`, headers).status)
    t.same(racers, [204, 412, 412, 412])
    wins++
  }
  t.equal(at.request('GET', '/v1/counter').takeText(), `${wins}`)
})

t.test('lists in the order of bytes, a page at a time, each key once', async (t) => {
  const at = shell()
  const keys = ['a', 'a\0', 'aa', 'ab', 'a\xff', 'b', 'b/1', 'b/2', 'b/20', 'b/3', 'c', '\xff', '\xff\xff']
  for (const key of [...keys].reverse()) put(at, encode(key), `value of ${key.length}`)
  for (const prefix of ['', 'a', 'a%00', 'b', 'b%2F', 'b%2F2', 'z', '%FF'])
    for (const limit of [1, 2, 3, keys.length - 1, keys.length, keys.length + 1, 1000])
      t.same(
        allKeys(at, prefix, limit),
        keys.filter((key) => key.startsWith(decode(prefix))).map(encode),
        `prefix ${prefix} limit ${limit}`,
      )
  t.same(page(at, `limit=${keys.length}`).after, null, 'a full last page has nothing after it')
  t.same(page(at, `limit=${keys.length - 1}`).after, encode('\xff'))
  t.same(page(at, 'prefix=b&after=a').items.length, 5, 'after may be before the prefix')
  t.same(page(at, 'prefix=b&after=c').items, [], 'or behind it')
  t.same(
    page(at, 'after=b%2F1&prefix=b%2F').items.map((item) => item.key),
    ['b%2F2', 'b%2F20', 'b%2F3'],
  )
})

t.test('accepts limits from 1 to 1000 and rejects others', async (t) => {
  const at = shell()
  for (let i = 0; i < 1001; i++) put(at, `${i}`.padStart(4, '0'), '')
  for (const [limit, count] of [
    ['1', 1],
    ['01', 1],
    ['999', 999],
    ['1000', 1000],
  ] as const)
    t.equal(page(at, `limit=${limit}`).items.length, count, limit)
  t.equal(page(at, '').items.length, 100, '100 unless told')
  t.equal(allKeys(at, '', 1000).length, 1001)
  for (const limit of ['0', '1001', '', '-1', '1e2', '9999', '99999', '4294967297', '1.5', '%31', '+5'])
    t.equal(at.request('GET', `/v1/?limit=${limit}`).status, 400, `limit=${limit}`)
})

t.test('bounds a page by bytes, and still gives every record', async (t) => {
  const at = shell()
  const big = new Uint8Array(MAX_TRANSACTION_BYTES - 8)
  put(at, 'big0', big)
  put(at, 'big1', big)
  for (let i = 0; i < 600; i++) put(at, `${i}`.padStart(3, '0') + '%ff'.repeat(1000), 'x'.repeat(300))
  const pages: number[] = []
  let listed = 0
  for (let after: string | null = ''; after !== null; ) {
    const response = at.request('GET', `/v1/?limit=1000&after=${after}`)
    const bytes = response.take()
    const next = JSON.parse(bytes.toString()) as Page
    pages.push(bytes.length)
    listed += next.items.length
    after = next.after
  }
  t.equal(listed, 602)
  t.ok(Math.max(...pages) < 4_194_304, `${pages.length} pages, the largest of ${Math.max(...pages)} bytes`)
})

t.test('watches a prefix: what is written, in order, with version and value', async (t) => {
  const at = shell()
  put(at, 'a%2Fbefore', 'not seen')
  const watch = at.request('GET', '/v1/?prefix=a%2F&watch')
  t.same([watch.status, watch.headers['content-type'], watch.ended], [200, 'application/x-ndjson', false])
  put(at, 'a%2F%00', Buffer.from([0, 255]))
  put(at, 'b', 'not its prefix')
  put(at, 'a', 'shorter than the prefix')
  put(at, 'a%2Fone', 'x', { 'if-match': '"99"' })
  at.request('DELETE', '/v1/a%2Fmissing')
  put(at, 'a%2F%00', '')
  at.request('DELETE', '/v1/a%2F%00')
  t.same(watch.takeLines(), [
    { type: 'PUT', key: 'a%2F%00', version: 2, value: 'AP8=' },
    { type: 'PUT', key: 'a%2F%00', version: 5, value: '' },
    { type: 'DELETE', key: 'a%2F%00', version: 6, value: '' },
  ])
  for (const query of ['watch', 'watch=', 'watch=true', 'prefix=&watch', 'watch&prefix=']) {
    const all = at.request('GET', `/v1/?${query}`)
    put(at, 'any', 'x')
    t.equal(all.takeLines().length, 1, query)
    at.close(all)
  }
  t.equal(at.request('GET', '/v1/?watching').ended, true, 'another parameter is none')
  at.close(watch)
  t.equal(at.openRequests, 0)
})

t.test('base64 of every length modulo three is what Buffer makes of it', async (t) => {
  const at = shell()
  const watch = at.request('GET', '/v1/?watch')
  for (let length = 0; length < 70; length++) {
    const value = Buffer.from(Array.from({ length }, (_, i) => (i * 67 + length * 13) & 255))
    put(at, 'k', value)
    t.equal(watch.takeLines()[0]?.value, value.toString('base64'), `${length}`)
  }
})

t.test('keeps what a slow reader waits for until it is durable, and never tells what came to nothing', async (t) => {
  for (const lost of [false, true]) {
    const at = shell()
    const slow = at.request('GET', '/v1/?watch')
    at.maxWaitingBytes = 100
    put(at, 'first', 'x')
    at.settledAt = at.version
    put(at, 'second', 'x')
    t.same(
      slow.takeLines().map((line) => line.key),
      ['first'],
    )
    at.tick()
    t.same(slow.takeLines(), [], 'nothing of what may come to nothing')
    if (lost) at.lost = at.version
    at.settledAt = at.version
    at.tick()
    if (lost) t.same(slow.takeLines(), [{ type: 'ERROR', error: 'ERR_WATCH_BEHIND' }])
    else
      t.same(
        slow.takeLines().map((line) => line.key),
        ['second'],
      )
    t.equal(slow.ended, lost)
  }
})

t.test('survives slow readers: keeps their events in order, and tells those who fall behind', async (t) => {
  const at = shell()
  const events = 2000
  const slow = at.request('GET', '/v1/?watch')
  const quick = at.request('GET', '/v1/?watch')
  const seen: unknown[] = []
  at.maxWaitingBytes = 1000
  for (let i = 0; i < events; i++) {
    put(at, `${i}`, 'x')
    seen.push(...quick.takeLines().map((line) => line.key))
  }
  t.same(
    seen,
    Array.from({ length: events }, (_, i) => `${i}`),
    'a reader that keeps up misses nothing',
  )
  const late: unknown[] = []
  for (let i = 0; i < 10 * events && late.length < events; i++) {
    late.push(...slow.takeLines().map((line) => line.key))
    at.tick()
  }
  t.same(late, seen, 'one that pauses gets all of it')
  // Beyond what is kept for it
  at.maxWaitingBytes = 200_000
  for (let i = 0; i < 40; i++) {
    put(at, 'large', new Uint8Array(100_000))
    quick.take()
  }
  const lines: Record<string, unknown>[] = []
  at.maxWaitingBytes = 1_000_000
  for (let i = 0; i < 100 && !slow.ended; i++) {
    lines.push(...slow.takeLines())
    at.tick()
  }
  lines.push(...slow.takeLines())
  t.ok(slow.ended)
  t.same(lines.at(-1), { type: 'ERROR', error: 'ERR_WATCH_BEHIND' })
  const versions = lines.slice(0, -1).map((line) => line.version as number)
  t.ok(
    versions.length > 0 && versions.every((version, i) => version === (versions[0] as number) + i),
    'without a gap before it',
  )
  t.notOk(quick.ended)
})

t.test('bounds what it keeps for all readers together', async (t) => {
  const at = shell()
  at.maxWaitingBytes = 0
  const watches = Array.from({ length: 100 }, (_, i) => at.request('GET', `/v1/?prefix=${i}-&watch`))
  for (let i = 0; i < 100; i++) for (let j = 0; j < 4; j++) put(at, `${i}-${j}`, new Uint8Array(150_000))
  t.ok(at.memoryBytes < 16 * 1024 * 1024, `${at.memoryBytes} bytes`)
  at.maxWaitingBytes = 4_194_304
  for (let i = 0; i < 3; i++) at.tick()
  t.ok(watches.some((watch) => watch.ended) && watches.some((watch) => !watch.ended))
  for (const [i, watch] of watches.entries()) {
    const lines = watch.takeLines()
    if (watch.ended) t.equal(lines.at(-1)?.error, 'ERR_WATCH_BEHIND')
    else
      t.same(
        lines.map((line) => line.key),
        [0, 1, 2, 3].map((j) => `${i}-${j}`),
      )
  }
  const again = at.request('GET', '/v1/?watch')
  put(at, 'x', 'y')
  t.equal(again.takeLines().length, 1, 'what was kept is given back')
})

t.test('serves 1,000 watchers and forgets those who leave', async (t) => {
  const at = shell()
  const watches = Array.from({ length: 1000 }, (_, i) => at.request('GET', `/v1/?prefix=${i % 10}&watch`))
  const start = performance.now()
  for (let i = 0; i < 100; i++) put(at, `${i % 10}`, `${i}`)
  t.comment(`100 puts with 1,000 watchers: ${(performance.now() - start).toFixed(0)} ms`)
  for (const [i, watch] of watches.entries()) {
    const lines = watch.takeLines()
    if (lines.length !== 10 || lines.some((line) => line.key !== `${i % 10}`)) t.fail(`watcher ${i}`)
  }
  for (const [i, watch] of watches.entries()) if (i % 2 === 0) at.close(watch)
  // Gone, but the workload has not heard of it yet
  for (const [i, watch] of watches.entries()) if (i % 4 === 1) at.vanish(watch)
  for (let i = 0; i < 10; i++) put(at, `${i}`, 'x')
  t.same(
    watches.map((watch) => watch.takeLines().length),
    watches.map((_, i) => (i % 4 === 3 ? 1 : 0)),
  )
  const calls = at.calls.stream as number
  put(at, '1', 'x')
  t.equal((at.calls.stream as number) - calls, 50, 'those who left are not tried again')
})

t.test('accepts 4,096 watchers and rejects one more', async (t) => {
  const at = shell()
  let last: ShellResponse | undefined
  for (let i = 0; i < 4096; i++) last = at.request('GET', '/v1/?watch')
  t.equal(last?.status, 200)
  t.equal(at.request('GET', '/v1/?watch').status, 503)
  at.close(last as ShellResponse)
  t.equal(at.request('GET', '/v1/?watch').status, 200)
})

t.test('memory stays flat over 100,000 requests of every kind', async (t) => {
  const at = shell()
  const value = new Uint8Array(100_000)
  const long = `a${'%ff'.repeat(1000)}`
  const round = (i: number): void => {
    put(at, `k${i % 200}`, value.subarray(0, (i * 37) % 5000))
    at.request('GET', `/v1/k${i % 200}`).take()
    put(at, long, 'x', { 'if-match': '*' })
    if (i % 50 === 0) at.request('GET', '/v1/?limit=1000').take()
    if (i % 20 === 0) put(at, 'large', value)
    if (i % 7 === 0) at.request('DELETE', `/v1/k${(i * 3) % 200}`)
    at.request('GET', '/v1/%zz').take()
    at.request('GET', `/elsewhere/${long}`).take()
    const watch = at.request('GET', `/v1/?prefix=${long}&watch`)
    put(at, long, 'x')
    at.close(watch)
    if (i % 10 === 0) at.tick()
  }
  for (let i = 0; i < 2000; i++) round(i)
  const before = at.memoryBytes
  for (let i = 0; i < 14_000; i++) round(i)
  t.equal(at.memoryBytes, before, `${before} bytes`)
})

t.test('large values do not use up its memory', async (t) => {
  const at = shell()
  const value = new Uint8Array(MAX_TRANSACTION_BYTES - 10).fill(7)
  const watch = at.request('GET', '/v1/?watch')
  for (let i = 0; i < 300; i++) {
    t.ok(put(at, 'large', value, { 'if-none-match': '"0"' }).status < 300)
    if (watch.take().length < value.length) t.fail('an event is missing')
    if (at.request('GET', '/v1/large').take().length !== value.length) t.fail('it reads otherwise')
    page(at, 'limit=2')
  }
  t.ok(at.memoryBytes < 16 * 1024 * 1024, `${at.memoryBytes} bytes`)
})

t.test('idle watchers cost no memory as time passes', async (t) => {
  const at = shell()
  for (let i = 0; i < 1000; i++) at.request('GET', '/v1/?watch')
  for (let i = 0; i < 100; i++) at.tick()
  const before = at.memoryBytes
  for (let i = 0; i < 20_000; i++) at.tick()
  t.equal(at.memoryBytes, before)
})

function encode(key: string): string {
  return [...Buffer.from(key, 'latin1')]
    .map((c) =>
      /[\w.~-]/.test(String.fromCharCode(c))
        ? String.fromCharCode(c)
        : `%${c.toString(16).padStart(2, '0').toUpperCase()}`,
    )
    .join('')
}

function decode(text: string): string {
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
