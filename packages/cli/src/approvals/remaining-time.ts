/** What is left at `now` (Unix milliseconds) until an RFC 3339 time: `4m12s`, `1h02m`, `expired`. */
export function remainingTime(time: string, now: number): string {
  const seconds = Math.floor((Date.parse(time) - now) / 1000)
  // Written so that a time that cannot be read is not shown as one that goes on.
  if (!(seconds > 0)) return 'expired'
  const [hours, minutes, rest] = [
    Math.floor(seconds / 3600),
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ]
  const two = (value: number): string => String(value).padStart(2, '0')
  if (hours > 0) return `${hours}h${two(minutes)}m`
  return minutes > 0 ? `${minutes}m${two(rest)}s` : `${rest}s`
}
