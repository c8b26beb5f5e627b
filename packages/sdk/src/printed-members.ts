/** Said by the message, or, `body`, what the others were taken from. */
const REPEATED: ReadonlySet<string> = new Set(['detail', 'body'])
/** Sentences, which may be part of the message. */
const SENTENCES: ReadonlySet<string> = new Set(['gateMessage', 'denyReason', 'reason'])

/**
 * Has consoles, and a runtime that prints an error which nobody caught, leave out the members of `error`
 * that say nothing, or nothing that its message does not say. They stay what they are: only not enumerable.
 */
export function printOnce(error: Error): void {
  // Not a way to print of its own: Node does not ask one for an error that nobody caught.
  for (const [member, value] of Object.entries(error)) {
    if (isNews(member, value, error.message)) continue
    Object.defineProperty(error, member, { enumerable: false })
  }
}

/** Gives `error` a more exact message, in the first line of its stack too, which is what is printed. */
export function restate(error: Error, message: string): void {
  const { stack, message: before } = error
  error.message = message
  if (stack !== undefined) error.stack = stack.replace(before, () => message)
}

function isNews(member: string, value: unknown, message: string): boolean {
  if (value === null || value === undefined || REPEATED.has(member)) return false
  return !(SENTENCES.has(member) && message.includes(String(value)))
}
