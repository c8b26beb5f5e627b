const RESOURCE_ID = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,255}$/

/**
 * Whether `text` may name an action, receipt or approval in a path: at most 256 characters, none of
 * which needs escaping there (http-api 15.2).
 */
export function isResourceId(text: string): boolean {
  return RESOURCE_ID.test(text)
}
