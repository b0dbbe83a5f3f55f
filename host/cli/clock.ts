/** `--clock`: an offset such as +4h or -90s, or frozen:TIME. What it is for is said in red. */
import { UsageError } from '../errors.ts'
import { type ClockSetting, clockOf } from '../nitro/clock.ts'

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** RFC 3339, with seconds and a zone. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/
/** The root's own life, less what a regional certificate needs before it (host/nitro/pki). */
const FROM = Date.parse('2019-10-28T13:28:05Z')
const UNTIL = Date.parse('2049-10-01T00:00:00Z')

/** @throws UsageError ERR_USAGE_CLOCK */
export function parseClock(text: string, nowMs: number): ClockSetting {
  const [, sign, count, unit] = /^([+-])(\d{1,9})([smhd])$/.exec(text) ?? []
  const frozen = text.startsWith('frozen:') ? text.slice('frozen:'.length) : undefined
  const setting: ClockSetting | undefined =
    frozen !== undefined && TIME.test(frozen)
      ? { frozenMs: Date.parse(frozen) }
      : count !== undefined
        ? { aheadMs: (sign === '-' ? -1 : 1) * Number(count) * UNITS[unit as keyof typeof UNITS] }
        : undefined
  if (setting === undefined)
    throw new UsageError(
      'ERR_USAGE_CLOCK',
      `--clock is +N or -N with s, m, h or d, or frozen:TIME of RFC 3339: ${text}`,
    )
  const then = 'frozenMs' in setting ? setting.frozenMs : nowMs + setting.aheadMs
  // Not a number either
  if (!(then >= FROM && then < UNTIL))
    throw new UsageError(
      'ERR_USAGE_CLOCK',
      `${text} is outside of the attestation root's life, 2019-10-28 to 2049-10-01`,
    )
  return setting
}

/** One line, red on a terminal. */
export function clockWarning(setting: ClockSetting, terminal: boolean): string {
  const time = new Date(clockOf(setting)()).toISOString()
  const line = `The clock of NSM and KMS ${'frozenMs' in setting ? 'stands still at' : 'is shifted, and now says'} ${time}. The boot record (PCR18) says so.`
  return terminal ? `\x1b[31m${line}\x1b[0m` : line
}
