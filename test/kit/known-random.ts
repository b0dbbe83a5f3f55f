// A workload whose random numbers are known: its import of them is replaced by a function of its own that writes a pattern. What it then
// makes of them can be searched for. Everything else of it is as it was built.
import { readFileSync } from 'node:fs'
import wabt from 'wabt'

/** What `random` gives: byte i, from 0 on at each call. */
export function knownRandom(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => ((i + 3) * (i + 101)) & 0xff))
}

export async function withKnownRandom(path: string): Promise<Uint8Array> {
  const { readWasm, parseWat } = await wabt()
  const module = readWasm(readFileSync(path), { readDebugNames: false })
  module.generateNames()
  module.applyNames()
  const text = module.toText({ foldExprs: false, inlineExport: false })
  module.destroy()
  const found = /\(import "kernel" "random" \(func (\$[^ )]+)[^\n]*\n/.exec(text)
  if (found === null) throw new Error('no import of random')
  const own = `(func ${found[1]} (param i32 i32) (result i32) (local i32)
    (block (loop
      (br_if 1 (i32.ge_u (local.get 2) (local.get 1)))
      (i32.store8 (i32.add (local.get 0) (local.get 2))
        (i32.mul (i32.add (local.get 2) (i32.const 3)) (i32.add (local.get 2) (i32.const 101))))
      (local.set 2 (i32.add (local.get 2) (i32.const 1)))
      (br 0)))
    (i32.const 0)))`
  const replaced = text.replace(found[0], '\n').replace(/\)\s*$/, own)
  const changed = parseWat('known-random.wat', replaced, { simd: true })
  const { buffer } = changed.toBinary({})
  changed.destroy()
  return buffer
}
