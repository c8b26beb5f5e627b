import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { ROOT } from './root.mjs'
import { say } from './say.mjs'

const SAY_EVERY_MS = 10_000

/** Runs a script with the Node that runs this one; see `run`. */
export function runNode(script, args, options = {}) {
  return run(process.execPath, [script, ...args], options)
}

/**
 * Runs a command in the repository's directory and returns its exit code, 128 + n after signal n.
 * `waiting` gives the words for those who watch a long step. With `readStderr` the child's stderr
 * goes through that function; `isHopeless` is asked now and then whether to end the child. A signal
 * ends the child and then this process, unless the child `endsItself` on signals: then its exit code
 * is the answer. `env` is its environment instead of this process's.
 */
export function run(command, args, options) {
  const { waiting, readStderr, isHopeless, endsItself = false, shell = false } = options
  const { env = process.env } = options
  return new Promise((resolve, reject) => {
    const begun = Date.now()
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...env, PATH: pathWithThisNode() },
      shell,
      stdio: ['inherit', 'inherit', readStderr === undefined ? 'inherit' : 'pipe'],
    })
    const ticker = waiting === undefined ? undefined : setInterval(tick, SAY_EVERY_MS)
    const signals = forwardSignals(child)
    child.stderr?.setEncoding('utf8').on('data', (text) => process.stderr.write(readStderr(text)))
    child.once('error', (error) => {
      finish()
      reject(error)
    })
    child.once('close', (code, signal) => {
      finish()
      // What comes after an interrupted step must not run, and its exit code may well be 0.
      if (signals.received !== null && !endsItself) process.kill(process.pid, signals.received)
      else resolve(code ?? 128 + (constants.signals[signal] ?? 0))
    })

    function tick() {
      say(`${waiting()} (${Math.round((Date.now() - begun) / 1000)} s)`)
      if (isHopeless?.()) child.kill()
    }

    function finish() {
      clearInterval(ticker)
      signals.stop()
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
  const signals = { received: null, stop }
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => [
    signal,
    () => {
      signals.received = signal
      if (signal !== 'SIGINT' || !terminal) child.kill(signal)
    },
  ])
  for (const [signal, handler] of handlers) process.on(signal, handler)
  return signals

  function stop() {
    for (const [signal, handler] of handlers) process.off(signal, handler)
  }
}
