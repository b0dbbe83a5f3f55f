import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { decodeCbor, encodeCbor } from '../../host/wire/cbor.ts'
import { account, vectorPath, vectorTest } from './kit.ts'

type Suite = {
  fail?: boolean
  tests: { description?: string; encoded: Uint8Array; decoded?: unknown; roundtrip?: boolean }[]
}

vectorTest(
  t,
  'CBOR: refuses what is bad, reads what is deterministic, and refuses what has a shorter form',
  async (t) => {
    for (const file of readdirSync(vectorPath('cbor')).filter((name) => name.endsWith('.cbor'))) {
      const suite = readSuite(readFileSync(vectorPath(`cbor/${file}`)))
      let executed = 0
      let outOfScope = 0
      for (const test of suite.tests) {
        let value: ReturnType<typeof decodeCbor> | undefined
        let refused = false
        try {
          value = decodeCbor(test.encoded)
        } catch {
          refused = true
        }
        if (suite.fail) {
          executed++
          if (!refused) t.fail(`${file}: accepts ${Buffer.from(test.encoded).toString('hex')}`)
        } else if (refused) {
          // Floats, tags, undefined, indefinite and non-minimal forms: no part of what is spoken here.
          outOfScope++
        } else {
          executed++
          if (!Buffer.from(encodeCbor(value as never)).equals(test.encoded))
            t.fail(`${file}: ${Buffer.from(test.encoded).toString('hex')} is read but not written so`)
        }
      }
      account(t, `cbor ${file.replace('.cbor', '')}`, { executed, outOfScope, total: suite.tests.length })
      if (!suite.fail && /mt[0-5]/.test(file)) t.ok(executed > 0, `${file} is read`)
    }
  },
)

// Of a suite only the encoded inputs matter here; they are the byte strings behind the key "encoded".
function readSuite(bytes: Uint8Array): Suite {
  const text = Buffer.from(bytes)
  const key = Buffer.concat([Buffer.of(0x67), Buffer.from('encoded')])
  const tests: { encoded: Uint8Array }[] = []
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at + 1)) {
    const head = text[at + 8] as number
    const [from, length] =
      head < 0x58
        ? [at + 9, head - 0x40]
        : head === 0x58
          ? [at + 10, text[at + 9] as number]
          : [at + 11, text.readUInt16BE(at + 9)]
    tests.push({ encoded: text.subarray(from, from + length) })
  }
  return { fail: text.includes(Buffer.concat([Buffer.of(0x64), Buffer.from('fail'), Buffer.of(0xf5)])), tests }
}
