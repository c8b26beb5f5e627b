/** A text as one word of a POSIX shell, in commands that a person is told to run. */
export function shellWord(text: string): string {
  return /^[\w./+:@%-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
