// The kernel's hypercalls as a workload imports them (abi/README.md). Pointers are the workload's own; negative answers are statuses.

// @ts-ignore: decorator
@external("kernel", "get")
export declare function get(key: usize, keyLength: usize, out: usize, room: usize): i32
// @ts-ignore: decorator
@external("kernel", "scan")
export declare function scan(prefix: usize, prefixLength: usize, after: usize, afterLength: usize, limit: i32, out: usize, room: usize): i32
// @ts-ignore: decorator
@external("kernel", "put")
export declare function put(key: usize, keyLength: usize, value: usize, valueLength: usize): i64
// @ts-ignore: decorator
@external("kernel", "delete")
export declare function remove(key: usize, keyLength: usize): i64
// @ts-ignore: decorator
@external("kernel", "respond")
export declare function respond(request: u32, status: i32, headers: usize, headersLength: usize, body: usize, length: usize, end: i32): i32
// @ts-ignore: decorator
@external("kernel", "stream")
export declare function stream(request: u32, data: usize, length: usize, end: i32): i32
// @ts-ignore: decorator
@external("kernel", "now")
export declare function now(): i64
// @ts-ignore: decorator
@external("kernel", "time")
export declare function time(): i64
// @ts-ignore: decorator
@external("kernel", "settled")
export declare function settled(out: usize): i32
// @ts-ignore: decorator
@external("kernel", "random")
export declare function random(out: usize, length: usize): i32
// @ts-ignore: decorator
@external("kernel", "sha256")
export declare function sha256(from: usize, length: usize, out: usize): i32
// @ts-ignore: decorator
@external("kernel", "hmac")
export declare function hmac(key: usize, keyLength: usize, from: usize, length: usize, out: usize): i32
// @ts-ignore: decorator
@external("kernel", "attest")
export declare function attest(nonce: usize, nonceLength: usize, data: usize, dataLength: usize, publicKey: usize, publicKeyLength: usize): i32
