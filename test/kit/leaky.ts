// A compare of tags that ends at the first byte that differs: what the timing test must catch, or it proves nothing. In Wasm, as the
// core is, with its constant-time twin.
import { assemble } from './guest.ts'

export const LEAKY_TAG_BYTES = 16

const STEP = {
  leaky: '(br_if $out (i32.ne (local.get $a) (local.get $b)))',
  even: '(local.set $d (i32.or (local.get $d) (i32.xor (local.get $a) (local.get $b))))',
}

export type Compare = { memory: Uint8Array; equal(): number }

/** Compares memory[0…16) with memory[16…32). */
export async function tagCompare(kind: keyof typeof STEP): Promise<Compare> {
  const code = await assemble(`(module (memory (export "memory") 1)
    (func (export "equal") (result i32) (local $i i32) (local $a i32) (local $b i32) (local $d i32)
      (block $out (loop $next
        (local.set $a (i32.load8_u (local.get $i)))
        (local.set $b (i32.load8_u offset=${LEAKY_TAG_BYTES} (local.get $i)))
        ${STEP[kind]}
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const ${LEAKY_TAG_BYTES})))
        (return (i32.eqz (local.get $d)))))
      (i32.const 0)))`)
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>))
  const { memory, equal } = exports as unknown as { memory: WebAssembly.Memory; equal(): number }
  return { memory: new Uint8Array(memory.buffer), equal }
}
