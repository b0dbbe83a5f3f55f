/** The NSM's clock of a development host: the machine's, shifted, or standing still, so that expiry can be tried (`up --clock`). */

export type ClockSetting = { aheadMs: number } | { frozenMs: number }

export const TRUE_CLOCK: ClockSetting = { aheadMs: 0 }

export function isShifted(setting: ClockSetting): boolean {
  return 'frozenMs' in setting || setting.aheadMs !== 0
}

export function clockOf(setting: ClockSetting): () => number {
  return 'frozenMs' in setting ? () => setting.frozenMs : () => Date.now() + setting.aheadMs
}
