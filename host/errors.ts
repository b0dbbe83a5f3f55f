/**
 * The errors of the host side. Four classes, by what the reader should do, and one stable code each.
 * Codes are the API: `ERR_<AREA>_<WHAT>`, never renamed; tests assert codes, not messages.
 */

export type ErrorCode = `ERR_${string}`

/** Base of all errors that wasmclave raises on purpose. `code` is stable, `message` is for people. */
export abstract class WasmclaveError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.name = new.target.name
  }
}

/** Fix your call: an argument is missing, malformed or out of range. */
export class UsageError extends WasmclaveError {}

/** Hostile or forbidden: do not retry. */
export class RefusedError extends WasmclaveError {}

/** Not now: retry with back-off. */
export class UnavailableError extends WasmclaveError {}

/** Stop: state is unknown or broken; recover at start. */
export class FatalError extends WasmclaveError {}

/** The code of a caught value, or undefined where it is not one of ours. */
export function errorCode(error: unknown): ErrorCode | undefined {
  return error instanceof WasmclaveError ? error.code : undefined
}
