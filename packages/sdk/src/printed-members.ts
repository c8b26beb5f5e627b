type Show = (error: Error, depth: number, show: (members: object) => string) => string
type Inspect = (value: unknown, options: object) => string

/** Has consoles of Node, Bun and Deno print `error` as `text` says. */
export function showAs(error: Error, text: Show): void {
  Object.defineProperty(error, Symbol.for('nodejs.util.inspect.custom'), {
    // Not enumerable: it is no member that comparisons and copies should see.
    value: (depth: number, options: object, inspect: Inspect): string =>
      text(error, depth, (members) => inspect(members, options)),
  })
}

/** Said by the message, or, `body`, what the others were taken from. */
const REPEATED: ReadonlySet<string> = new Set(['name', 'detail', 'body'])
/** Sentences, which may be part of the message. */
const SENTENCES: ReadonlySet<string> = new Set(['gateMessage', 'denyReason', 'reason'])

/**
 * An error as consoles print it, and Node one that nobody caught: message and stack, and of the members
 * those that say something more. `depth` below 0: the message alone. `show` prints the members.
 */
export function inspectedError(
  error: Error,
  depth: number,
  show: (members: object) => string,
): string {
  const { name, message, stack = '', cause } = error
  if (depth < 0) return `[${name}: ${message}]`
  const members = Object.entries(error).filter(
    ([member, value]) =>
      value !== null &&
      value !== undefined &&
      !REPEATED.has(member) &&
      !(SENTENCES.has(member) && message.includes(String(value))),
  )
  const shown = { ...Object.fromEntries(members), ...(cause === undefined ? {} : { cause }) }
  // Not the stack's own first line: it has the message that the base class was given.
  const at = stack.indexOf('\n    at ')
  const text = `${name}: ${message}${at === -1 ? '' : stack.slice(at)}`
  return Object.keys(shown).length === 0 ? text : `${text} ${show(shown)}`
}
