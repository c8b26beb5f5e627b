import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { ROOT } from './root.mjs'
import { say } from './say.mjs'

const SAY_EVERY_MS = 10_000

/**
 * Runs a script with the Node that runs this one and returns its exit code (128 + n after signal n).
 * `waiting` names the step for those who watch a long one; `onStderr` sees what it complains of.
 */
export function runNode(script, args, options = {}) {
  return run(process.execPath, [script, ...args], options)
}

/** Runs a command in the repository's directory and returns its exit code. */
export function run(command, args, { waiting, onStderr, shell = false } = {}) {
  return new Promise((resolve, reject) => {
    const begun = Date.now()
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, PATH: pathWithThisNode() },
      shell,
      stdio: ['inherit', 'inherit', onStderr === undefined ? 'inherit' : 'pipe'],
    })
    const ticker = waiting === undefined ? undefined : setInterval(tick, SAY_EVERY_MS)
    const stopForwarding = forwardSignals(child)
    child.stderr?.on('data', (chunk) => {
      process.stderr.write(chunk)
      onStderr(String(chunk))
    })
    child.once('error', (error) => {
      finish()
      reject(error)
    })
    child.once('close', (code, signal) => {
      finish()
      resolve(code ?? 128 + (constants.signals[signal] ?? 0))
    })

    function tick() {
      say(`still ${waiting} (${Math.round((Date.now() - begun) / 1000)} s)`)
    }

    function finish() {
      clearInterval(ticker)
      stopForwarding()
    }
  })
}

// Children that call `node` must get this one, not an older one that comes first on the path.
function pathWithThisNode() {
  return [dirname(process.execPath), process.env.PATH].join(delimiter)
}

/**
 * Ends the child when this process is told to end, and outlives it. A terminal sends Ctrl-C to the
 * whole foreground group: passing it on there would be a second one, which means "now" to many.
 */
function forwardSignals(child) {
  const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => [
    signal,
    () => {
      if (signal !== 'SIGINT' || !terminal) child.kill(signal)
    },
  ])
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
