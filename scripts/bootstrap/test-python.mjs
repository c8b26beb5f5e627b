import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { alone } from './alone.mjs'
import { run } from './child.mjs'
import { findPython } from './python.mjs'
import { ensurePythonEnv } from './python-env.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'
import { environmentWithout } from './test-environment.mjs'

/** What leads a gate from Python. */
const HELPERS = 'packages/e2e/python'

/** Tests that run together: the published packages must not meet the SDK of this tree. */
const SUITES = {
  sdk: {
    tests: 'sdk-python/tests',
    path: ['sdk-python/src'],
    requirements: 'packages/e2e/python/sdk-requirements.txt',
  },
  gate: {
    tests: 'packages/e2e/python/sdk',
    path: ['sdk-python/src', 'sdk-python/tests'],
    environment: 'sdk',
    requirements: 'packages/e2e/python/sdk-requirements.txt',
  },
  examples: {
    tests: 'packages/e2e/python/examples',
    path: ['sdk-python/src'],
    environment: 'sdk',
    requirements: 'packages/e2e/python/sdk-requirements.txt',
  },
  published: {
    tests: 'packages/e2e/python/published',
    requirements: 'packages/e2e/python/published/requirements.txt',
  },
  crewai: {
    tests: 'packages/e2e/python/crewai',
    requirements: 'packages/e2e/python/crewai/requirements.txt',
  },
}

/**
 * Runs the Python tests, each suite in an environment of its own; `[SUITE] [PYTEST ARGUMENT...]`.
 * Returns the exit code of the first suite that failed.
 */
export async function testPython(args) {
  const python = findPython()
  if (python.advice !== undefined) {
    sayFailure(python.advice)
    return 1
  }
  const one = Object.hasOwn(SUITES, args[0] ?? '') ? args[0] : null
  const names = one === null ? Object.keys(SUITES) : [one]
  const present = names.filter((name) => existsSync(join(ROOT, SUITES[name].tests)))
  if (present.length === 0) {
    sayFailure(`there are no tests in ${names.map((name) => SUITES[name].tests).join(', ')}`)
    return 1
  }
  let worst = 0
  for (const name of present) {
    const code = await testSuite(name, python, one === null ? args : args.slice(1))
    if (worst === 0) worst = code
  }
  return worst
}

async function testSuite(name, python, args) {
  const { tests, path = [], environment: shared = name, requirements } = SUITES[name]
  const interpreter = await alone(() => ensurePythonEnv(shared, requirements, python))
  if (interpreter === null) return 1
  say(`testing ${tests} with Python ${python.version}`)
  const paths = [...path, HELPERS].map((one) => join(ROOT, one))
  const env = {
    ...environmentWithout('PYTHON', 'LATCHGATE_'),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONPATH: paths.join(delimiter),
    NODE: process.execPath,
  }
  const pytest = ['-m', 'pytest', '-p', 'no:cacheprovider', tests, ...args]
  return run(interpreter, pytest, { env })
}
