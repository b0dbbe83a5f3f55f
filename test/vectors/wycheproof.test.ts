import t from 'tap'
import { errorCode } from '../../host/errors.ts'
import { cores } from '../kit/cores.ts'
import { account, hex, readVectors, vectorTest } from './kit.ts'

type Case = Record<string, string> & { tcId: number; result: 'valid' | 'invalid' | 'acceptable'; flags: string[] }
type Group = { tests: Case[] } & Record<string, number | string | { pk: string }>
type Suite = { testGroups: Group[] }

function cases(file: string): { group: Group; test: Case }[] {
  return readVectors<Suite>(`wycheproof/${file}`).testGroups.flatMap((group) =>
    group.tests.map((test) => ({ group, test })),
  )
}

for (const { build, core } of cores) {
  for (const [file, name, total] of [
    ['aes_gcm_test.json', 'AES-GCM', 316],
    ['chacha20_poly1305_test.json', 'ChaCha20-Poly1305', 325],
  ] as const)
    vectorTest(t, `${build} build: ${name}: seals and opens as Wycheproof demands`, async (t) => {
      let executed = 0
      let outOfScope = 0
      for (const { group, test } of cases(file)) {
        // Other key and nonce sizes than 256 and 96 bits are not ours.
        if (group.keySize !== 256 || group.ivSize !== 96) {
          outOfScope++
          continue
        }
        executed++
        const aead =
          name === 'AES-GCM' ? core.aes256gcm(hex(test.key as string)) : core.chacha20poly1305(hex(test.key as string))
        const [iv, aad, msg] = [hex(test.iv as string), hex(test.aad as string), hex(test.msg as string)]
        const sealed = hex(`${test.ct}${test.tag}`)
        const tagBytes = (test.tag as string).length / 2
        if (test.result === 'valid') {
          if (tagBytes !== 16) t.fail(`case ${test.tcId}: a tag of ${tagBytes} bytes`)
          if (!Buffer.from(aead.seal(iv, msg, aad)).equals(sealed)) t.fail(`case ${test.tcId} seals to something else`)
          if (!Buffer.from(aead.open(iv, sealed, aad)).equals(msg)) t.fail(`case ${test.tcId} opens to something else`)
        } else {
          try {
            aead.open(iv, sealed, aad)
            t.fail(`case ${test.tcId} opens, and is invalid`)
          } catch (error) {
            if (errorCode(error) !== 'ERR_OPEN_FAILED') t.fail(`case ${test.tcId}: ${error}`)
          }
        }
        aead.destroy()
      }
      account(t, `wycheproof ${name}, ${build}`, { executed, outOfScope, total })
    })

  for (const [file, hash, total] of [
    ['hkdf_sha256_test.json', 'sha256', 86],
    ['hkdf_sha384_test.json', 'sha384', 83],
  ] as const)
    vectorTest(t, `${build} build: HKDF-${hash}: derives as Wycheproof demands`, async (t) => {
      let executed = 0
      for (const { test } of cases(file)) {
        executed++
        const derive = () =>
          core.hkdf(
            hash,
            hex(test.ikm as string),
            hex(test.salt as string),
            hex(test.info as string),
            Number(test.size),
          )
        if (test.result === 'invalid') {
          try {
            derive()
            t.fail(`case ${test.tcId} derives, and is invalid`)
          } catch (error) {
            if (errorCode(error) !== 'ERR_CORE_LENGTH') t.fail(`case ${test.tcId}: ${error}`)
          }
        } else if (Buffer.from(derive()).toString('hex') !== test.okm) t.fail(`case ${test.tcId}`)
      }
      account(t, `wycheproof HKDF-${hash}, ${build}`, { executed, outOfScope: 0, total })
    })

  for (const [file, hash, total] of [
    ['hmac_sha256_test.json', 'sha256', 174],
    ['hmac_sha384_test.json', 'sha384', 174],
  ] as const)
    vectorTest(t, `${build} build: HMAC-${hash}: authenticates as Wycheproof demands`, async (t) => {
      let executed = 0
      for (const { group, test } of cases(file)) {
        executed++
        const mac = Buffer.from(core.hmac(hash, hex(test.key as string), hex(test.msg as string))).toString('hex')
        // Shorter tags are prefixes.
        const right = mac.slice(0, Number(group.tagSize) / 4) === test.tag
        if (right !== (test.result === 'valid')) t.fail(`case ${test.tcId}`)
      }
      account(t, `wycheproof HMAC-${hash}, ${build}`, { executed, outOfScope: 0, total })
    })

  vectorTest(t, `${build} build: X25519: computes as Wycheproof demands, and refuses zero secrets`, async (t) => {
    let executed = 0
    let zeros = 0
    for (const { test } of cases('x25519_test.json')) {
      executed++
      const zero = /^(00)*$/.test(test.shared as string)
      if (zero) zeros++
      let outcome: string | undefined
      try {
        const shared = core.x25519.sharedSecret(hex(test.private as string), hex(test.public as string))
        outcome = Buffer.from(shared).toString('hex')
      } catch (error) {
        outcome = errorCode(error)
      }
      const wrongSize = (test.public as string).length !== 64 || (test.private as string).length !== 64
      const expected = wrongSize ? 'ERR_CORE_KEY_LENGTH' : zero ? 'ERR_X25519_ZERO' : test.shared
      if (outcome !== expected) t.fail(`case ${test.tcId}: ${outcome}, expected ${expected}`)
    }
    t.ok(zeros > 0, `${zeros} cases with a zero secret`)
    account(t, `wycheproof X25519, ${build}`, { executed, outOfScope: 0, total: 518 })
  })

  vectorTest(t, `${build} build: Ed25519: verifies as Wycheproof demands`, async (t) => {
    let executed = 0
    for (const { group, test } of cases('ed25519_test.json')) {
      executed++
      const valid = core.ed25519.verify(
        hex((group.publicKey as { pk: string }).pk),
        hex(test.msg as string),
        hex(test.sig as string),
      )
      if (valid !== (test.result === 'valid')) t.fail(`case ${test.tcId}: ${valid}`)
    }
    account(t, `wycheproof Ed25519, ${build}`, { executed, outOfScope: 0, total: 151 })
  })
}

vectorTest(t, "ECDSA P-384: the verifier's platform answers as Wycheproof demands", async (t) => {
  let executed = 0
  for (const { group, test } of cases('ecdsa_secp384r1_sha384_p1363_test.json')) {
    executed++
    const point = hex((group.publicKey as unknown as { uncompressed: string }).uncompressed)
    const key = await crypto.subtle.importKey(
      'raw',
      point as Uint8Array<ArrayBuffer>,
      { name: 'ECDSA', namedCurve: 'P-384' },
      false,
      ['verify'],
    )
    const signature = hex(test.sig as string) as Uint8Array<ArrayBuffer>
    const valid =
      signature.length === 96 &&
      (await crypto.subtle.verify(
        { name: 'ECDSA', hash: 'SHA-384' },
        key,
        signature,
        hex(test.msg as string) as Uint8Array<ArrayBuffer>,
      ))
    if (valid !== (test.result === 'valid')) t.fail(`case ${test.tcId}: ${valid}`)
  }
  account(t, 'wycheproof ECDSA P-384', { executed, outOfScope: 0, total: 280 })
})

vectorTest(t, 'ECDH P-384 is no part of this core', async (t) => {
  account(t, 'wycheproof ECDH P-384', {
    executed: 0,
    outOfScope: cases('ecdh_secp384r1_ecpoint_test.json').length,
    total: 790,
  })
})
