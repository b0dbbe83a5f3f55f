// A24: an NSM whose randomness is none. The kernel makes no key from it, and does not boot.
import t from 'tap'
import { BLAME_NITRO, FAULT_NSM } from '../../assembly/abi/fault.ts'
import { EnclaveFault } from '../../host/enclave/kernel.ts'
import type { Cbor } from '../../host/wire/cbor.ts'
import { fixed, KernelUnderTest } from '../kit/kernel.ts'

/** Boots with these answers to GetRandom, the honest ones where there are none. @returns what came of it */
function booted(...answers: (Uint8Array | undefined)[]): string {
  const under = new KernelUnderTest()
  let asked = 0
  under.lie = (call, _index, honest): Cbor => {
    if (call !== 'GetRandom') return honest
    const random = answers[asked++]
    return random === undefined ? honest : new Map([['GetRandom', new Map([['random', random]])]])
  }
  try {
    under.boot()
    under.kernel.check(under.exports.workloadReady())
    return 'boots'
  } catch (error) {
    if (!(error instanceof EnclaveFault)) throw error
    return error.kind === FAULT_NSM && error.blame === BLAME_NITRO ? 'refused' : `fault ${error.kind}, ${error.blame}`
  }
}
const good = fixed('a good seed', 256)
/** So many different values, and no half like the other. */
const distinct = (count: number) => Uint8Array.from({ length: 256 }, (_, i) => (i < count ? i : i % 3 === 0 ? 1 : 0))

t.test('boots on seeds that look random', async (t) => {
  t.equal(booted(), 'boots')
  t.equal(booted(good), 'boots')
  t.equal(booted(undefined, good), 'boots')
  t.equal(booted(fixed('longer', 257)), 'boots')
})

t.test('refuses seeds that are constant, repeated or short, the first as well as the second', async (t) => {
  const rows: [string, Uint8Array][] = [
    ['all zero', new Uint8Array(256)],
    ['all one value', Buffer.alloc(256, 0xa5)],
    ['one half twice', Buffer.concat([good.subarray(0, 128), good.subarray(0, 128)])],
    ['nothing', new Uint8Array(0)],
    ['a byte short', good.subarray(0, 255)],
    ['99 different values', distinct(99)],
    ['bits of a counter', Uint8Array.from({ length: 256 }, (_, i) => i & 15)],
  ]
  for (const [name, random] of rows) {
    t.equal(booted(random), 'refused', name)
    t.equal(booted(undefined, random), 'refused', `${name}, as the second`)
  }
  t.equal(booted(distinct(100)), 'boots', 'a hundred different values')
})

t.test('refuses the same seed twice', async (t) => {
  t.equal(booted(good, good), 'refused')
  t.equal(booted(good, fixed('another', 256)), 'boots')
})
