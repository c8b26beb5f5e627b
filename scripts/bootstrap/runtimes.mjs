import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { npm } from './install.mjs'
import { ROOT } from './root.mjs'
import { say, sayFailure } from './say.mjs'

const HOME = '.cache/runtimes'

/**
 * The runtimes besides Node that the SDK is tested in. Their npm packages are the binaries themselves:
 * no install script, nothing that is fetched from elsewhere.
 */
export const RUNTIMES = {
  bun: {
    version: '1.4.5',
    binary: 'bin/bun',
    packages: {
      'linux-x64': '@oven/bun-linux-x64',
      'linux-arm64': '@oven/bun-linux-aarch64',
      'darwin-x64': '@oven/bun-darwin-x64',
      'darwin-arm64': '@oven/bun-darwin-aarch64',
    },
  },
  deno: {
    version: '2.9.6',
    binary: 'deno',
    packages: {
      'linux-x64': '@deno/linux-x64-glibc',
      'linux-arm64': '@deno/linux-arm64-glibc',
      'darwin-x64': '@deno/darwin-x64',
      'darwin-arm64': '@deno/darwin-arm64',
    },
  },
}

/** Installs a runtime unless it is there; returns the path of its binary, null after telling why not. */
export async function ensureRuntime(name) {
  const { version, binary, packages } = RUNTIMES[name]
  const platform = `${process.platform}-${process.arch}`
  const wanted = packages[platform]
  if (wanted === undefined) {
    sayFailure(
      `there is no package of ${name} ${version} for ${platform} that test:runtimes knows; it knows\n` +
        `${Object.keys(packages).join(', ')}`,
    )
    return null
  }
  const place = join(HOME, `${name}-${version}`)
  const directory = join(ROOT, place)
  const path = join(directory, 'node_modules', wanted, binary)
  const mark = join(directory, 'complete')
  if (existsSync(mark) && existsSync(path)) return path
  // An interrupted installation has no mark, and nothing of it can be trusted.
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  say(`installing ${wanted} ${version} into ${place}`)
  const install = ['install', '--prefix', place, '--ignore-scripts', '--no-audit', '--no-fund']
  const code = await npm([...install, '--save-exact', `${wanted}@${version}`], {
    waiting: () => 'still installing',
  })
  if (code !== 0 || !existsSync(path)) {
    sayFailure(
      `${name} could not be installed: npm ended with ${code}; the reasons are above. The first run\n` +
        'needs the registry that npm is set to.',
    )
    return null
  }
  writeFileSync(mark, '')
  return path
}
