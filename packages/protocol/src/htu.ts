/**
 * The form in which the `htu` of a proof and the URL of a request are compared (auth spec 7.5):
 * without query and fragment, scheme and authority in lower case, default port dropped, an empty
 * path `/`. Nothing else is touched. Null when there is no `://`.
 */
export function normalizeHtu(url: string): string | null {
  const bare = cutAt(cutAt(url, '#'), '?')
  const mark = bare.indexOf('://')
  if (mark < 0) return null
  const scheme = asciiLowerCase(bare.slice(0, mark))
  const rest = bare.slice(mark + 3)
  const slash = rest.indexOf('/')
  const authority = asciiLowerCase(slash < 0 ? rest : rest.slice(0, slash))
  const path = slash < 0 ? '/' : rest.slice(slash)
  return `${scheme}://${withoutDefaultPort(scheme, authority)}${path}`
}

function cutAt(text: string, mark: string): string {
  const i = text.indexOf(mark)
  return i < 0 ? text : text.slice(0, i)
}

function withoutDefaultPort(scheme: string, authority: string): string {
  if (scheme === 'http' && authority.endsWith(':80')) return authority.slice(0, -3)
  if (scheme === 'https' && authority.endsWith(':443')) return authority.slice(0, -4)
  return authority
}

// `toLowerCase` would also turn the Kelvin sign into `k`: another host would pass for the same.
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (run) => run.toLowerCase())
}
