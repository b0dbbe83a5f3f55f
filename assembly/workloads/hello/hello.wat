;; A workload in ten lines of WebAssembly text, from abi/README.md alone: any request is answered with a greeting.
(module
  (import "kernel" "respond" (func $respond (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2 2)
  (data (i32.const 0) "content-type: text/plain\nHello from inside an enclave.\n")
  (func (export "wasmclave_abi") (result i32) (i32.const 1))
  (func (export "allocate") (param i32) (result i32) ;; one page for requests, behind the text; larger ones are refused
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get 0) (i32.const 65536))))
  (func (export "handle") (param $request i32) (param i32 i32) (result i32)
    (call $respond (local.get $request) (i32.const 200) (i32.const 0) (i32.const 25) (i32.const 25) (i32.const 30) (i32.const 1))))
