/** The known name nearest to a misspelt one, or undefined when none is near enough to suggest. */
export function closestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  // A name changed throughout is another name: nothing is near to one letter.
  let bestDistance = Math.min(name.length - 1, Math.max(1, Math.floor(name.length / 3))) + 1
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** ` (did you mean 'x'?)`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = closestName(name, known)
  return near === undefined ? '' : ` (did you mean '${near}'?)`
}

// Only names up to this length are compared: the cost is a product of both lengths, and the name
// may be a caller's.
const MAX_COMPARED = 64

/**
 * Letters to add, drop, change or exchange: two neighbours exchanged, as in `feul`, are one mistake
 * (optimal string alignment). Infinite for names that are too long to be compared.
 */
export function editDistance(a: string, b: string): number {
  if (a.length > MAX_COMPARED || b.length > MAX_COMPARED) return Number.POSITIVE_INFINITY
  let above: readonly number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      const exchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(
        Math.min(
          (next[j - 1] ?? 0) + 1,
          (row[j] ?? 0) + 1,
          (row[j - 1] ?? 0) + cost,
          exchanged ? (above[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    above = row
    row = next
  }
  return row[b.length] ?? 0
}
