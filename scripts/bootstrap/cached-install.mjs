import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './install.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'

/**
 * Makes what a test command needs besides the dependencies in a directory of `.cache`, unless that very
 * thing, by the text `wanted`, is there already. `make` is given the directory, empty, and returns null
 * or why it failed, having told the rest. Returns the directory, null after a failure.
 */
export async function ensureCached(place, wanted, make) {
  const directory = join(ROOT, '.cache', place)
  const mark = join(directory, 'complete')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === `${wanted}\n`) return directory
  // An interrupted installation has no mark, and nothing of it can be trusted.
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  const fault = await make(directory)
  if (fault !== null) {
    sayFailure(fault)
    return null
  }
  writeFileSync(mark, `${wanted}\n`)
  return directory
}

/** Installs one package of npm, `name@version`, into a directory of `.cache`; returns as `ensureCached`. */
export function ensureNpmPackage(place, wanted) {
  return ensureCached(place, wanted, async (directory) => {
    say(`installing ${wanted} into .cache/${place}`)
    const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const code = await npm(['install', '--prefix', directory, ...quiet, '--save-exact', wanted], {
      waiting: () => 'still installing',
    })
    if (code === 0) return null
    return (
      `${wanted} could not be installed: npm ended with ${code}; the reasons are above. The first run\n` +
      'needs the registry that npm is set to.'
    )
  })
}
