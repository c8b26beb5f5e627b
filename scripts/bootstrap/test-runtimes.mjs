import { alone } from './alone.mjs'
import { runNode } from './child.mjs'
import { ensureRuntime, RUNTIMES } from './runtimes.mjs'
import { say, sayFailure } from './say.mjs'
import { environmentWithout } from './test-environment.mjs'

/**
 * Runs the TypeScript SDK in other runtimes, against real gates; `[RUNTIME...]`. Returns the exit code
 * of the tests, 1 when a runtime could not be had.
 */
export async function testRuntimes(args) {
  const unknown = args.filter((name) => !Object.hasOwn(RUNTIMES, name))
  if (unknown.length > 0) {
    sayFailure(`no runtime ${unknown.join(', ')}: it is one of ${Object.keys(RUNTIMES).join(', ')}`)
    return 2
  }
  const names = args.length > 0 ? args : Object.keys(RUNTIMES)
  const present = []
  for (const name of names) {
    const binary = await alone(() => ensureRuntime(name))
    if (binary !== null) present.push({ name, binary })
  }
  if (present.length === 0) return 1
  say(
    `testing the SDK in ${present.map(({ name }) => `${name} ${RUNTIMES[name].version}`).join(', ')}`,
  )
  const tests = await runNode('node_modules/vitest/vitest.mjs', ['run'], {
    env: { ...environmentWithout('LATCHGATE_'), TEST_RUNTIMES: JSON.stringify(present) },
  })
  return present.length === names.length ? tests : tests || 1
}
