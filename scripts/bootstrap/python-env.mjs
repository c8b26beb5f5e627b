import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './child.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'

const HOME = join(ROOT, '.cache/python')
const BIN = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'

/**
 * Makes the virtual environment of a requirements file (a path in the repository), unless it is there
 * already for this Python and these pins. Returns the path of its interpreter, null after a failure
 * that it has told.
 */
export async function ensurePythonEnv(name, requirements, python) {
  const directory = join(HOME, name)
  const interpreter = join(directory, BIN)
  const mark = join(directory, 'complete')
  const wanted = `${python.path} ${python.version} ${digest(join(ROOT, requirements))}\n`
  if (existsSync(interpreter) && existsSync(mark) && readFileSync(mark, 'utf8') === wanted) {
    return interpreter
  }
  // An interrupted installation has no mark, and nothing of it can be trusted.
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(HOME, { recursive: true })
  say(`installing ${requirements} into .cache/python/${name} with Python ${python.version}`)
  const made = await run(python.path, ['-m', 'venv', directory], {})
  if (made !== 0) return failed(`python -m venv ended with ${made}`)
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', '-r', requirements]
  const installed = await run(interpreter, pip, { waiting: () => 'still installing' })
  if (installed !== 0) return failed(`pip ended with ${installed}`)
  writeFileSync(mark, wanted)
  return interpreter
}

function failed(what) {
  sayFailure(
    `the Python environment could not be made: ${what}; the reasons are above. The first run needs\n` +
      'a package registry: set PIP_INDEX_URL, or index-url with pip config, where it is not pypi.org.',
  )
  return null
}

function digest(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
