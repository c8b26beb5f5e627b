import { spawnSync } from 'node:child_process'

/** Oldest Python that the SDK and its tests run on. */
const OLDEST = [3, 10]

/** The one that is named first wins: what its user set, what is called Python here, what is left. */
const NAMES = [
  'python3',
  'python',
  'python3.13',
  'python3.12',
  'python3.11',
  'python3.10',
  'python3.14',
]

const PROBE = `import sys
print("%d.%d.%d" % sys.version_info[:3])
try:
    import ensurepip, venv
except ImportError:
    print("without venv")
else:
    print(sys.executable)`

/**
 * Finds a Python that can make the tests' environments: `{ path, version }`, or `{ advice }` for a
 * user who has none, which says what was found instead.
 */
export function findPython(env = process.env) {
  const names = env.PYTHON === undefined || env.PYTHON === '' ? NAMES : [env.PYTHON]
  const found = []
  for (const name of names) {
    const probed = probe(name)
    if (probed === null) continue
    if (isNewEnough(probed.version) && probed.path !== null) return probed
    found.push(`${name} is Python ${probed.version}${probed.path === null ? ' without venv' : ''}`)
  }
  return { advice: adviceFor(env, found) }
}

function probe(name) {
  const done = spawnSync(name, ['-c', PROBE], { encoding: 'utf8', timeout: 30_000 })
  // Shims of version managers exist for what is not installed: they fail.
  if (done.error !== undefined || done.status !== 0) return null
  const [version, path] = done.stdout.trim().split(/\r?\n/)
  return { version, path: path === 'without venv' ? null : path }
}

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number)
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])
}

function adviceFor(env, found) {
  const seen =
    found.length > 0
      ? found.join(', ')
      : env.PYTHON
        ? `PYTHON=${env.PYTHON} does not run`
        : 'no python3 was found'
  return (
    `test:python needs Python ${OLDEST.join('.')} or newer, with venv; ${seen}.\n` +
    'Get one from https://www.python.org/downloads/ or your system (on Debian: python3 and\n' +
    'python3-venv), or set PYTHON to the path of one, and run the command again.'
  )
}
