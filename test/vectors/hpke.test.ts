import t from 'tap'
import type { HpkeAead } from '../../host/core/index.ts'
import { cores } from '../kit/cores.ts'
import { account, hex, readVectors, vectorTest } from './kit.ts'

type Vector = {
  mode: number
  aead_id: number
  info: string
  skRm: string
  skEm: string
  pkRm: string
  enc: string
  encryptions: { aad: string; ct: string; pt: string }[]
  exports: { exporter_context: string; L: number; exported_value: string }[]
}
const AEADS: Record<number, HpkeAead> = { 2: 'aes-256-gcm', 3: 'chacha20-poly1305' }

for (const { build, core } of cores) {
  vectorTest(
    t,
    `${build} build: HPKE: both sides of every base-mode suite that is ours, encryptions and exports`,
    async (t) => {
      let executed = 0
      let outOfScope = 0
      for (const vector of readVectors<Vector[]>('hpke/rfc9180_dhkem_x25519_hkdf_sha256.json')) {
        const aead = AEADS[vector.aead_id]
        // Modes with a key of the sender's or a shared one, AES-128-GCM and export-only are not ours.
        if (vector.mode !== 0 || aead === undefined) {
          outOfScope++
          continue
        }
        executed++
        const sender = core.hpke.setupBaseS(hex(vector.pkRm), hex(vector.info), aead, hex(vector.skEm))
        const recipient = core.hpke.setupBaseR(hex(vector.enc), hex(vector.skRm), hex(vector.info), aead)
        t.equal(Buffer.from(sender.enc).toString('hex'), vector.enc)
        for (const { aad, ct, pt } of vector.encryptions) {
          t.equal(Buffer.from(sender.seal(hex(aad), hex(pt))).toString('hex'), ct)
          t.throws(() => recipient.open(hex(`${aad}00`), hex(ct)), { code: 'ERR_OPEN_FAILED' }, 'other AAD')
          t.equal(Buffer.from(recipient.open(hex(aad), hex(ct))).toString('hex'), pt)
        }
        for (const { exporter_context, L, exported_value } of vector.exports)
          for (const side of [sender, recipient])
            t.equal(Buffer.from(side.export(hex(exporter_context), L)).toString('hex'), exported_value)
      }
      account(t, `hpke RFC 9180, ${build}`, { executed, outOfScope, total: 16 })
    },
  )
}
