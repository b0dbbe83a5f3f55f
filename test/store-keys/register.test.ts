// The store register (assembly/abi/STORE.md): compare and swap, fencing, replays, rewrap; each refusal beside what is accepted.
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import {
  REFUSED_DESTROYED,
  REFUSED_FENCED,
  REFUSED_REPLAY,
  REFUSED_SYNTAX,
  REGISTER_CONFLICT,
  REGISTER_DONE,
  REGISTER_REWRAP_DUE,
  STORE_FOLLOW,
  STORE_TAKE,
} from '../../assembly/abi/store.ts'
import type { StoreKeys } from '../../host/kms/store-keys/index.ts'
import { type Changes, head, KernelPeer, NO_HEAD, refusal, Side } from './kit.ts'

t.setTimeout(170_000)

/** A KMS with one store, and its holder. */
async function start(t: Test, changes: Changes = {}) {
  const side = new Side(t)
  const keys = await side.open()
  const boot = async (more: Changes = {}) => {
    side.pass()
    const peer = await KernelPeer.boot(side, { ...changes, ...more })
    return { peer, released: await peer.release(keys) }
  }
  return { side, keys, boot, ...(await boot()) }
}
const ask = async (keys: StoreKeys, peer: KernelPeer, message: Uint8Array) => peer.answered(await keys.handle(message))

t.test('advances by one from what is expected, and says what the register is', async (t) => {
  const { keys, peer } = await start(t)
  t.match(await ask(keys, peer, peer.read()), { status: REGISTER_DONE, generation: 0n, head: NO_HEAD, flags: 0 })
  t.match(await ask(keys, peer, peer.advance(0, NO_HEAD, head(1))), {
    status: REGISTER_DONE,
    generation: 1n,
    head: head(1),
  })
  const conflict = { status: REGISTER_CONFLICT, generation: 1n, head: head(1) }
  t.match(await ask(keys, peer, peer.advance(0, NO_HEAD, head(2))), conflict, 'an old generation')
  t.match(await ask(keys, peer, peer.advance(1, head(9), head(2))), conflict, 'another head')
  t.match(await ask(keys, peer, peer.advance(2, head(1), head(2))), conflict, 'a generation to come')
  for (const to of [0n, 1n, 3n, 2n ** 64n - 1n])
    t.match(refusal(await keys.handle(peer.advance(1, head(1), head(2), to))), { code: REFUSED_SYNTAX }, `1 to ${to}`)
  t.match(await ask(keys, peer, peer.advance(1, head(1), head(2))), {
    status: REGISTER_DONE,
    generation: 2n,
    head: head(2),
  })
  t.match(await ask(keys, peer, peer.read()), { generation: 2n, head: head(2) })
})

t.test('refuses a message that was delivered, in whatever order, and accepts the next one', async (t) => {
  const { keys, peer } = await start(t)
  const [first, second] = [peer.advance(0, NO_HEAD, head(1)), peer.advance(1, head(1), head(2))]
  t.equal(peer.answered(await keys.handle(first), 1n).generation, 1n)
  t.equal(peer.answered(await keys.handle(second), 2n).generation, 2n)
  for (const message of [first, second, first])
    t.match(refusal(await keys.handle(message)), {
      code: REFUSED_REPLAY,
      reason: /ERR_REGISTER_REPLAY: counter [12], the last one was 2/,
    })
  const [late, newer] = [peer.read(), peer.read()]
  t.equal(peer.answered(await keys.handle(newer), 4n).generation, 2n)
  t.match(refusal(await keys.handle(late)), { code: REFUSED_REPLAY }, 'withheld, then overtaken')
  t.equal((await ask(keys, peer, peer.read())).generation, 2n)
})

t.test('what the kernel has given up stays refused after a restart of the KMS', async (t) => {
  const { side, keys, peer } = await start(t)
  const withheld = peer.advance(0, NO_HEAD, head(1))
  // The kernel hears nothing, looks, and gives that commit up.
  t.equal((await ask(keys, peer, peer.read())).generation, 0n)
  const again = await side.open()
  t.match(refusal(await again.handle(withheld)), { code: REFUSED_REPLAY })
  t.match(await ask(again, peer, peer.advance(0, NO_HEAD, head(2))), { status: REGISTER_DONE, head: head(2) })
})

