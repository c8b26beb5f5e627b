import { closestName } from '@latchgate/catalogue'
import type { ErrorObject } from 'ajv/dist/2020.js'

/**
 * What is wrong with one key, in the words of the file; undefined for an error that only repeats
 * another. Values are not repeated: some of them are keys.
 */
export function describeProblem(error: ErrorObject): string | undefined {
  const at = dotted(error.instancePath)
  const params = error.params as Readonly<Record<string, unknown>>
  const { says } = (error.parentSchema ?? {}) as { readonly says?: string }
  switch (error.keyword) {
    case 'additionalProperties':
      return unknownKey(at, String(params['additionalProperty']), error)
    case 'enum':
      return `\`${at}\` must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`
    case 'required':
      return `\`${at}\` needs the key \`${String(params['missingProperty'])}\``
    case 'minLength':
      return `\`${at}\` must have ${shortest(params['limit'])}`
    case 'type':
      return `\`${at}\` must be ${kind(String(params['type']))}`
    case 'propertyNames':
      return undefined
  }
  if (error.propertyName !== undefined) {
    return `\`${at}.${error.propertyName}\`: the key must be ${says ?? error.message}`
  }
  return `\`${at}\` ${says === undefined ? error.message : `must be ${says}`}`
}

function unknownKey(at: string, key: string, error: ErrorObject): string {
  const known = Object.keys((error.parentSchema as { properties?: object }).properties ?? {})
  const near = closestName(key, known)
  const name = at === '' ? key : `${at}.${key}`
  return `unknown key \`${name}\`${near === undefined ? '' : `; did you mean \`${near}\`?`}`
}

function shortest(limit: unknown): string {
  return limit === 1 ? 'a value: it is empty' : `at least ${String(limit)} characters`
}

function kind(type: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a text in quotes',
    integer: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'a table',
  }
  return names[type] ?? type
}

// JSON pointers write `/` of a key as `~1`, and `~` as `~0`.
function dotted(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')
}
