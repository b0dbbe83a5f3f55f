// Guests that misbehave on command, from WebAssembly text.
import wabt from 'wabt'

/** A module of this text, with a well-behaved ABI around `body`, the code of `handle` (locals $request $pointer $length). */
export async function guest(
  body: string,
  parts: { imports?: string; memory?: string; allocate?: string; more?: string } = {},
): Promise<Uint8Array> {
  return assemble(`(module
    ${parts.imports ?? RESPOND}
    (memory (export "memory") ${parts.memory ?? '2 4'})
    ${parts.more ?? ''}
    (func (export "wasmclave_abi") (result i32) (i32.const 1))
    (func (export "allocate") (param i32) (result i32) ${parts.allocate ?? '(i32.const 65536)'})
    (func (export "handle") (param $request i32) (param $pointer i32) (param $length i32) (result i32) ${body}))`)
}

export const RESPOND = '(import "kernel" "respond" (func $respond (param i32 i32 i32 i32 i32 i32 i32) (result i32)))'

export async function assemble(text: string, features: object = {}): Promise<Uint8Array> {
  const module = (await wabt()).parseWat('guest.wat', text, features)
  return new Uint8Array(module.toBinary({}).buffer)
}

/** Answers 200 without a body. */
export const OK =
  '(drop (call $respond (local.get $request) (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1))) (i32.const 0)'
