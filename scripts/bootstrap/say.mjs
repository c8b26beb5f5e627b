/** Progress goes to stderr: stdout belongs to what was asked for. */
export function say(text) {
  process.stderr.write(`latchgate: ${text}\n`)
}

/** Says why the run ends here. */
export function sayFailure(text) {
  process.stderr.write(`\nlatchgate: ${text}\n`)
}
