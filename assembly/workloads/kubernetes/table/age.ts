// Ages as kubectl shows them: HumanDuration of k8s.io/apimachinery/pkg/util/duration.

export function humanDuration(seconds: i64): string {
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return seconds.toString() + 's'
  const minutes = seconds / 60
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return minutes.toString() + 'm'
  const hours = minutes / 60
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return hours.toString() + 'h'
  const days = hours / 24
  if (hours < 192) return two(days, 'd', hours % 24, 'h')
  if (days < 730) return days.toString() + 'd'
  const years = days / 365
  return days < 2920 ? two(years, 'y', days % 365, 'd') : years.toString() + 'y'
}

function two(large: i64, unit: string, small: i64, smaller: string): string {
  return large.toString() + unit + (small == 0 ? '' : small.toString() + smaller)
}
