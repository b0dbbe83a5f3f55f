// Time as the host tells it, in whole milliseconds, never backwards. Coarse, and trusted for nothing but time-outs.

export let now: i64 = 0

export function advance(nowMs: f64): void {
  const told = <i64>nowMs
  if (told > now) now = told
}
