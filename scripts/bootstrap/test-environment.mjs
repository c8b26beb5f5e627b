/**
 * The environment of this process without the variables whose names begin so: what its user has set for a
 * gate of their own, or for a tool, must not decide a test.
 */
export function environmentWithout(...prefixes) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !prefixes.some((prefix) => name.startsWith(prefix)),
  )
  return Object.fromEntries(kept)
}
