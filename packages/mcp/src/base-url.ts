/**
 * A base URL that an option or a variable named `name` gave, without the slash at its end. Throws an `Error`
 * for one that is no web address, or that holds a password, a query or a fragment: it is written into
 * settings and into proofs. A password is not repeated.
 */
export function checkedBaseUrl(name: string, value: string): string {
  const url = URL.canParse(value) ? new URL(value) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error(`${name} must be an http:// or https:// URL, got '${value}'`)
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new Error(`${name} must not hold user, query or fragment: '${url.origin}…'`)
  }
  return value.replace(/\/+$/, '')
}
