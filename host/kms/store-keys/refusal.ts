/** Why a request gets neither key nor register: a code for the kernel (assembly/abi/store.ts), a reason for people. */
import { STORE_REFUSED } from '../../../assembly/abi/store.ts'
import { type ErrorCode, RefusedError, WasmclaveError } from '../../errors.ts'

const MAX_REASON_BYTES = 512

export class StoreRefusal extends RefusedError {
  /** One of REFUSED_* */
  readonly refusal: number

  constructor(refusal: number, code: ErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options)
    this.refusal = refusal
  }
}

/** Runs a check whose refusals the kernel knows under one number. What is no refusal of ours goes on as it is. */
export async function refusingAs<T>(refusal: number, check: () => T | Promise<T>): Promise<T> {
  try {
    return await check()
  } catch (error) {
    if (error instanceof StoreRefusal || !(error instanceof WasmclaveError)) throw error
    throw new StoreRefusal(refusal, error.code, error.message, { cause: error })
  }
}

/** u8 type ‖ u16 code ‖ reason. Reasons name public values only. */
export function encodeRefusal(refusal: number, code: ErrorCode, message: string): Uint8Array {
  const reason = Buffer.from(`${code}: ${message}`)
  // Not in the middle of a character
  let length = Math.min(reason.length, MAX_REASON_BYTES)
  while (length < reason.length && ((reason[length] as number) & 0xc0) === 0x80) length--
  return new Uint8Array(
    Buffer.concat([Buffer.of(STORE_REFUSED, refusal >> 8, refusal & 0xff), reason.subarray(0, length)]),
  )
}
