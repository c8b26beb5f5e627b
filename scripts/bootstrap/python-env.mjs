import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureCached } from './cached-install.mjs'
import { run } from './child.mjs'
import { ROOT } from './root.mjs'
import { say } from './say.mjs'

const BIN = process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python'

/**
 * Makes the virtual environment of a requirements file (a path in the repository), unless it is there
 * already for this Python and these pins. Returns the path of its interpreter, null after a failure
 * that it has told.
 */
export async function ensurePythonEnv(name, requirements, python) {
  const place = `python/${name}`
  const wanted = `${python.path} ${python.version} ${digest(join(ROOT, requirements))}`
  const directory = await ensureCached(place, wanted, async (fresh) => {
    say(`installing ${requirements} into .cache/${place} with Python ${python.version}`)
    const made = await run(python.path, ['-m', 'venv', fresh], {})
    if (made !== 0) return failure(`python -m venv ended with ${made}`)
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', '-r', requirements]
    const installed = await run(join(fresh, BIN), pip, { waiting: () => 'still installing' })
    return installed === 0 ? null : failure(`pip ended with ${installed}`)
  })
  return directory === null ? null : join(directory, BIN)
}

function failure(what) {
  return (
    `the Python environment could not be made: ${what}; the reasons are above. The first run needs\n` +
    'a package registry: set PIP_INDEX_URL, or index-url with pip config, where it is not pypi.org.'
  )
}

function digest(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
