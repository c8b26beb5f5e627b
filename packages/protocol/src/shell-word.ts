/**
 * A text as one word of a shell (POSIX sh, zsh), in commands that a person is told to run. One that begins
 * with a dash is still an option to the program: put `--` before it.
 */
export function shellWord(text: string): string {
  // A leading `=` is a path to zsh.
  const isPlain = /^[\w./+:@%,-][\w./+:@%,=-]*$/.test(text)
  return isPlain ? text : `'${text.replaceAll("'", "'\\''")}'`
}