t.test('refuses every changed bit, another key, another holder, and every other length', async (t) => {
  const { keys, peer } = await start(t)
  const message = peer.advance(0, NO_HEAD, head(1))
  for (let bit = 0; bit < 8 * message.length; bit++) {
    const changed = message.slice()
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
    const { code } = refusal(await keys.handle(changed))
    if (![REFUSED_FENCED, REFUSED_SYNTAX].includes(code)) t.fail(`bit ${bit}: ${code}`)
  }
  for (let length = 1; length < message.length; length++)
    t.equal(refusal(await keys.handle(message.slice(0, length))).code, REFUSED_SYNTAX, `${length} bytes`)
  t.equal(refusal(await keys.handle(Buffer.concat([message, Buffer.of(0)]))).code, REFUSED_SYNTAX)
  for (let i = 0; i < 2000; i++) {
    const noise = new Uint8Array(randomBytes([90, 170][i % 2] as number))
    noise[0] = 3
    noise[57] = 1 + (i % 3)
    refusal(await keys.handle(noise))
  }
  t.match(await ask(keys, peer, message), { status: REGISTER_DONE, head: head(1) }, 'unchanged')
})

t.test('an answer with any bit changed, or to another request, is believed by nobody', async (t) => {
  const { keys, peer } = await start(t)
  const old = await keys.handle(peer.read())
  const answer = await keys.handle(peer.read())
  t.throws(() => peer.answered(old), /something else/, 'the answer before')
  for (let at = 0; at < answer.length; at++) {
    const changed = answer.slice()
    changed[at] = (changed[at] as number) ^ 1
    try {
      peer.answered(changed)
      t.fail(`byte ${at}`)
    } catch {}
  }
  t.equal(peer.answered(answer).generation, 0n)
})

t.test('a take fences the enclave that held the store, a follower fences nobody (S08)', async (t) => {
  const { keys, peer, boot } = await start(t)
  t.equal((await ask(keys, peer, peer.advance(0, NO_HEAD, head(1)))).status, REGISTER_DONE)
  const follower = await boot({ mode: STORE_FOLLOW })
  t.match(refusal(await keys.handle(follower.peer.read())), { code: REFUSED_FENCED }, 'a follower holds nothing')
  t.equal((await ask(keys, peer, peer.advance(1, head(1), head(2)))).status, REGISTER_DONE, 'and fenced nobody')
  const clone = await boot({ mode: STORE_TAKE })
  t.equal(clone.released.generation, 2)
  const fenced = { code: REFUSED_FENCED, reason: /ERR_STORE_FENCED/ }
  t.match(refusal(await keys.handle(peer.advance(2, head(2), head(3)))), fenced)
  t.match(refusal(await keys.handle(peer.read())), fenced)
  t.match(await ask(keys, clone.peer, clone.peer.advance(2, head(2), head(4))), {
    status: REGISTER_DONE,
    head: head(4),
  })
  // A kernel that is told of the fence by nobody still cannot use the other's answer.
  t.throws(() => peer.answered(clone.peer.read()), /not an answer/)
})

t.test('create fences too, while nothing was written', async (t) => {
  const { keys, peer, boot } = await start(t)
  const second = await boot()
  t.match(refusal(await keys.handle(peer.advance(0, NO_HEAD, head(1)))), { code: REFUSED_FENCED })
  t.equal((await ask(keys, second.peer, second.peer.advance(0, NO_HEAD, head(1)))).status, REGISTER_DONE)
})

t.test('of many advances at once one is done, and each is answered', async (t) => {
  const { keys, peer } = await start(t)
  const messages = Array.from({ length: 40 }, (_, i) => peer.advance(0, NO_HEAD, head(i + 1)))
  const answers = await Promise.all(messages.map((message) => keys.handle(message)))
  const read = answers.map((answer, index) => peer.answered(answer, BigInt(index + 1)))
  t.equal(read.filter(({ status }) => status === REGISTER_DONE).length, 1)
  t.ok(read.every(({ generation, head: now }) => generation === 1n && now.equals(head(1))))
})

