/** Examples of a command's help: a line to type, and what it does. */
export function examples(...pairs: readonly (readonly [string, string])[]): string {
  const lines = pairs.map(([command, does]) => `  ${command}\n      ${does}`)
  return `\nExamples:\n${lines.join('\n')}`
}