t.test('of many takes at once one holds the store, and the others are fenced', async (t) => {
  const { side, keys, boot } = await start(t)
  const peers: KernelPeer[] = []
  for (let i = 0; i < 8; i++) {
    side.pass()
    peers.push(await KernelPeer.boot(side, { mode: STORE_TAKE }))
  }
  const answers = await Promise.all(peers.map((peer) => keys.handle(peer.k1)))
  let holders = 0
  for (const [index, answer] of answers.entries()) {
    const peer = peers[index] as KernelPeer
    // Some came after a newer one: they were refused as not newer.
    if (answer[0] !== 2) continue
    peer.open(answer)
    if ((await keys.handle(peer.advance(0, NO_HEAD, head(1))))[0] === 4) holders++
  }
  t.equal(holders, 1)
  t.equal((await boot({ mode: STORE_TAKE })).released.generation, 1)
})

t.test('stores do not disturb each other', async (t) => {
  const { keys, peer, boot } = await start(t)
  const other = await boot({ grant: { enclaveName: 'other' } })
  await Promise.all([
    ask(keys, peer, peer.advance(0, NO_HEAD, head(1))),
    ask(keys, other.peer, other.peer.advance(0, NO_HEAD, head(2))),
  ])
  t.same((await ask(keys, peer, peer.read())).head, head(1))
  t.same((await ask(keys, other.peer, other.peer.read())).head, head(2))
  t.same(
    (await keys.describe()).map(({ generation, held, kekVersion }) => [generation, held, kekVersion]),
    [
      [1, true, 1],
      [1, true, 1],
    ],
  )
})

t.test('looking at stores while they change brings nothing old back', async (t) => {
  const { side, peer } = await start(t)
  for (let generation = 0; generation < 20; generation++) {
    // From disk each time, so that a look and a write are under way together.
    const keys = await side.open()
    const message = peer.advance(generation, generation === 0 ? NO_HEAD : head(generation), head(generation + 1))
    const [, answer] = await Promise.all([keys.describe(), keys.handle(message), keys.describe()])
    t.equal(peer.answered(answer).status, REGISTER_DONE)
    t.equal(peer.answered(await keys.handle(peer.read())).generation, BigInt(generation + 1))
  }
})

t.test('a rewrap keeps the key, gives a new wrapping, and the old one opens nothing any more (S11)', async (t) => {
  const { side, keys, peer, released, boot } = await start(t)
  await keys.requestRewrap()
  t.equal((await ask(keys, peer, peer.read())).flags, REGISTER_REWRAP_DUE)
  const answer = await ask(keys, peer, peer.rewrap())
  t.match(answer, { status: REGISTER_DONE, flags: 0 })
  t.equal(answer.wrapped.length, 65)
  t.notSame(answer.wrapped, Buffer.from(released.wrapped))
  const refusedOld = async (on: StoreKeys) => {
    side.pass()
    const old = await KernelPeer.boot(side, { mode: STORE_TAKE, wrappedDek: released.wrapped })
    t.match(refusal(await on.handle(old.k1)), {
      code: REFUSED_DESTROYED,
      reason: /ERR_KEY_DESTROYED: wrapped by KEK version 1/,
    })
  }
  await refusedOld(keys)
  const taken = await boot({ mode: STORE_TAKE, wrappedDek: new Uint8Array(answer.wrapped) })
  t.same(taken.released.dek, released.dek, 'the same key')
  t.same(Buffer.from(taken.released.wrapped), answer.wrapped)
  t.same((await boot({ mode: STORE_TAKE, wrappedDek: null })).released.dek, released.dek, 'the own copy of the KMS')
  await refusedOld(await side.open())
  t.equal((await keys.describe())[0]?.kekVersion, 2)
})

t.test('a store’s request to rewrap survives a restart, and ends with the rewrap', async (t) => {
  const { side, keys, peer } = await start(t)
  const [store] = await keys.describe()
  await keys.requestRewrap('00'.repeat(32))
  t.equal((await ask(keys, peer, peer.read())).flags, 0, 'another store’s')
  await keys.requestRewrap(store?.storeId)
  const again = await side.open()
  t.equal((await ask(again, peer, peer.read())).flags, REGISTER_REWRAP_DUE)
  side.pass()
  const taken = await KernelPeer.boot(side, { mode: STORE_TAKE })
  t.equal((await taken.release(again)).flags, REGISTER_REWRAP_DUE)
  t.equal((await ask(again, taken, taken.rewrap())).flags, 0)
  t.equal((await ask(again, taken, taken.read())).flags, 0)
})
